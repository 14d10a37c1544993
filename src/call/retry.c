/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/retry: the INVITE once more, elsewhere, before the caller hears of a
 * failure: with a longer session timer (RFC 4028 7.3), to the next target of
 * the trunk (RFC 3263 4.3), or to where a redirect points (RFC 3261 8.1.3.4).
 *
 * A redirect is followed inside the trunk's own names only: it can choose
 * another user or another of its targets, and sends no call anywhere else.
 * Each target is given up once, and no contact is tried twice, so it all ends.
 */
#include <string.h>

#include "call_priv.h"

enum {
	CONTACTS_MAX = 1 + 8, /* the first Request-URI, and what redirects named  */
	REDIRECTS_MAX = 5,    /* INVITEs to contacts                              */
	TIMERS_MAX = 3,       /* INVITEs with a longer session timer              */
	CONTACT_SIZE = 512    /* longest URI that is followed                     */
};

enum why { WHY_TIMER, WHY_FAILOVER, WHY_REDIRECT };

/* What is told to the caller in the end: the highest, and of these the first. */
enum rank {
	RANK_NONE,
	RANK_TARGET,   /* this target could not, another might have                */
	RANK_REDIRECT, /* one that was not followed                                */
	RANK_OTHER,
	RANK_GLOBAL /* 6xx: nobody else is to be asked (RFC 3261 16.7)          */
};

struct contact {
	char *id;   /* "user@host[:port][;params]"; of a number, only that */
	char *host; /* NULL: a number, which any target takes              */
	uint16_t port;
	bool phone; /* ";user=phone" */
	unsigned q; /* thousandths   */
};

struct retry {
	char *host; /* the target of the last INVITE, as picked */
	uint16_t port;
	struct sp_trunk_want want; /* targets that failed */
	struct contact *contactv[CONTACTS_MAX];
	size_t contactc, nextc; /* those from nextc on were not tried; best q first */
	size_t now;             /* that the last INVITE went to */
	unsigned sent, redirects, timers;
	enum why why; /* of the next INVITE */
	uint16_t last;
	bool rang; /* the caller has heard of the last one */
	enum rank rank;
	uint16_t status; /* best so far, by rank */
};

/* ---- contacts ---- */

static void contact_destructor(void *arg)
{
	struct contact *c = arg;

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
	for (size_t i = 2; '.' == value.p[1] && i < value.l && i < 5; i++, unit /= 10) {
		if (value.p[i] < '0' || value.p[i] > '9')
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

/** The user part of the Request-URI that was redirected. */
static struct pl user_now(const struct retry *r)
{
	struct pl user;
	const char *at;

	pl_set_str(&user, r->contactv[r->now]->id);
	at = pl_strchr(&user, '@');
	if (at)
		user.l = (size_t)(at - user.p);
	return user;
}

/**
 * A URI of the trunk's own. One without user part only names another host
 * (305, 21.3.4): the number stays.
 */
static int own_contact(struct contact *c, const struct retry *r, const struct sp_sip_uri *uri)
{
	const bool v6 = pl_strchr(&uri->host, ':') != NULL;
	const struct pl user = uri->user.l ? uri->user : user_now(r);
	struct mbuf *mb = mbuf_alloc(128);
	struct pl value;
	int err = mb ? pl_strdup(&c->host, &uri->host) : ENOMEM;

	c->port = uri->port;
	c->phone = sp_sip_param(&value, &uri->params, "user")
			   ? 0 == pl_strcasecmp(&value, "phone")
			   : !uri->user.l && r->contactv[r->now]->phone;
	if (!err)
		err = mbuf_printf(mb, v6 ? "%r@[%r]" : "%r@%r", &user, &uri->host);
	if (!err && uri->port && 5061 != uri->port)
		err = mbuf_printf(mb, ":%u", uri->port);
	if (!err)
		err = put_params(mb, &uri->params);
	if (!err && mb->end > CONTACT_SIZE)
		err = EMSGSIZE;
	mbuf_set_pos(mb, 0);
	if (!err)
		err = mbuf_strdup(mb, &c->id, mb->end);
	mem_deref(mb);
	return err;
}

/** A tel URI: a number that leads to the same trunk. @return also EPERM: it does not */
static int number_contact(struct contact *c, const struct sp_call *call,
			  const struct sp_sip_addr *addr)
{
	const struct sp_trunk *trunk = call->leg[SP_SIDE_CALLEE]->trunk;
	struct route route;
	const char *cause;

	if (route_refer(&route, call->env, trunk, addr, call->number, &cause) ||
	    route.trunk != trunk)
		return EPERM;
	return str_dup(&c->id, route.user);
}

static bool is_known(const struct retry *r, const char *id)
{
	for (size_t i = 0; i < r->contactc; i++) {
		if (0 == str_casecmp(r->contactv[i]->id, id))
			return true;
	}
	return false;
}

/** Takes over c. Among those of the same q the first stays first. */
static void insert(struct retry *r, struct contact *c)
{
	size_t i = r->contactc++;

	for (; i > r->nextc && r->contactv[i - 1]->q < c->q; i--)
		r->contactv[i] = r->contactv[i - 1];
	r->contactv[i] = c;
}

static void consider(struct sp_call *call, const struct pl *value)
{
	const struct sp_trunk *trunk = call->leg[SP_SIDE_CALLEE]->trunk;
	struct retry *r = call->retry;
	struct sp_sip_addr addr;
	struct contact *c;
	int err;

	if (r->contactc == CONTACTS_MAX || sp_sip_addr_decode(&addr, value) ||
	    SP_URI_OTHER == addr.uri.scheme)
		return;
	c = mem_zalloc(sizeof(*c), contact_destructor);
	if (!c)
		return;
	c->q = contact_q(&addr);
	if (SP_URI_TEL != addr.uri.scheme && sp_trunk_owns_host(trunk, &addr.uri.host))
		err = own_contact(c, r, &addr.uri);
	else
		err = number_contact(c, call, &addr);
	if (err || is_known(r, c->id))
		mem_deref(c);
	else
		insert(r, c);
}

/** The contacts of a redirect. 380 tells in its body of other services: not for us to read. */
static void collect(struct sp_call *call, const struct sp_sip_msg *rsp)
{
	const struct sp_sip_hdr *hdr = NULL;

	if (rsp->status > 302 && 305 != rsp->status)
		return;
	while ((hdr = sp_sip_msg_next(rsp, SP_HDR_CONTACT, hdr))) {
		struct pl rest = hdr->value, value;

		while (sp_sip_list_next(&value, &rest))
			consider(call, &value);
	}
}

/* ---- the way of one INVITE ---- */

static void retry_destructor(void *arg)
{
	struct retry *r = arg;

	for (size_t i = 0; i < r->contactc; i++)
		mem_deref(r->contactv[i]);
	mem_deref(r->host);
}

void retry_close(struct sp_call *call)
{
	call->retry = mem_deref(call->retry);
}

/** The first Request-URI counts as a contact that was tried. */
static int begin(struct sp_call *call, const char *target)
{
	const struct pl scheme = PL("sip:"), transport = PL(";transport=tls");
	struct retry *r = mem_zalloc(sizeof(*r), retry_destructor);
	struct contact *c = mem_zalloc(sizeof(*c), contact_destructor);
	struct pl id;
	const char *end;
	int err = ENOMEM;

	if (!r || !c)
		goto out;
	pl_set_str(&id, target);
	pl_advance(&id, (ssize_t)scheme.l);
	end = pl_strstr(&id, &transport);
	if (end)
		id.l = (size_t)(end - id.p);
	err = pl_strdup(&c->id, &id);
	if (err)
		goto out;
	c->phone = end && strstr(end, ";user=phone");
	r->contactv[r->contactc++] = c;
	r->nextc = 1;
	call->retry = r;
	return 0;
out:
	mem_deref(r);
	mem_deref(c);
	return err;
}

/** The Request-URI of a redirect in the place of the call's own; To stays (8.1.3.4). */
static int redirect_uri(struct headers_uris *uris, const struct headers_ctx *ctx,
			const struct contact *c, const struct input *in)
{
	struct headers_uris other = {NULL, NULL, NULL};
	char *target = NULL;
	int err;

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

int retry_target(struct sp_call *call, const struct headers_ctx *ctx, const struct input *in,
		 struct headers_uris *uris)
{
	char *host = NULL;
	int err = call->retry ? 0 : begin(call, uris->target);
	struct retry *r = call->retry;

	if (!err && r->now)
		err = redirect_uri(uris, ctx, r->contactv[r->now], in);
	if (!err && in->host != r->host)
		err = str_dup(&host, in->host);
	if (err)
		return err;
	r->sent++;
	r->port = in->port;
	if (host) {
		mem_deref(r->host);
		r->host = host;
	}
	return 0;
}

void retry_want(const struct sp_call *call, struct sp_trunk_want *want)
{
	const struct retry *r = call->retry;

	memset(want, 0, sizeof(*want));
	if (r)
		*want = r->want;
	want->emergency = call->emergency;
	if (r && r->contactv[r->now]->host) {
		want->host = r->contactv[r->now]->host;
		want->port = r->contactv[r->now]->port;
	}
}

/* ---- what a failure means ---- */

/**
 * Is this a failure of the target, not of the call? No connection is one
 * always (RFC 3263 4.3), no response where the trunk says so of 408.
 */
static bool is_target_failure(const struct sp_conf_trunk *conf, uint16_t status, int err)
{
	if (err && ETIMEDOUT != err)
		return true;
	for (size_t i = 0; i < conf->failoverc; i++) {
		if (conf->failoverv[i] == status)
			return true;
	}
	return false;
}

static bool has_targets_left(const struct retry *r, const struct sp_conf_trunk *conf)
{
	return conf->targetc < 2 || r->want.avoidc < conf->targetc;
}

/** Does the INVITE go on? Then r->why says how. */
static bool decide(struct sp_call *call, const struct sp_sip_msg *rsp, bool of_target)
{
	struct leg *callee = call->leg[SP_SIDE_CALLEE];
	const struct sp_conf_trunk *conf = sp_trunk_conf(callee->trunk);
	struct retry *r = call->retry;

	if (422 == r->last && r->timers < TIMERS_MAX && timer_too_short(callee, rsp)) {
		r->timers++;
		r->why = WHY_TIMER;
		return true;
	}
	if (of_target && conf->targetc > 1) {
		sp_trunk_avoid(&r->want, r->host, r->port);
		if (has_targets_left(r, conf)) {
			r->why = WHY_FAILOVER;
			return true;
		}
	}
	if (r->last >= 600)
		return false;
	if (r->last < 400 && conf->follow_redirects)
		collect(call, rsp);
	if (r->nextc == r->contactc || r->redirects == REDIRECTS_MAX || !has_targets_left(r, conf))
		return false;
	r->now = r->nextc++;
	r->redirects++;
	r->why = WHY_REDIRECT;
	return true;
}

/**
 * Can the INVITE be written once more? Its offer is still the open one, or there
 * was none and none has come; and the caller can be told of another dialog.
 */
static bool is_repeatable(const struct sp_call *call)
{
	const struct session *s = &call->session;

	if (!call->caller || list_count(&call->caller->dlgs) >= LEG_DIALOGS_MAX)
		return false;
	return call->delayed ? !s->offer : s->initial && s->offer;
}

/** A choice as RFC 3261 16.7, item 6, makes it of a proxy's branches. */
static void note(struct retry *r, bool of_target)
{
	enum rank rank = of_target ? RANK_TARGET : RANK_OTHER;

	if (r->last < 400)
		rank = RANK_REDIRECT;
	else if (r->last >= 600)
		rank = RANK_GLOBAL;
	if (rank <= r->rank)
		return;
	r->rank = rank;
	r->status = r->last;
}

bool retry_wanted(struct sp_call *call, const struct sp_sip_msg *rsp, int err)
{
	struct retry *r = call->retry;
	bool of_target, wanted;

	if (!r || (CALLING != call->state && RINGING != call->state))
		return false;
	r->last = ETIMEDOUT == err ? 408 : 503;
	if (!err)
		r->last = rsp->status;
	r->rang = RINGING == call->state;
	of_target =
		is_target_failure(sp_trunk_conf(call->leg[SP_SIDE_CALLEE]->trunk), r->last, err);
	wanted = is_repeatable(call) && decide(call, rsp, of_target);
	if (!wanted || (WHY_TIMER != r->why && r->last >= 400))
		note(r, of_target);
	return wanted;
}

uint16_t retry_status(const struct sp_call *call, uint16_t status)
{
	const struct retry *r = call->retry;

	return r && r->rank ? r->status : status;
}

/** RFC 3261 8.1.3.5: in the same dialog, unless a provisional has made another of it. */
static bool keeps_dialog(const struct retry *r, const struct leg *callee)
{
	return WHY_TIMER == r->why && !*sp_sip_dialog_remote_tag(callee->dlg->sip);
}

void act_retry(struct sp_call *call, const struct input *in)
{
	static const char *const whys[] = {"422", "failover", "redirect"};
	struct leg *callee = in->leg;
	struct retry *r = call->retry;

	sp_log(SP_LOG_INFO, "call_retry", "call=%s trunk=%s status=%u why=%s attempt=%u", call->id,
	       sp_trunk_name(callee->trunk), r->last, whys[r->why], r->sent + 1);
	leg_forget(&callee->invite_ct);
	leg_forget(&callee->update_ct);
	callee->state = LEG_IDLE;
	if (!keeps_dialog(r, callee)) {
		list_flush(&callee->dlgs);
		callee->dlg = NULL;
		callee->peer = 0;
	}
	if (r->rang && fork_again(call->caller))
		call_fault(call, 500, "out of memory", NULL);
	else if (WHY_TIMER == r->why)
		call_event(call, EV_PICKED,
			   &(struct input){.leg = callee,
					   .conn = callee->conn,
					   .host = r->host,
					   .port = r->port});
	else
		setup_pick(call);
}
