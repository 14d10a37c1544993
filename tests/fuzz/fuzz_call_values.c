/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzzes the readers of header values that only the call room has: Replaces,
 * Reason, Retry-After, Privacy, Subscription-State, patterns of rules. Each gets
 * the whole input, as a peer's header would bring it. What goes on to the other
 * side is a line that can be one, reads as what came, and reads the same again.
 */
#include "fuzz_assert.h"
#include "transfer_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pl written(const struct mbuf *mb)
{
	return (struct pl){(const char *)mb->buf, mb->end};
}

/** Name, value and CRLF, and nothing that could be taken for another line. */
static struct pl line_value(const struct mbuf *mb, const char *name)
{
	struct pl line = written(mb);

	must(line.l > strlen(name) + 4 && !memcmp(line.p, name, strlen(name)));
	must(!memcmp(line.p + line.l - 2, "\r\n", 2) && line.p[strlen(name)] == ':');
	line.l -= 2;
	pl_advance(&line, (ssize_t)strlen(name) + 2);
	must(!memchr(line.p, '\r', line.l) && !memchr(line.p, '\n', line.l));
	return line;
}

static void replaces(const struct pl *text)
{
	struct mbuf *mb = mbuf_alloc(64);
	struct replaces r, again;
	struct sp_sip_uri uri;
	char *anew = NULL;
	struct pl pl, params;
	const char *id;

	if (replaces_decode(&r, text))
		goto out;
	params = (struct pl){text->p, text->l};
	pl_advance(&params, pl_strchr(text, ';') - text->p);
	id = text->p + strspn(text->p, " \t");
	must(!strpbrk(r.call_id, " \t,;") && !strpbrk(r.to_tag, " ,;") &&
	     !strpbrk(r.from_tag, " ,;"));
	must(*r.call_id && !memcmp(id, r.call_id, strlen(r.call_id)));
	must(strchr(" \t;", id[strlen(r.call_id)]));
	must(sp_sip_param(&pl, &params, "to-tag") && !pl_strcmp(&pl, r.to_tag));
	must(sp_sip_param(&pl, &params, "from-tag") && !pl_strcmp(&pl, r.from_tag));
	must(!replaces_dup(&anew, &r));
	pl_set_str(&pl, anew);
	must(!replaces_decode(&again, &pl) && !memcmp(&r, &again, sizeof(r)));
	must(!mbuf_write_str(mb, "sip:a@b.example?Replaces=") && !replaces_put_escaped(mb, &r));
	pl = written(mb);
	must(!sp_sip_uri_decode(&uri, &pl));
	must(!replaces_of_uri(&again, &uri) && !memcmp(&r, &again, sizeof(r)));
	must(!mbuf_write_str(mb, "&replaces=x"));
	pl = written(mb);
	must(!sp_sip_uri_decode(&uri, &pl) && EBADMSG == replaces_of_uri(&again, &uri));
out:
	mem_deref(anew);
	mem_deref(mb);
}

static void refer_to(const struct pl *text)
{
	struct sp_sip_addr addr;
	struct replaces r;

	if (sp_sip_addr_decode(&addr, text))
		return;
	if (!replaces_of_uri(&r, &addr.uri))
		must(*r.call_id && *r.to_tag && *r.from_tag && addr.uri.headers.l);
	if (refer_names_host(&addr.uri.user))
		must(addr.uri.user.l > 2);
}

static void reason(const struct pl *text)
{
	char value[32], again[32];
	struct pl pl;

	if (!policy_reason_value(value, sizeof(value), text)) {
		must(!*value);
		return;
	}
	must(!value[strspn(value, "SIPQ.;cause=0123456789")]);
	pl_set_str(&pl, value);
	must(policy_reason_value(again, sizeof(again), &pl) && !strcmp(value, again));
}

static void subscription_state(const struct pl *text)
{
	struct mbuf *mb = mbuf_alloc(64), *again = mbuf_alloc(64);
	struct pl value;

	must(!notify_put_state(mb, text));
	value = line_value(mb, "Subscription-State");
	must(!notify_put_state(again, &value));
	must(mb->end == again->end && !memcmp(mb->buf, again->buf, mb->end));
	mem_deref(mb);
	mem_deref(again);
}

static void warning(const struct pl *text)
{
	struct mbuf *mb = mbuf_alloc(64);
	char *s = NULL;
	struct pl pl;

	must(!pl_strdup(&s, text));
	if (!sp_sip_put_warning(mb, "gw.example", s)) {
		pl = line_value(mb, "Warning");
		must(pl.l > 17 && !memcmp(pl.p, "399 gw.example \"", 16) && pl.p[pl.l - 1] == '"');
		pl_advance(&pl, 16);
		for (pl.l--; pl.l; pl_advance(&pl, 1)) { /* one quoted-string, to its end */
			must('"' != *pl.p && ('\\' != *pl.p || pl.l > 1));
			if ('\\' == *pl.p)
				pl_advance(&pl, 1);
		}
	} else {
		must(!mb->end);
	}
	mem_deref(s);
	mem_deref(mb);
}

/** Does the pattern fit? As slow and plain as it can be said. */
static bool fits(const char *pattern, const char *text, size_t n)
{
	if (!*pattern)
		return !n;
	if ('*' == *pattern)
		return fits(pattern + 1, text, n) || (n && fits(pattern, text + 1, n - 1));
	return n && *pattern == *text && fits(pattern + 1, text + 1, n - 1);
}

/** The pattern is what stands before the first blank. */
static void pattern(const struct pl *text)
{
	const char *blank = memchr(text->p, ' ', text->l);
	struct pl rest, head;
	char *s = NULL;

	if (!blank || text->l > 24)
		return;
	head = (struct pl){text->p, (size_t)(blank - text->p)};
	rest = (struct pl){blank + 1, text->l - head.l - 1};
	must(!pl_strdup(&s, &head));
	must(rules_match(s, &rest) == fits(s, rest.p, rest.l));
	mem_deref(s);
}

/** What a message says as a whole: of privacy, and of when to try again. */
static void message(const struct pl *text)
{
	struct mbuf *mb = mbuf_alloc(256);
	struct sp_sip_msg *m = NULL;
	struct sp_sip_fault fault;
	uint32_t after;

	must(!mbuf_printf(mb,
			  "SIP/2.0 503 x\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\n"
			  "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\n"
			  "CSeq: 1 INVITE\r\nContent-Length: 0\r\nPrivacy: %r\r\n"
			  "Retry-After: %r\r\n\r\n",
			  text, text));
	if (sp_sip_msg_parse(&m, (const char *)mb->buf, mb->end, &fault))
		goto out;
	must(!identity_private(m) || identity_withheld(m));
	after = policy_retry_after_s(m);
	must(!after || (sp_sip_msg_next(m, SP_HDR_RETRY_AFTER, NULL)->value.p[0] >= '0'));
out:
	mem_deref(m);
	mem_deref(mb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pl text = {(const char *)data, size};

	/* a header's value has been looked at by the parser */
	if (!size || size > SP_SIP_LINE_MAX || memchr(data, 0, size) || memchr(data, '\r', size) ||
	    memchr(data, '\n', size))
		return 0;
	replaces(&text);
	refer_to(&text);
	reason(&text);
	subscription_state(&text);
	warning(&text);
	pattern(&text);
	message(&text);
	return 0;
}
