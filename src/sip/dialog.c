/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One dialog (RFC 3261 12): who is who, the sequence numbers of both sides,
 * where the peer wants its requests, and the way there.
 *
 * What comes from a message is made whole first and put into the dialog
 * after, so that a bad message leaves the dialog as it was.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "sallyport/base_util.h"
#include "sallyport/sip_dialog.h"
#include "parse_priv.h"

enum { CALL_ID_SIZE = 33 };

/** A remote target and the way to it (12.2.1.1). */
struct way {
	char *target;
	char *routes[SP_SIP_ROUTES_MAX];
	size_t routec;
	char *strict; /**< URI of the first route when that is a strict router */
};

struct sp_sip_dialog {
	char *call_id;
	char local_tag[SP_SIP_TAG_SIZE];
	char *remote_tag;
	char *local;  /**< From of our requests, without tag */
	char *remote; /**< To of our requests, without tag   */
	struct way way;
	uint32_t local_cseq;
	uint32_t remote_cseq;
	uint32_t remote_invite; /**< CSeq of the peer's last INVITE: its ACK and CANCEL */
	bool has_remote_cseq;
	bool has_remote_invite;
	bool confirmed; /**< a 2xx came, or we are the server: the route set stands */
};

static void routes_reset(struct way *way)
{
	for (size_t i = 0; i < way->routec; i++)
		mem_deref(way->routes[i]);

	way->routec = 0;
	way->strict = mem_deref(way->strict);
}

static void way_reset(struct way *way)
{
	way->target = mem_deref(way->target);
	routes_reset(way);
}

static void destructor(void *arg)
{
	struct sp_sip_dialog *d = arg;

	mem_deref(d->call_id);
	mem_deref(d->remote_tag);
	mem_deref(d->local);
	mem_deref(d->remote);
	way_reset(&d->way);
}

/* Copy text without the parameter called name; params is the part of text that
 * the parameters are. */
static int dup_without(char **dst, const struct pl *text, const struct pl *params, const char *name)
{
	struct pl rest = *params, head, tail;
	struct sp_sip_param param;
	const char *from = rest.p;

	while (!sp_sip_param_take(&param, &rest)) {
		if (pl_strcasecmp(&param.name, name)) {
			from = rest.p;
			continue;
		}

		head.p = text->p;
		head.l = (size_t)(from - text->p);
		tail.p = rest.p;
		tail.l = (size_t)(text->p + text->l - rest.p);

		return re_sdprintf(dst, "%r%r", &head, &tail);
	}

	return pl_strdup(dst, text);
}

/* A URI of a Contact or Route as a Request-URI, which has neither headers nor
 * a method parameter (19.1.1, table 1). */
static int dup_uri(char **dst, const struct sp_sip_addr *addr)
{
	struct pl text = addr->text;

	if (addr->uri.headers.l)
		text.l = (size_t)(addr->uri.headers.p - 1 - text.p);

	return dup_without(dst, &text, &addr->uri.params, "method");
}

static bool is_reachable(const struct sp_sip_uri *uri)
{
	return uri->scheme == SP_URI_SIP || uri->scheme == SP_URI_SIPS || uri->scheme == SP_URI_TEL;
}

/* The Contact of m. A request has exactly one (8.1.1.8); of a response that is
 * against 12.1.1 the first counts, for refusing it would leave the call hanging.
 * @return 0, ENOENT (none), EBADMSG, ENOMEM */
static int contact_get(char **target, const struct sp_sip_msg *m)
{
	const struct sp_sip_hdr *h = sp_sip_msg_next(m, SP_HDR_CONTACT, NULL);
	struct sp_sip_addr addr;
	struct pl value, rest;

	if (!h)
		return ENOENT;

	rest = h->value;
	if (!sp_sip_list_next(&value, &rest) || sp_sip_addr_decode(&addr, &value) ||
	    !is_reachable(&addr.uri))
		return EBADMSG;
	if (m->request && (rest.l || sp_sip_msg_next(m, SP_HDR_CONTACT, h)))
		return EBADMSG;

	return dup_uri(target, &addr);
}

static int route_add(struct way *way, const struct pl *value)
{
	struct sp_sip_addr addr;
	int err;

	if (way->routec == SP_SIP_ROUTES_MAX || sp_sip_addr_decode(&addr, value) ||
	    (addr.uri.scheme != SP_URI_SIP && addr.uri.scheme != SP_URI_SIPS))
		return EBADMSG;

	err = pl_strdup(&way->routes[way->routec], value);
	if (!err)
		++way->routec;

	return err;
}

/* A first route without ;lr is a strict router, which wants to see itself in
 * the Request-URI. */
static int find_strict(struct way *way)
{
	struct sp_sip_addr addr;
	struct pl first;
	int err;

	if (!way->routec)
		return 0;

	pl_set_str(&first, way->routes[0]);
	err = sp_sip_addr_decode(&addr, &first);
	if (err || sp_sip_param(NULL, &addr.uri.params, "lr"))
		return err;

	return dup_uri(&way->strict, &addr);
}

/* The route set of a message: in order for the server (12.1.1), backwards for
 * the client (12.1.2). */
static int routes_get(struct way *way, const struct sp_sip_msg *m, bool backwards)
{
	const struct sp_sip_hdr *h = NULL;
	struct pl value, rest;
	int err = 0;

	while (!err && (h = sp_sip_msg_next(m, SP_HDR_RECORD_ROUTE, h))) {
		rest = h->value;
		while (!err && sp_sip_list_next(&value, &rest))
			err = route_add(way, &value);
	}
	if (err)
		return err;

	for (size_t i = 0; backwards && i < way->routec / 2; i++) {
		char *swap = way->routes[i];

		way->routes[i] = way->routes[way->routec - 1 - i];
		way->routes[way->routec - 1 - i] = swap;
	}

	return find_strict(way);
}

/* A From or To as it was written, but for its tag. */
static int party_get(char **party, const struct sp_sip_msg *m, enum sp_sip_id id,
		     const struct sp_sip_addr *addr)
{
	const struct sp_sip_hdr *h = sp_sip_msg_next(m, id, NULL);

	return h ? dup_without(party, &h->value, &addr->params, "tag") : EBADMSG;
}

static int alloc(struct sp_sip_dialog **dp)
{
	struct sp_sip_dialog *d = mem_zalloc(sizeof(*d), destructor);

	if (!d)
		return ENOMEM;

	sp_id_random(d->local_tag, sizeof(d->local_tag));
	*dp = d;

	return 0;
}

int sp_sip_dialog_uac(struct sp_sip_dialog **dp, const char *local, const char *remote,
		      const char *target)
{
	char call_id[CALL_ID_SIZE];
	struct sp_sip_dialog *d;
	int err;

	if (!dp || !str_isset(local) || !str_isset(remote) || !str_isset(target))
		return EINVAL;

	err = alloc(&d);
	if (err)
		return err;

	sp_id_random(call_id, sizeof(call_id));
	err = str_dup(&d->call_id, call_id);
	if (!err)
		err = str_dup(&d->remote_tag, "");
	if (!err)
		err = str_dup(&d->local, local);
	if (!err)
		err = str_dup(&d->remote, remote);
	if (!err)
		err = str_dup(&d->way.target, target);

	if (err)
		mem_deref(d);
	else
		*dp = d;

	return err;
}

static int dup_tag(char **dst, const struct pl *tag)
{
	return tag->l ? pl_strdup(dst, tag) : str_dup(dst, "");
}

int sp_sip_dialog_uas(struct sp_sip_dialog **dp, const struct sp_sip_msg *invite)
{
	struct sp_sip_dialog *d;
	int err;

	if (!dp || !invite)
		return EINVAL;

	err = alloc(&d);
	if (err)
		return err;

	err = contact_get(&d->way.target, invite);
	if (err == ENOENT)
		err = EBADMSG;
	if (!err)
		err = routes_get(&d->way, invite, false);
	if (!err)
		err = pl_strdup(&d->call_id, &invite->call_id);
	if (!err)
		err = dup_tag(&d->remote_tag, &invite->from_tag);
	if (!err)
		err = party_get(&d->local, invite, SP_HDR_TO, &invite->to);
	if (!err)
		err = party_get(&d->remote, invite, SP_HDR_FROM, &invite->from);

	d->remote_cseq = d->remote_invite = invite->cseq;
	d->has_remote_cseq = d->has_remote_invite = true;
	d->confirmed = true;

	if (err)
		mem_deref(d);
	else
		*dp = d;

	return err;
}

/* Empty means empty, which pl_strcmp() does not. */
static bool is_same(const struct pl *pl, const char *s)
{
	return pl->l == strlen(s) && (!pl->l || !memcmp(pl->p, s, pl->l));
}

/* A 1xx may leave Contact out unless it is reliable; many do. The INVITE's own
 * target, or the one we know, serves until the 2xx. */
static int way_get(struct way *way, const struct sp_sip_dialog *d, const struct sp_sip_msg *rsp)
{
	int err = contact_get(&way->target, rsp);

	if (err == ENOENT)
		err = rsp->status < 200 ? str_dup(&way->target, d->way.target) : EBADMSG;

	return err ? err : routes_get(way, rsp, true);
}

int sp_sip_dialog_response(struct sp_sip_dialog *d, const struct sp_sip_msg *rsp)
{
	struct way way = {0};
	char *tag = NULL;
	int err;

	if (!d || !rsp)
		return EINVAL;
	if (rsp->request || rsp->status < 101 || rsp->status > 299 ||
	    (rsp->status < 200 && !rsp->to_tag.l) || !is_same(&rsp->call_id, d->call_id) ||
	    !is_same(&rsp->from_tag, d->local_tag))
		return EBADMSG;

	/* the route set stands once a 2xx has confirmed the dialog, and no late
	 * ringing of another fork takes it over */
	if (d->confirmed && is_same(&rsp->to_tag, d->remote_tag))
		return rsp->status < 200 ? 0 : sp_sip_dialog_refresh(d, rsp);
	if (d->confirmed && rsp->status < 200)
		return EBADMSG;

	err = way_get(&way, d, rsp);
	if (!err)
		err = dup_tag(&tag, &rsp->to_tag);
	if (err) {
		way_reset(&way);
		return err;
	}

	if (!is_same(&rsp->to_tag, d->remote_tag))
		d->has_remote_cseq = d->has_remote_invite = false;
	mem_deref(d->remote_tag);
	d->remote_tag = tag;
	way_reset(&d->way);
	d->way = way;
	d->confirmed = rsp->status >= 200;

	return 0;
}

int sp_sip_dialog_fork(struct sp_sip_dialog **dp, const struct sp_sip_dialog *d,
		       const struct sp_sip_msg *rsp)
{
	struct sp_sip_dialog *fork;
	int err;

	if (!dp || !d || !rsp)
		return EINVAL;

	err = sp_sip_dialog_uac(&fork, d->local, d->remote, d->way.target);
	if (err)
		return err;

	memcpy(fork->local_tag, d->local_tag, sizeof(fork->local_tag));
	fork->local_cseq = d->local_cseq;
	fork->call_id = mem_deref(fork->call_id);
	err = str_dup(&fork->call_id, d->call_id);
	if (!err)
		err = sp_sip_dialog_response(fork, rsp);

	if (err)
		mem_deref(fork);
	else
		*dp = fork;

	return err;
}

/* A refresh without Contact is against 12.2, but harmless: nothing changes. */
int sp_sip_dialog_refresh(struct sp_sip_dialog *d, const struct sp_sip_msg *m)
{
	char *target;
	int err;

	if (!d || !m)
		return EINVAL;

	err = contact_get(&target, m);
	if (err)
		return err == ENOENT ? 0 : err;

	mem_deref(d->way.target);
	d->way.target = target;

	return 0;
}

int sp_sip_dialog_check(struct sp_sip_dialog *d, const struct sp_sip_msg *req)
{
	if (!d || !req)
		return EINVAL;
	if (!is_same(&req->call_id, d->call_id) || !is_same(&req->to_tag, d->local_tag) ||
	    !is_same(&req->from_tag, d->remote_tag))
		return ENOENT;

	if (req->method == SP_SIP_ACK || req->method == SP_SIP_CANCEL)
		return d->has_remote_invite && req->cseq == d->remote_invite ? 0 : EILSEQ;

	if (d->has_remote_cseq && req->cseq <= d->remote_cseq)
		return EILSEQ;

	d->remote_cseq = req->cseq;
	d->has_remote_cseq = true;
	if (req->method == SP_SIP_INVITE) {
		d->remote_invite = req->cseq;
		d->has_remote_invite = true;
	}

	return 0;
}

/* 12.2.1.1. A strict router takes its own entry's place in the Request-URI, and
 * the target goes to the end of the route. */
static int put_routes(const struct way *way, struct mbuf *mb)
{
	int err = 0;

	for (size_t i = way->strict ? 1 : 0; !err && i < way->routec; i++)
		err = sp_sip_put(mb, "Route", "%s", way->routes[i]);
	if (!err && way->strict)
		err = sp_sip_put(mb, "Route", "<%s>", way->target);

	return err;
}

int sp_sip_dialog_put(struct sp_sip_dialog *d, struct mbuf *headers, enum sp_sip_method method,
		      uint32_t cseq, uint32_t max_forwards, const char **uri)
{
	const bool tag = d && *d->remote_tag;
	int err;

	if (!d || !headers || !uri || (!cseq && method == SP_SIP_ACK))
		return EINVAL;

	if (!cseq)
		cseq = ++d->local_cseq;

	err = sp_sip_put(headers, "Max-Forwards", "%u", max_forwards);
	if (!err)
		err = sp_sip_put(headers, "From", "%s;tag=%s", d->local, d->local_tag);
	if (!err)
		err = sp_sip_put(headers, "To", "%s%s%s", d->remote, tag ? ";tag=" : "",
				 d->remote_tag);
	if (!err)
		err = sp_sip_put(headers, "Call-ID", "%s", d->call_id);
	if (!err)
		err = sp_sip_put(headers, "CSeq", "%u %s", cseq, sp_sip_method_name(method));
	if (!err)
		err = put_routes(&d->way, headers);
	if (!err)
		*uri = d->way.strict ? d->way.strict : d->way.target;

	return err;
}

uint32_t sp_sip_dialog_cseq(const struct sp_sip_dialog *d)
{
	return d ? d->local_cseq : 0;
}

const char *sp_sip_dialog_call_id(const struct sp_sip_dialog *d)
{
	return d ? d->call_id : NULL;
}

const char *sp_sip_dialog_local_tag(const struct sp_sip_dialog *d)
{
	return d ? d->local_tag : NULL;
}

const char *sp_sip_dialog_remote_tag(const struct sp_sip_dialog *d)
{
	return d ? d->remote_tag : NULL;
}
