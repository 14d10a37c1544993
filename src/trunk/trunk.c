/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One trunk: what others ask of it, and how it goes.
 *
 * A trunk that the configuration has dropped stays for its calls. A moment
 * after the last one its connections are closed. It is freed only when no
 * transaction can be left that still names it as its owner, because another
 * trunk at the same address in memory would be taken for it.
 */
#include <errno.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

static void destructor(void *arg)
{
	struct sp_trunk *t = arg;

	list_unlink(&t->le);
	sp_timer_cancel(&t->settle);
	sp_timer_cancel(&t->scan.timer);
	for (size_t i = 0; i < t->sitec; ++i)
		mem_deref(t->sitev[i]);
	list_flush(&t->oldl);
	list_flush(&t->accepted);
	mem_deref(t->rates);
	mem_deref(t->client);
	mem_deref(t->conf_ref);
	mem_deref(t->sent_by);
	mem_deref(t->name);
}

int trunk_alloc(struct sp_trunk **tp, struct sp_trunks *ts, const char *name)
{
	struct sp_trunk *t = mem_zalloc(sizeof(*t), destructor);

	if (!t)
		return ENOMEM;
	t->ts = ts;
	t->loop = ts->loop;
	sp_quiet_init(&t->limit_log, 1, 1, sp_loop_now_ms(t->loop));
	sp_limit_init_minute(&t->scan.limit, 0, 0, sp_loop_now_ms(t->loop));
	if (str_dup(&t->name, name)) {
		mem_deref(t);
		return ENOMEM;
	}
	*tp = t;
	return 0;
}

/** %H handler: a host as it stands in a URI or Via (RFC 3261 25.1: IPv6 in brackets). */
int trunk_host_print(struct re_printf *pf, const char *host)
{
	struct sa sa;

	if (!sa_set_str(&sa, host, 0) && sa_af(&sa) == AF_INET6)
		return re_hprintf(pf, "[%s]", host);
	return re_hprintf(pf, "%s", host);
}

/** May it make connections? */
bool trunk_usable(const struct sp_trunk *t)
{
	return t->ts && !t->ts->closed && t->conf;
}

static void drop_old_targets(struct sp_trunk *t)
{
	struct le *le, *next;

	for (le = list_head(&t->oldl); le; le = next) {
		next = le->next;
		target_shut(le->data);
	}
	list_flush(&t->oldl);
}

/** Close all that it has, and attempt nothing more by itself. */
void trunk_shut(struct sp_trunk *t)
{
	struct le *le, *next;

	for (size_t i = 0; i < t->targetc; ++i)
		target_shut(t->targetv[i]);
	drop_old_targets(t);

	for (le = list_head(&t->accepted); le; le = next) {
		next = le->next;
		conn_end(le->data, "closed by us");
	}
}

static void on_settle(void *arg)
{
	struct sp_trunk *t = arg;

	if (t->calls || t->picks)
		return;

	if (t->active) {
		drop_old_targets(t);
	} else if (!t->lingering) {
		trunk_shut(t);
		t->lingering = true;
		sp_timer_start(t->loop, &t->settle, TRUNK_LINGER_MS, on_settle, t);
	} else {
		list_unlink(&t->le);
		t->ts = NULL;
		sp_loop_release(t->loop, t);
	}
}

/**
 * Calls or settings have changed: see, a moment later, whether something can
 * go. The moment lets the last answers of the last call pass.
 */
void trunk_settle(struct sp_trunk *t)
{
	if (!t->ts || t->calls || t->picks || (t->active && list_isempty(&t->oldl))) {
		sp_timer_cancel(&t->settle);
		return;
	}
	t->lingering = false;
	sp_timer_start(t->loop, &t->settle, TRUNK_GRACE_MS, on_settle, t);
}

const char *sp_trunk_name(const struct sp_trunk *t)
{
	return t ? t->name : NULL;
}

const struct sp_conf_trunk *sp_trunk_conf(const struct sp_trunk *t)
{
	return t ? t->conf : NULL;
}

struct sp_conf *sp_trunk_conf_owner(const struct sp_trunk *t)
{
	return t ? t->conf_ref : NULL;
}

const struct sp_conf_interface *sp_trunk_interface(const struct sp_trunk *t)
{
	return t ? t->interface : NULL;
}

struct sp_trunk *sp_trunk_of(const struct sp_sip_conn *c)
{
	return sp_sip_conn_owner(c);
}

bool sp_trunk_active(const struct sp_trunk *t)
{
	return t && t->active;
}

bool sp_trunk_up(const struct sp_trunk *t)
{
	if (!t)
		return false;
	if (!t->sitec)
		return trunk_accepted(t) != NULL;

	for (size_t i = 0; i < t->targetc; ++i) {
		if (t->targetv[i]->state == SP_TARGET_UP)
			return true;
	}
	return false;
}

/** The accepted connection that was active last, or NULL. */
struct conn *trunk_accepted(const struct sp_trunk *t)
{
	struct le *le;

	LIST_FOREACH(&t->accepted, le)
	{
		if (conn_live(le->data))
			return le->data;
	}
	return NULL;
}

/* Outbound ones first, those to targets that answer before the others. */
static struct conn *any_conn(const struct sp_trunk *t)
{
	struct conn *c = NULL;
	struct le *le;

	for (size_t i = 0; i < t->targetc && !c; ++i) {
		if (!target_down(t->targetv[i]))
			c = target_conn(t->targetv[i]);
	}
	if (!c)
		c = trunk_accepted(t);
	for (size_t i = 0; i < t->targetc && !c; ++i)
		c = target_conn(t->targetv[i]);
	for (le = list_head(&t->oldl); le && !c; le = le->next)
		c = target_conn(le->data);
	return c;
}

struct sp_sip_conn *sp_trunk_conn(const struct sp_trunk *t)
{
	const struct conn *c = t ? any_conn(t) : NULL;

	return c ? c->sip : NULL;
}

static struct conn *accepted_from(const struct sp_trunk *t, const struct sa *addr)
{
	struct le *le;

	LIST_FOREACH(&t->accepted, le)
	{
		struct conn *c = le->data;

		if (conn_live(c) && c->lead && sa_cmp(&c->lead->addr, addr, SA_ADDR))
			return c;
	}
	return NULL;
}

/* What one target knows of a dialog another may not. It may have connected to us by itself. */
struct sp_sip_conn *sp_trunk_conn_like(const struct sp_trunk *t, const struct sp_sip_conn *gone)
{
	const struct target *tg = t ? target_led(t, sp_trunk_target(gone)) : NULL;
	const struct conn *c = tg ? target_conn(tg) : NULL;

	if (tg && !c)
		c = accepted_from(t, &tg->place.addr);
	return c ? c->sip : sp_trunk_conn(t);
}
