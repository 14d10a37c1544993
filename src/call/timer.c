/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/timer: session timers (RFC 4028), each leg its own: what is asked for in
 * requests and agreed in their 2xx. What then happens as time goes by is
 * refresh.c's.
 *
 * Of two user agents each has its part here: towards a leg whose peer sends the
 * request we are the uas, in what we send the uac, whoever made the dialog.
 */
#include "call_priv.h"

enum {
	LEAST_S = 90,       /* RFC 4028 4, 5: no interval is shorter */
	USUAL_S = 1800,     /* 4: the recommended one */
	MIN_SE_MAX = 86400, /* a peer that wants more wants no session timer */
	TOO_SHORT_MAX = 3   /* 422 in a row */
};

enum refresher { NOT_SAID, UAC, UAS };

/* What a message says of session timers. */
struct terms {
	uint32_t expires_s;
	uint32_t min_s; /* 0: no Min-SE */
	enum refresher refresher;
	bool named;     /* there is a Session-Expires */
	bool supported; /* the extension */
};

static const struct sp_conf_timer *conf_of(const struct leg *leg)
{
	return &sp_trunk_conf(leg->trunk)->timer;
}

static uint32_t least(const struct sp_conf_timer *conf)
{
	return MAX(conf->min_s, (unsigned)LEAST_S);
}

static uint32_t wanted(const struct sp_conf_timer *conf)
{
	return MAX(conf->expires_s ? conf->expires_s : (unsigned)USUAL_S, least(conf));
}

/** Do we refresh also where the peer cannot take part? (RFC 4028 7.2) */
static bool alone(const struct sp_conf_timer *conf)
{
	return SP_USE_REQUIRED == conf->use || SP_REFRESHER_GATEWAY == conf->refresher;
}

/** "1800;refresher=uac". @return false: none, or no number */
static bool read_seconds(uint32_t *out, struct pl *params, const struct sp_sip_msg *m,
			 const char *name)
{
	const struct sp_sip_hdr *hdr = sp_sip_msg_named(m, name);
	const char *semi;
	struct pl digits;

	if (!hdr)
		return false;
	digits = *params = hdr->value;
	semi = pl_strchr(&hdr->value, ';');
	if (semi)
		digits.l = (size_t)(semi - hdr->value.p);
	pl_advance(params, (ssize_t)digits.l);
	while (digits.l && (' ' == digits.p[digits.l - 1] || '\t' == digits.p[digits.l - 1]))
		digits.l--;
	switch (sp_u32(out, &digits, UINT32_MAX)) {

	case 0:
		return true;
	case ERANGE:
		*out = UINT32_MAX;
		return true;
	default:
		return false;
	}
}

static void read_terms(struct terms *t, const struct sp_sip_msg *m)
{
	struct pl params, who;

	*t = (struct terms){.refresher = NOT_SAID};
	if (!read_seconds(&t->min_s, &params, m, "Min-SE"))
		t->min_s = 0;
	t->named = read_seconds(&t->expires_s, &params, m, "Session-Expires");
	if (t->named && sp_sip_param(&who, &params, "refresher")) {
		if (0 == pl_strcasecmp(&who, "uac"))
			t->refresher = UAC;
		else if (0 == pl_strcasecmp(&who, "uas"))
			t->refresher = UAS;
	}
	/* whoever names a refresher supports it, though it forgets to say so (9, table 2: NA) */
	t->supported = NOT_SAID != t->refresher || sp_sip_msg_lists(m, SP_HDR_SUPPORTED, "timer") ||
		       sp_sip_msg_lists(m, SP_HDR_REQUIRE, "timer");
}

static void refuse(const struct sp_trunk *trunk, struct sp_sip_strans *st, uint16_t status,
		   const char *name, const char *value)
{
	const struct sp_sip_msg *req = sp_sip_strans_request(st);

	(void)policy_reply_with(st, status, name, value); /* no connection left: nobody to tell */
	sp_log(SP_LOG_INFO, "session_timer_refused", "trunk=%s status=%u call_id=%H",
	       sp_trunk_name(trunk), status, sp_log_quote, &req->call_id);
}

/**
 * 421 is for the INVITE that makes a call only. 422 is for peers that support
 * the extension: others cannot know what it means (RFC 4028 9).
 */
bool timer_refused(const struct sp_trunk *trunk, const struct leg *leg, struct sp_sip_strans *st,
		   const struct sp_sip_msg *req)
{
	const struct sp_conf_timer *conf = &sp_trunk_conf(trunk)->timer;
	struct terms t;
	char text[16];

	if (SP_USE_OFF == conf->use)
		return false;
	read_terms(&t, req);
	if (!leg && SP_USE_REQUIRED == conf->use && !t.supported) {
		refuse(trunk, st, 421, "Require", "timer");
		return true;
	}
	if (!t.supported || !t.named || t.expires_s >= least(conf))
		return false;
	(void)re_snprintf(text, sizeof(text), "%u", least(conf));
	refuse(trunk, st, 422, "Min-SE", text);
	return true;
}

/** The INVITE that makes the dialog has no final response yet. */
static bool is_early(const struct leg *leg)
{
	return LEG_IDLE == leg->state || LEG_EARLY == leg->state;
}

/** Of the INVITE that makes the dialog: ours to say, or the peer's. */
static const char *first_refresher(const struct sp_conf_timer *conf)
{
	switch (conf->refresher) {

	case SP_REFRESHER_GATEWAY:
		return ";refresher=uac";
	case SP_REFRESHER_PEER:
		return ";refresher=uas";
	case SP_REFRESHER_ANY:
		break;
	}
	return "";
}

static int put_terms(struct mbuf *mb, const struct sp_conf_timer *conf, uint32_t named_s,
		     uint32_t expires_s, const char *refresher)
{
	const uint32_t min_s = MAX(named_s, least(conf));
	int err = sp_sip_put(mb, "Session-Expires", "%u%s", MAX(expires_s, min_s), refresher);

	if (!err && (named_s || min_s > LEAST_S)) /* 7.4: what a 422 has named, in each one */
		err = sp_sip_put(mb, "Min-SE", "%u", min_s);
	return err;
}

int timer_put_first(struct mbuf *mb, const struct sp_conf_timer *conf, uint32_t min_s)
{
	if (SP_USE_OFF == conf->use)
		return 0;
	return put_terms(mb, conf, min_s, wanted(conf), first_refresher(conf));
}

/**
 * In a session that has a timer, its interval and its refresher stay what they
 * are (RFC 4028 7.4). An UPDATE before the answer is about media alone.
 */
int timer_put_request(struct mbuf *mb, const struct leg *leg, enum sp_sip_method method)
{
	const struct sp_conf_timer *conf = conf_of(leg);
	const struct leg_timer *t = &leg->timer;

	if (is_early(leg))
		return SP_SIP_INVITE == method ? timer_put_first(mb, conf, t->min_s) : 0;
	if (SP_USE_OFF == conf->use || !t->expires_s)
		return 0;
	return put_terms(mb, conf, t->min_s, t->expires_s,
			 t->ours ? ";refresher=uac" : ";refresher=uas");
}

/** 7.4: the largest Min-SE of all the peer's requests and 422. */
static void learn_least(struct leg_timer *t, const struct terms *said)
{
	if (said->min_s > t->min_s && said->min_s <= MIN_SE_MAX)
		t->min_s = said->min_s;
}

/**
 * The interval of our 2xx (RFC 4028 9): the request's may be reduced, not below
 * its Min-SE, and not raised; except below 90 s by a proxy of a peer that could
 * make nothing of a 422 (erratum 1687).
 */
static uint32_t agree_interval(const struct leg *leg, const struct terms *asked)
{
	const uint32_t least_s = MIN(asked->min_s, (uint32_t)MIN_SE_MAX);
	const uint32_t ours = MAX(wanted(conf_of(leg)), least_s);

	if (asked->named)
		return MAX(MIN(asked->expires_s, ours), (uint32_t)LEAST_S);
	return leg->timer.expires_s ? MAX(leg->timer.expires_s, least_s) : ours;
}

/**
 * Do we refresh? RFC 4028 9, table 2: what the request says; where it leaves it
 * to us, whose task it was stays so; a peer without the extension does nothing.
 */
static bool agree_refresher(const struct leg *leg, const struct terms *asked)
{
	if (!asked->supported)
		return true;
	if (NOT_SAID != asked->refresher)
		return UAS == asked->refresher;
	if (leg->timer.expires_s)
		return leg->timer.ours;
	return SP_REFRESHER_GATEWAY == conf_of(leg)->refresher;
}

/**
 * Without the extension the peer gets a timer when a proxy of its asked for one,
 * when the session has one, or when the trunk wants us to refresh: then we do,
 * and no header says so to somebody who did not ask.
 */
int timer_put_answer(struct mbuf *mb, struct leg *leg, const struct sp_sip_msg *req)
{
	const struct sp_conf_timer *conf = conf_of(leg);
	struct leg_timer *t = &leg->timer;
	struct terms asked;
	bool told;
	int err = 0;

	if (SP_SIP_INVITE != req->method && (SP_SIP_UPDATE != req->method || is_early(leg)))
		return 0;
	read_terms(&asked, req);
	told = asked.supported || asked.named || t->expires_s;
	if (SP_USE_OFF == conf->use || (!told && !alone(conf))) {
		timer_stop(leg);
		return 0;
	}
	learn_least(t, &asked);
	t->ours = agree_refresher(leg, &asked);
	t->expires_s = agree_interval(leg, &asked);
	refresh_begin(leg);
	if (told)
		err = sp_sip_put(mb, "Session-Expires", "%u;refresher=%s", t->expires_s,
				 t->ours ? "uas" : "uac");
	if (!err && asked.supported)
		err = sp_sip_put(mb, "Require", "timer");
	return err;
}

/** RFC 4028 7.2: a 2xx without Session-Expires turns the timer off, unless we refresh anyway. */
void timer_answered(struct leg *leg, const struct sp_sip_msg *rsp)
{
	const struct sp_conf_timer *conf = conf_of(leg);
	struct leg_timer *t = &leg->timer;
	struct terms got;

	if (is_early(leg))
		return;
	t->too_short = 0;
	read_terms(&got, rsp);
	if (SP_USE_OFF == conf->use || (!got.named && !alone(conf))) {
		timer_stop(leg);
		return;
	}
	t->ours = !got.named || UAS != got.refresher;
	if (got.named)
		t->expires_s = MAX(MIN(got.expires_s, (uint32_t)MIN_SE_MAX), (uint32_t)LEAST_S);
	else if (!t->expires_s)
		t->expires_s = MAX(wanted(conf), t->min_s);
	refresh_begin(leg);
}

bool timer_too_short(struct leg *leg, const struct sp_sip_msg *rsp)
{
	const struct sp_conf_timer *conf = conf_of(leg);
	struct leg_timer *t = &leg->timer;
	struct terms got;

	if (!rsp || 422 != rsp->status || SP_USE_OFF == conf->use)
		return false;
	read_terms(&got, rsp);
	/* the Min-SE that we have sent cannot be too small: a proxy is at odds with its peer */
	if (got.min_s <= MAX(t->min_s, least(conf)) || got.min_s > MIN_SE_MAX ||
	    t->too_short >= TOO_SHORT_MAX)
		return false;
	t->too_short++;
	learn_least(t, &got);
	return true;
}

void timer_stop(struct leg *leg)
{
	sp_timer_cancel(&leg->timer.due);
	leg->timer.pick = mem_deref(leg->timer.pick);
	leg->timer.expires_s = 0;
}
