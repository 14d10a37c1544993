/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzzes the decoders of URIs and header values, each with the whole input.
 * What was read lies within the text; written anew from its parts, it reads the
 * same.
 */
#include <re.h>
#include "fuzz_assert.h"
#include "sallyport/sip_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const struct pl *part, const struct pl *text)
{
	must(!part->l || (part->p >= text->p && part->p + part->l <= text->p + text->l));
}

static bool same(const struct pl *a, const struct pl *b)
{
	return a->l == b->l && (!a->l || !memcmp(a->p, b->p, a->l));
}

static struct pl written(const struct mbuf *mb)
{
	return (struct pl){(const char *)mb->buf, mb->end};
}

/** What a URI's user stands for is as long as it can be, and has no escapes but its own. */
static void escapes(const struct pl *text)
{
	char buf[64], all[512];
	size_t n = 0;

	if (sp_sip_unescape(all, sizeof(all), text)) {
		must(text->l >= sizeof(all) || memchr(text->p, '%', text->l) ||
		     memchr(text->p, 0, text->l));
		return;
	}
	for (size_t i = 0; i < text->l; i++, n++) {
		const bool escaped = '%' == text->p[i];

		must(all[n] && (escaped || all[n] == text->p[i]));
		i += escaped ? 2 : 0;
	}
	must(!all[n] && (EOVERFLOW == sp_sip_unescape(buf, sizeof(buf), text)) == (n > 63));
}

/** A password is not kept, and a default is not written. */
static void uri_write(struct mbuf *mb, const struct sp_sip_uri *u)
{
	static const char *const schemes[] = {"sip:", "sips:", "tel:"};
	const bool v6 = u->host.l && memchr(u->host.p, ':', u->host.l);

	must(!mbuf_write_str(mb, schemes[u->scheme]));
	must(!mbuf_printf(mb, "%r%s%s%r%s", &u->user, u->user.l && u->host.l ? "@" : "",
			  v6 ? "[" : "", &u->host, v6 ? "]" : ""));
	if (u->port)
		must(!mbuf_printf(mb, ":%u", u->port));
	must(!mbuf_printf(mb, "%r%s%r", &u->params, u->headers.l ? "?" : "", &u->headers));
}

static void uri(const struct pl *text)
{
	struct mbuf *mb = mbuf_alloc(64);
	struct sp_sip_uri u, again;
	struct pl anew, param;

	if (sp_sip_uri_decode(&u, text))
		goto out;
	inside(&u.user, text);
	inside(&u.host, text);
	inside(&u.params, text);
	inside(&u.headers, text);
	must(!memchr(text->p, ' ', text->l) && !memchr(text->p, '>', text->l));
	must(u.host.l || u.scheme > SP_URI_SIPS);
	escapes(&u.user);
	if (sp_sip_param(&param, &u.params, "transport"))
		inside(&param, &u.params);
	if (u.scheme == SP_URI_OTHER)
		goto out;
	uri_write(mb, &u);
	anew = written(mb);
	must(!sp_sip_uri_decode(&again, &anew));
	must(u.scheme == again.scheme && u.port == again.port && same(&u.user, &again.user) &&
	     same(&u.host, &again.host) && same(&u.params, &again.params) &&
	     same(&u.headers, &again.headers));
out:
	mem_deref(mb);
}

static void address(const struct pl *text)
{
	struct mbuf *mb = mbuf_alloc(64);
	struct sp_sip_addr a, again;
	struct pl anew, tag, other;
	const char *quote;

	if (sp_sip_addr_decode(&a, text))
		goto out;
	inside(&a.display, text);
	inside(&a.params, text);
	uri(&a.text);
	quote = a.display.l ? "\"" : "";
	must(!mbuf_printf(mb, "%s%r%s<%r>%r", quote, &a.display, quote, &a.text, &a.params));
	anew = written(mb);
	must(!sp_sip_addr_decode(&again, &anew));
	must(same(&a.display, &again.display) && same(&a.text, &again.text) &&
	     same(&a.params, &again.params));
	must(sp_sip_param(&tag, &a.params, "tag") == sp_sip_param(&other, &again.params, "tag"));
out:
	mem_deref(mb);
}

static void via(const struct pl *text)
{
	struct mbuf *mb = mbuf_alloc(64);
	struct sp_sip_via v, again;
	struct pl anew;

	if (sp_sip_via_decode(&v, text))
		goto out;
	inside(&v.sent_by, text);
	inside(&v.branch, text);
	must(!mbuf_printf(mb, "SIP/2.0/%r %r%r", &v.transport, &v.sent_by, &v.params));
	anew = written(mb);
	must(!sp_sip_via_decode(&again, &anew));
	must(same(&v.transport, &again.transport) && same(&v.sent_by, &again.sent_by) &&
	     same(&v.branch, &again.branch) && same(&v.params, &again.params));
out:
	mem_deref(mb);
}

/** Values with commas between them are the same values; empty ones are what decoders refuse. */
static void list(const struct pl *text)
{
	struct mbuf *mb = mbuf_alloc(64);
	struct pl rest = *text, value, anew, other;
	bool empty = false;
	size_t n = 0;

	while (sp_sip_list_next(&value, &rest)) {
		empty |= !value.l;
		inside(&value, text);
		inside(&rest, text);
		must(++n <= text->l + 1);
		must(!mbuf_printf(mb, "%s%r", n > 1 ? "," : "", &value));
	}
	anew = written(mb);
	rest = *text;
	while (!empty && sp_sip_list_next(&value, &rest)) {
		must(sp_sip_list_next(&other, &anew) && same(&value, &other));
		n--;
	}
	must(empty || (!n && !sp_sip_list_next(&other, &anew)));
	mem_deref(mb);
}

static void cseq(const struct pl *text)
{
	struct pl method, other, anew;
	uint32_t num, again;
	char buf[64];

	if (sp_sip_cseq_decode(&num, &method, text) || method.l > 40)
		return;
	must(num <= INT32_MAX && method.l);
	must(re_snprintf(buf, sizeof(buf), "%u %r", num, &method) > 0);
	pl_set_str(&anew, buf);
	must(!sp_sip_cseq_decode(&again, &other, &anew) && again == num && same(&method, &other));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pl text = {(const char *)data, size};

	if (!size)
		return 0;
	escapes(&text);
	uri(&text);
	address(&text);
	via(&text);
	list(&text);
	cseq(&text);
	return 0;
}
