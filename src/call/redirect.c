/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/redirect: where a 3xx points (RFC 3261 8.1.3.4). Followed is what stays
 * with the trunk that said it: its own names, and numbers that lead back to it.
 * A contact can choose another user or another of the trunk's targets; it sends
 * no call anywhere else.
 */
#include <string.h>

#include "redirect_priv.h"

static void destructor(void *arg)
{
	struct redirect_contact *c = arg;

	mem_deref(c->id);
	mem_deref(c->host);
}

/** Text of a contact's q, "0.25"; none counts as 1, what is none as 0 (RFC 3261 20.10). */
static unsigned contact_q(const struct sp_sip_addr *addr)
{
	unsigned q, unit = 100;
	struct pl value;

	if (!sp_sip_param(&value, &addr->params, "q"))
		return 1000;
	if (!value.l || ('0' != value.p[0] && '1' != value.p[0]))
		return 0;
	q = '1' == value.p[0] ? 1000 : 0;
	for (size_t i = 2; i < value.l && i < 5; i++, unit /= 10) {
		if ('.' != value.p[1] || value.p[i] < '0' || value.p[i] > '9')
			return 0;
		q += unit * (unsigned)(value.p[i] - '0');
	}
	return min(q, 1000U);
}

/** The URI's own parameters: none that would choose a way for us, or cannot stand there. */
static int put_params(struct mbuf *mb, const struct pl *params)
{
	static const char *const ours[] = {"transport", "maddr", "ttl", "lr", "method", "user"};
	struct pl rest = *params;
	int err = 0;

	while (rest.l && !err) {
		struct pl one = {rest.p + 1, 0}, name;
		bool pass = true;

		while (one.l + 1 < rest.l && ';' != one.p[one.l])
			one.l++;
		pl_advance(&rest, (ssize_t)one.l + 1);
		name = one;
		if (pl_strchr(&one, '='))
			name.l = (size_t)(pl_strchr(&one, '=') - one.p);
		for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
			pass &= 0 != pl_strcasecmp(&name, ours[i]);
		if (pass && one.l)
			err = mbuf_printf(mb, ";%r", &one);
	}
	return err;
}

static struct pl user_of(const struct redirect_contact *c)
{
	struct pl user;
	const char *at;

	pl_set_str(&user, c->id);
	at = pl_strchr(&user, '@');
	if (at)
		user.l = (size_t)(at - user.p);
	return user;
}

/**
 * A URI of the trunk's own. One without user part only names another host
 * (305, 21.3.4): the number stays.
 */
static int own_contact(struct redirect_contact *c, const struct redirect *rd,
		       const struct sp_sip_uri *uri)
{
	const bool v6 = pl_strchr(&uri->host, ':') != NULL;
	const struct pl user = uri->user.l ? uri->user : user_of(redirect_now(rd));
	struct mbuf *mb = mbuf_alloc(128);
	struct pl value;
	int err = mb ? pl_strdup(&c->host, &uri->host) : ENOMEM;

	c->port = uri->port;
	c->phone = sp_sip_param(&value, &uri->params, "user")
			   ? 0 == pl_strcasecmp(&value, "phone")
			   : !uri->user.l && redirect_now(rd)->phone;
	if (!err)
		err = mbuf_printf(mb, v6 ? "%r@[%r]" : "%r@%r", &user, &uri->host);
	if (!err && uri->port && 5061 != uri->port)
		err = mbuf_printf(mb, ":%u", uri->port);
	if (!err)
		err = put_params(mb, &uri->params);
	if (!err && mb->end > REDIRECT_URI_MAX)
		err = EMSGSIZE;
	if (!err) {
		mbuf_set_pos(mb, 0);
		err = mbuf_strdup(mb, &c->id, mb->end);
	}
	mem_deref(mb);
	return err;
}

/**
 * A tel URI: where would the caller's call to that number go? To this trunk, or it
 * is not followed. Local numbers are of a context that we do not know (RFC 3966 5.1.5).
 */
static int number_contact(struct redirect_contact *c, const struct sp_call *call,
			  const struct sp_sip_addr *addr)
{
	const struct route_refer refer = {.to = addr, .caller = call->number};
	const int64_t now_s = sp_loop_wall_s(call->calls->loop);
	const char *cause;
	struct way way;

	if (SP_URI_TEL != addr->uri.scheme || !addr->uri.user.l || '+' != addr->uri.user.p[0] ||
	    way_refer(&way, call->env, call->caller->trunk, &refer, now_s, &cause) ||
	    way.trunkv[0] != call->leg[SP_SIDE_CALLEE]->trunk)
		return EPERM;
	return str_dup(&c->id, way.route.user);
}

static bool is_known(const struct redirect *rd, const struct redirect_contact *c)
{
	for (size_t i = 0; i < rd->contactc; i++) {
		const struct pl user = user_of(rd->contactv[i]);

		if (0 == str_casecmp(rd->contactv[i]->id, c->id) ||
		    (!c->host && 0 == pl_strcmp(&user, c->id)))
			return true;
	}
	return false;
}

/** Takes over c. Among those of the same q the first stays first. */
static void insert(struct redirect *rd, struct redirect_contact *c)
{
	size_t i = rd->contactc++;

	for (; i > rd->nextc && rd->contactv[i - 1]->q < c->q; i--)
		rd->contactv[i] = rd->contactv[i - 1];
	rd->contactv[i] = c;
}

static void consider(struct redirect *rd, const struct sp_call *call, const struct pl *value)
{
	const struct sp_trunk *trunk = call->leg[SP_SIDE_CALLEE]->trunk;
	struct sp_sip_addr addr;
	struct redirect_contact *c;
	int err;

	if (rd->contactc == ARRAY_SIZE(rd->contactv) || sp_sip_addr_decode(&addr, value) ||
	    SP_URI_OTHER == addr.uri.scheme)
		return;
	c = mem_zalloc(sizeof(*c), destructor);
	if (!c)
		return;
	c->q = contact_q(&addr);
	if (SP_URI_TEL != addr.uri.scheme && sp_trunk_owns_host(trunk, &addr.uri.host))
		err = own_contact(c, rd, &addr.uri);
	else
		err = number_contact(c, call, &addr);
	if (err || is_known(rd, c))
		mem_deref(c);
	else
		insert(rd, c);
}

/** The contacts of a redirect. 380 tells in its body of other services: not for us to read. */
void redirect_collect(struct redirect *rd, const struct sp_call *call, const struct sp_sip_msg *rsp)
{
	const struct sp_sip_hdr *hdr = NULL;

	if (rsp->status > 302 && 305 != rsp->status)
		return;
	while ((hdr = sp_sip_msg_next(rsp, SP_HDR_CONTACT, hdr))) {
		struct pl rest = hdr->value, value;

		while (sp_sip_list_next(&value, &rest))
			consider(rd, call, &value);
	}
}

/** The first Request-URI counts as a contact that was tried. */
int redirect_init(struct redirect *rd, const char *target)
{
	struct redirect_contact *c = mem_zalloc(sizeof(*c), destructor);
	const char *end = strstr(target, ";transport=tls");
	struct pl id;

	if (!c)
		return ENOMEM;
	pl_set_str(&id, target);
	if (end)
		id.l = (size_t)(end - target);
	pl_advance(&id, (ssize_t)strlen("sip:"));
	c->phone = end && strstr(end, ";user=phone");
	if (pl_strdup(&c->id, &id)) {
		mem_deref(c);
		return ENOMEM;
	}
	rd->contactv[0] = c;
	rd->contactc = rd->nextc = 1;
	return 0;
}

void redirect_reset(struct redirect *rd)
{
	while (rd->contactc)
		mem_deref(rd->contactv[--rd->contactc]);
}

/** To stays what it was (8.1.3.4). */
int redirect_uri(const struct redirect *rd, const struct headers_ctx *ctx, const struct input *in,
		 struct headers_uris *uris)
{
	const struct redirect_contact *c = redirect_now(rd);
	struct headers_uris other = {NULL, NULL, NULL};
	char *target = NULL;
	int err;

	if (!rd->now)
		return 0;
	if (c->host) {
		err = re_sdprintf(&target, "sip:%s;transport=tls%s", c->id,
				  c->phone ? ";user=phone" : "");
	} else {
		err = headers_uris(&other, ctx, c->id, NULL, in->host, in->port);
		target = mem_ref(other.target);
		headers_uris_reset(&other);
	}
	if (err)
		return err;
	mem_deref(uris->target);
	uris->target = target;
	return 0;
}
