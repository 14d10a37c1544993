/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/fork: the dialogs of a leg. A callee's network may ring several phones
 * at once; each answers with a To tag of its own and makes an early dialog of
 * its own (RFC 3261 12.1, 13.2.2), with its own description and keys. Each gets
 * one of ours on the caller's side, so that the caller can tell them apart.
 */
#include <string.h>

#include "call_priv.h"

/** No message finds the dialog any more. */
static void hide(struct dlg *d)
{
	if (!d->he.list)
		return;
	hash_unlink(&d->he);
	d->leg->call->calls->count.dialogs--;
}

static void destructor(void *arg)
{
	struct dlg *d = arg;

	hide(d);
	list_unlink(&d->le);
	mem_deref(d->sip);
	mem_deref(d->sent);
	mem_deref(d->heard);
}

int dlg_alloc(struct dlg **dp, struct leg *leg, struct sp_sip_dialog *sip)
{
	struct dlg *d = mem_zalloc(sizeof(*d), destructor);
	struct sp_calls *calls = leg->call->calls;
	const char *tag = sp_sip_dialog_local_tag(sip);

	if (!d) {
		mem_deref(sip);
		return ENOMEM;
	}
	d->leg = leg;
	d->sip = sip;
	d->dir = SP_SDP_SENDRECV;
	hash_append(calls->dlgs, calls_key(calls, tag, strlen(tag)), &d->he, d);
	calls->count.dialogs++;
	list_append(&leg->dlgs, &d->le, d);
	*dp = d;
	return 0;
}

static bool is_same(const struct pl *pl, const char *s)
{
	return pl->l == strlen(s) && (!pl->l || 0 == memcmp(pl->p, s, pl->l));
}

/** Forks of a callee share our tag; the peer's tells them apart. */
static bool tags_match(struct le *le, void *arg)
{
	const struct dlg *d = le->data;
	const struct sp_sip_msg *m = arg;

	return is_same(&m->to_tag, sp_sip_dialog_local_tag(d->sip)) &&
	       is_same(&m->from_tag, sp_sip_dialog_remote_tag(d->sip));
}

struct dlg *dlg_find(const struct sp_calls *calls, const struct sp_sip_msg *m)
{
	const uint32_t key = calls_key(calls, m->to_tag.p, m->to_tag.l);

	return list_ledata(hash_lookup(calls->dlgs, key, tags_match, (void *)(uintptr_t)m));
}

static struct dlg *find_fork(const struct leg *callee, const struct pl *tag)
{
	struct le *le;

	for (le = list_head(&callee->dlgs); le; le = le->next) {
		struct dlg *d = le->data;
		const char *remote = sp_sip_dialog_remote_tag(d->sip);

		if (!*remote || is_same(tag, remote))
			return d;
	}
	return NULL;
}

/** The caller's early dialog for one more fork. */
static int add_caller_dialog(struct dlg **dp, struct leg *caller)
{
	struct sp_sip_dialog *sip = NULL;
	int err = sp_sip_dialog_uas(&sip, sp_sip_strans_request(caller->invite_st));

	return err ? err : dlg_alloc(dp, caller, sip);
}

static int add_fork(struct dlg **dp, struct leg *callee, const struct sp_sip_msg *rsp)
{
	struct leg *caller = callee->call->caller;
	struct sp_sip_dialog *sip = NULL;
	struct dlg *d;
	int err;

	if (rsp->status < 200 && (list_count(&callee->dlgs) >= LEG_DIALOGS_MAX ||
				  (caller && list_count(&caller->dlgs) >= LEG_DIALOGS_MAX)))
		return ENOSPC;
	err = sp_sip_dialog_fork(&sip, callee->dlg->sip, rsp);
	if (!err)
		err = dlg_alloc(&d, callee, sip);
	if (err)
		return err;
	memcpy(d->tagv, callee->dlg->tagv, sizeof(d->tagv)); /* it answers the same offer */
	d->mux_told = callee->dlg->mux_told;
	d->version = callee->dlg->version;
	d->sent = mem_ref(callee->dlg->sent);
	if (caller && caller->invite_st)
		err = add_caller_dialog(&d->peer, caller);
	if (err) {
		mem_deref(d);
		return err;
	}
	sp_log(SP_LOG_DEBUG, "fork", "call=%s dialogs=%u", callee->call->id,
	       list_count(&callee->dlgs));
	*dp = d;
	return 0;
}

void dlg_hide(struct leg *leg)
{
	struct le *le;

	for (le = list_head(&leg->dlgs); le; le = le->next)
		hide(le->data);
}

int fork_select(struct leg *callee, const struct sp_sip_msg *rsp)
{
	struct leg *caller = callee->call->caller;
	struct dlg *d;
	int err;

	if (!rsp->to_tag.l && rsp->status < 200)
		return 0;
	d = find_fork(callee, &rsp->to_tag);
	err = d ? sp_sip_dialog_response(d->sip, rsp) : add_fork(&d, callee, rsp);
	if (!d)
		return err;
	callee->dlg = d;
	if (!d->peer && caller)
		d->peer = caller->dlg;
	if (caller)
		caller->dlg = d->peer;
	return err;
}

/** The callee's dialog that this one of the caller's stands for, or NULL. */
static struct dlg *counterpart(const struct dlg *dlg, const struct leg *callee)
{
	struct le *le;

	for (le = list_head(&callee->dlgs); le; le = le->next) {
		struct dlg *d = le->data;

		if (d->peer == dlg)
			return d;
	}
	return NULL;
}

void fork_choose(struct dlg *dlg)
{
	struct leg *leg = dlg->leg, *other = leg_other(leg);
	struct dlg *d = dlg->peer ? dlg->peer : counterpart(dlg, other);

	if (!d && list_count(&leg->dlgs) > 1)
		return; /* of an attempt that has failed since */
	leg->dlg = dlg;
	if (d)
		other->dlg = d;
}

int fork_again(struct leg *caller)
{
	return add_caller_dialog(&caller->dlg, caller);
}

void fork_settle(struct leg *leg)
{
	struct le *le = list_head(&leg->dlgs);

	while (le) {
		struct dlg *d = le->data;

		le = le->next;
		if (d != leg->dlg)
			mem_deref(d);
	}
	leg->dlg->peer = NULL;
}
