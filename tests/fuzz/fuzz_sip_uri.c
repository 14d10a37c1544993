/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzzes the decoders of URIs and header values, each with the whole input.
 */
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "sallyport/sip_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const struct pl *part, const struct pl *text)
{
	if (part->l && (part->p < text->p || part->p + part->l > text->p + text->l))
		abort();
}

static void uri(const struct pl *text)
{
	struct sp_sip_uri u;
	char buf[64];

	if (sp_sip_uri_decode(&u, text))
		return;

	inside(&u.user, text);
	inside(&u.host, text);
	inside(&u.params, text);
	inside(&u.headers, text);
	if (memchr(text->p, ' ', text->l) || memchr(text->p, '>', text->l))
		abort();
	if (u.scheme == SP_URI_SIP && !u.host.l)
		abort();
	(void)sp_sip_unescape(buf, sizeof(buf), &u.user);
	(void)sp_sip_param(NULL, &u.params, "transport");
}

static void list(const struct pl *text)
{
	struct pl rest = *text, value;
	size_t n = 0;

	while (sp_sip_list_next(&value, &rest)) {
		inside(&value, text);
		inside(&rest, text);
		if (++n > text->l + 1)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pl text = {(const char *)data, size};
	struct sp_sip_addr addr;
	struct sp_sip_via via;
	struct pl method;
	uint32_t num;

	if (!size)
		return 0;

	uri(&text);
	list(&text);
	if (!sp_sip_addr_decode(&addr, &text)) {
		inside(&addr.display, &text);
		inside(&addr.params, &text);
		uri(&addr.text);
	}
	if (!sp_sip_via_decode(&via, &text)) {
		inside(&via.sent_by, &text);
		inside(&via.branch, &text);
	}
	if (!sp_sip_cseq_decode(&num, &method, &text) && (num > INT32_MAX || !method.l))
		abort();

	return 0;
}
