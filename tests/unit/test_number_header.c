/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which custom headers may be injected (RFC 3261 sections 7.3.1, 7.3.3, 25.1).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <ctype.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>
#include "number_priv.h"

static void custom_headers(void **state)
{
	static const char *const good[] = {
		"X-MS-TenantID", "X-MS-SBC",     "x-account", "User-to-User",
		"Alert-Info",    "X-!%*_+`'~.1", "Priority",
	};
	char name[SP_NUMBER_HEADER_NAME_MAX + 1];
	size_t i;
	(void)state;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_null(number_header_bad(good[i], "value"));

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_null(number_header_bad(name, ""));
}

static void names_must_be_tokens(void **state)
{
	static const char *const bad[] = {
		"",        " ",        "X A", "X-A:",      "X-A: b\r\nVia", "X-A\r\n", "X-A\n",
		"X-A\tb",  "X(A)",     "X@A", "X\xc3\xa4", "\"X\"",         "X;a",     "X,a",
		"X-A\x7f", "X-A\x01b", "X/A", "<X>",       "X=1",           "X?",      " X-A",
	};
	char name[SP_NUMBER_HEADER_NAME_MAX + 2];
	size_t i;
	(void)state;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(number_header_bad(bad[i], "value"));

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_non_null(strstr(number_header_bad(name, ""), "64"));
	assert_non_null(number_header_bad(NULL, "value"));
	assert_non_null(number_header_bad("X-A", NULL));
}

/* Every one, so that the list's order, on which its search rests, is proven too. */
static const char *const owned[] = {
	"Via",
	"From",
	"To",
	"Call-ID",
	"CSeq",
	"Contact",
	"Max-Forwards",
	"Content-Type",
	"Content-Length",
	"Content-Encoding",
	"Content-Disposition",
	"Content-Language",
	"Content-ID",
	"Content-Anything",
	"Route",
	"Record-Route",
	"Require",
	"Supported",
	"Unsupported",
	"Proxy-Require",
	"Allow",
	"Allow-Events",
	"Accept",
	"Accept-Contact",
	"Accept-Encoding",
	"Accept-Language",
	"Accept-Resource-Priority",
	"Expires",
	"Min-Expires",
	"Session-Expires",
	"Min-SE",
	"RSeq",
	"RAck",
	"Authorization",
	"Authentication-Info",
	"Proxy-Authenticate",
	"Proxy-Authentication-Info",
	"Proxy-Authorization",
	"WWW-Authenticate",
	"MIME-Version",
	"Date",
	"Identity",
	"Identity-Info",
	"Replaces",
	"Refer-To",
	"Refer-Sub",
	"Referred-By",
	"Refer-Events-At",
	"Privacy",
	"P-Asserted-Identity",
	"P-Preferred-Identity",
	"Remote-Party-ID",
	"Path",
	"Service-Route",
	"History-Info",
	"Diversion",
	"Reason",
	"Event",
	"Subscription-State",
	"User-Agent",
	"Server",
	"Timestamp",
	"Retry-After",
	"Warning",
	"Error-Info",
	"Join",
	"Target-Dialog",
	"Session-ID",
	"SIP-ETag",
	"SIP-If-Match",
	"Suppress-If-Match",
	"Request-Disposition",
	"Reject-Contact",
	"Security-Client",
	"Security-Server",
	"Security-Verify",
	"Max-Breadth",
	"Recv-Info",
	"Info-Package",
	"Flow-Timer",
	"Hide",
	"Encryption",
	"Response-Key",
	"In-Reply-To",
};

static void owned_headers_in_any_case(void **state)
{
	size_t i, j;
	(void)state;

	for (i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
		char name[SP_NUMBER_HEADER_NAME_MAX];
		const char *mend = number_header_bad(owned[i], "value");

		assert_non_null(mend);
		assert_non_null(strstr(mend, "the gateway writes this header itself"));
		for (j = 0; owned[i][j]; j++)
			name[j] = (char)toupper(owned[i][j]);
		name[j] = '\0';
		assert_non_null(number_header_bad(name, "value"));
		for (j = 0; owned[i][j]; j++)
			name[j] = (char)tolower(owned[i][j]);
		assert_non_null(number_header_bad(name, "value"));
		/* only the very name is owned */
		memmove(name + 2, name, j + 1);
		memcpy(name, "X-", 2);
		assert_null(number_header_bad(name, "value"));
	}
}

static void compact_forms(void **state)
{
	char name[2] = "";
	(void)state;

	for (name[0] = 'a'; name[0] <= 'z'; name[0]++)
		assert_non_null(number_header_bad(name, "value"));
	for (name[0] = 'A'; name[0] <= 'Z'; name[0]++)
		assert_non_null(number_header_bad(name, "value"));
}

static void values_cannot_inject(void **state)
{
	static const char *const bad[] = {
		"a\r\nVia: SIP/2.0/TLS evil",
		"a\nTo: x",
		"a\rTo: x",
		"\r\n\r\nbody",
		"a\r\n b",
		"a\tb",
		"a\x01",
		"\x7f",
		"\x1b[2J",
		"a\x0b",
		"caf\xe9",
		"\xc0\x8d\xc0\x8a",
		"\xc2\x85",
		"\xe2\x80",
		"\xed\xa0\x80",
		"\xf5\x80\x80\x80",
		"\xf0\x80\x80\x8a",
		"\xe0\x80\x8d",
		"\xf4\x90\x80\x80",
		"\x80",
		"\xe2\x80\n",
	};
	static const char *const good[] = {
		"",         "tenant-1",     "a: b;c=\"d\"",     "%0d%0aVia: x",
		"\\r\\n",   "caf\xc3\xa9",  "\xe2\x82\xac",     "\xf0\x9f\x93\x9e",
		"\xc2\xa0", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf",
	};
	size_t i;
	(void)state;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(number_header_bad("X-A", bad[i]));
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_null(number_header_bad("X-A", good[i]));
}

static void values_are_bounded(void **state)
{
	char value[SP_NUMBER_HEADER_VALUE_MAX + 2];
	(void)state;

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_non_null(strstr(number_header_bad("X-A", value), "256"));
	value[SP_NUMBER_HEADER_VALUE_MAX] = '\0';
	assert_null(number_header_bad("X-A", value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(custom_headers),
		cmocka_unit_test(names_must_be_tokens),
		cmocka_unit_test(owned_headers_in_any_case),
		cmocka_unit_test(compact_forms),
		cmocka_unit_test(values_cannot_inject),
		cmocka_unit_test(values_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
