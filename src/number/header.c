/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which custom headers may be injected. A header of the table is written into
 * requests as it stands, so nothing in it may end the line, and none may take
 * the place of a header that the gateway itself writes or judges.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <re.h>
#include "number_priv.h"

/* In strcasecmp() order: it is searched by halves. "Content-*" and names of one
   letter (compact forms, RFC 3261 section 7.3.3) are refused as families. */
static const char *const owned[] = {
	"Accept",
	"Accept-Contact",
	"Accept-Encoding",
	"Accept-Language",
	"Accept-Resource-Priority",
	"Allow",
	"Allow-Events",
	"Authentication-Info",
	"Authorization",
	"Call-ID",
	"Contact",
	"CSeq",
	"Date",
	"Diversion",
	"Encryption",
	"Error-Info",
	"Event",
	"Expires",
	"Flow-Timer",
	"From",
	"Hide",
	"History-Info",
	"Identity",
	"Identity-Info",
	"In-Reply-To",
	"Info-Package",
	"Join",
	"Max-Breadth",
	"Max-Forwards",
	"MIME-Version",
	"Min-Expires",
	"Min-SE",
	"P-Asserted-Identity",
	"P-Preferred-Identity",
	"Path",
	"Privacy",
	"Proxy-Authenticate",
	"Proxy-Authentication-Info",
	"Proxy-Authorization",
	"Proxy-Require",
	"RAck",
	"Reason",
	"Record-Route",
	"Recv-Info",
	"Refer-Events-At",
	"Refer-Sub",
	"Refer-To",
	"Referred-By",
	"Reject-Contact",
	"Remote-Party-ID",
	"Replaces",
	"Request-Disposition",
	"Require",
	"Response-Key",
	"Retry-After",
	"Route",
	"RSeq",
	"Security-Client",
	"Security-Server",
	"Security-Verify",
	"Server",
	"Service-Route",
	"Session-Expires",
	"Session-ID",
	"SIP-ETag",
	"SIP-If-Match",
	"Subscription-State",
	"Supported",
	"Suppress-If-Match",
	"Target-Dialog",
	"Timestamp",
	"To",
	"Unsupported",
	"User-Agent",
	"Via",
	"Warning",
	"WWW-Authenticate",
};

static int owned_cmp(const void *key, const void *elem)
{
	return strcasecmp(key, *(const char *const *)elem);
}

static bool is_owned(const char *name)
{
	if (!strncasecmp(name, "Content-", 8))
		return true;

	return bsearch(name, owned, sizeof(owned) / sizeof(owned[0]), sizeof(owned[0]),
		       owned_cmp) != NULL;
}

/** RFC 3261 section 25.1: token. */
static bool is_token(const char *s)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-.!%*_+`'~";

	return s[0] && !s[strspn(s, chars)];
}

/**
 * Length of the UTF-8 character (RFC 3629) at s, 0 when it is none or a
 * control character. The string's NUL stops every look-ahead.
 */
static size_t utf8_len(const unsigned char *s)
{
	size_t n, i;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;

	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}

	switch (s[0]) {
	case 0xc2: /* U+0080..U+009F are control characters */
	case 0xe0:
		return s[1] >= 0xa0 ? n : 0;
	case 0xed: /* surrogates */
		return s[1] < 0xa0 ? n : 0;
	case 0xf0:
		return s[1] >= 0x90 ? n : 0;
	case 0xf4:
		return s[1] < 0x90 ? n : 0;
	default:
		return n;
	}
}

/** In lower case, as names are kept to be found. @return false: too long for one */
bool number_header_lower(char out[SP_NUMBER_HEADER_NAME_MAX + 1], const struct pl *name)
{
	size_t i;

	if (name->l > SP_NUMBER_HEADER_NAME_MAX)
		return false;
	for (i = 0; i < name->l; i++) {
		const char c = name->p[i];

		out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
	}
	out[i] = '\0';

	return true;
}

/** At most max bytes of UTF-8 without any control character. */
bool number_text_ok(const char *s, size_t max)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i = 0;

	while (p[i]) {
		const size_t n = utf8_len(p + i);

		if (!n || i + n > max)
			return false;
		i += n;
	}

	return true;
}

const char *number_header_bad(const char *name, const char *value)
{
	if (!name || !is_token(name))
		return "write the header's name with letters, digits and \"-\" only";
	if (!name[1])
		return "names of one letter are SIP's own short forms: take a longer name";
	if (strlen(name) > SP_NUMBER_HEADER_NAME_MAX)
		return "shorten the header's name to 64 characters";
	if (is_owned(name))
		return "the gateway writes this header itself: take another name, such as "
		       "\"X-...\"";
	if (!value)
		return "give the header a value";
	if (strlen(value) > SP_NUMBER_HEADER_VALUE_MAX)
		return "shorten the header's value to 256 bytes";
	if (!number_text_ok(value, SP_NUMBER_HEADER_VALUE_MAX))
		return "write the header's value as UTF-8 text without line breaks, tabs or other "
		       "control characters";

	return number_template_bad(value);
}
