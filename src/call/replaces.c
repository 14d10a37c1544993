/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/replaces: Replaces (RFC 3891), as a header and in the headers of a URI,
 * and which of our dialogs it names. Each leg of a call is a dialog of its own:
 * what names one leg on this side is written as the other leg on that side.
 */
#include <string.h>

#include "transfer_priv.h"

static int take_tag(char tag[REPLACES_TAG_MAX], const struct pl *params, const char *name)
{
	struct pl value;

	if (!sp_sip_param(&value, params, name) || !sp_sip_is_token(&value) ||
	    value.l >= REPLACES_TAG_MAX) /* pl_strcpy() would cut it */
		return EBADMSG;
	return pl_strcpy(&value, tag, REPLACES_TAG_MAX);
}

static struct pl trimmed(struct pl pl)
{
	while (pl.l && strchr(" \t", pl.p[0]))
		pl_advance(&pl, 1);
	while (pl.l && strchr(" \t", pl.p[pl.l - 1]))
		pl.l--;
	return pl;
}

int replaces_decode(struct replaces *r, const struct pl *value)
{
	const char *semi = pl_strchr(value, ';');
	struct pl id, params;

	memset(r, 0, sizeof(*r));
	if (!semi)
		return EBADMSG;
	id = trimmed((struct pl){value->p, (size_t)(semi - value->p)});
	params = (struct pl){semi, value->l - (size_t)(semi - value->p)};
	if (!id.l || !sp_text_ok(value) || id.l >= sizeof(r->call_id))
		return EBADMSG;
	(void)pl_strcpy(&id, r->call_id, sizeof(r->call_id));
	if (strpbrk(r->call_id, " \t,"))
		return EBADMSG;
	if (take_tag(r->to_tag, &params, "to-tag") || take_tag(r->from_tag, &params, "from-tag"))
		return EBADMSG;
	r->early_only = sp_sip_param(NULL, &params, "early-only");
	return 0;
}

/** The next "name=value" of a URI's headers. */
static bool next_header(struct pl *name, struct pl *value, struct pl *rest)
{
	const char *end, *eq;
	struct pl part = *rest;

	if (!rest->l)
		return false;
	end = pl_strchr(rest, '&');
	part.l = end ? (size_t)(end - rest->p) : rest->l;
	pl_advance(rest, (ssize_t)(end ? part.l + 1 : part.l));
	eq = pl_strchr(&part, '=');
	*name = (struct pl){part.p, eq ? (size_t)(eq - part.p) : part.l};
	*value = eq ? (struct pl){eq + 1, part.l - name->l - 1} : (struct pl){part.p, 0};
	return true;
}

int replaces_of_uri(struct replaces *r, const struct sp_sip_uri *uri)
{
	struct pl rest = uri->headers, name, value;
	char text[REFER_TO_MAX];
	int err = ENOENT;

	while (next_header(&name, &value, &rest)) {
		struct pl plain;

		if (pl_strcasecmp(&name, "Replaces"))
			continue;
		if (ENOENT != err || sp_sip_unescape(text, sizeof(text), &value))
			return EBADMSG;
		pl_set_str(&plain, text);
		err = replaces_decode(r, &plain);
		if (err)
			return err;
	}
	return err;
}

int replaces_of_leg(struct replaces *r, const struct leg *leg)
{
	const struct sp_sip_dialog *sip = leg->dlg ? leg->dlg->sip : NULL;
	const char *id, *tag;

	memset(r, 0, sizeof(*r));
	if (!sip || !*sp_sip_dialog_remote_tag(sip))
		return ENOENT;
	id = sp_sip_dialog_call_id(sip);
	tag = sp_sip_dialog_remote_tag(sip);
	if (strlen(id) >= sizeof(r->call_id) || strlen(tag) >= sizeof(r->to_tag))
		return EOVERFLOW;
	str_ncpy(r->call_id, id, sizeof(r->call_id));
	str_ncpy(r->to_tag, tag, sizeof(r->to_tag));
	str_ncpy(r->from_tag, sp_sip_dialog_local_tag(sip), sizeof(r->from_tag));
	return 0;
}

/** Of a URI's header value only what RFC 3261 25.1 calls unreserved stays as it is. */
static int put_escaped(struct mbuf *mb, const char *text)
{
	int err = 0;

	for (; *text && !err; text++) {
		const unsigned char c = (unsigned char)*text;
		const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				   (c >= 'a' && c <= 'z') || strchr("-_.!~*'()", c);

		err = plain ? mbuf_write_u8(mb, c) : mbuf_printf(mb, "%%%02X", c);
	}
	return err;
}

int replaces_dup(char **textp, const struct replaces *r)
{
	return re_sdprintf(textp, "%s;to-tag=%s;from-tag=%s%s", r->call_id, r->to_tag, r->from_tag,
			   r->early_only ? ";early-only" : "");
}

int replaces_put_escaped(struct mbuf *mb, const struct replaces *r)
{
	char *text = NULL;
	int err = replaces_dup(&text, r);

	if (!err)
		err = put_escaped(mb, text);
	mem_deref(text);
	return err;
}

/* A dialog by what both ends call it. */
struct wanted {
	const char *call_id, *ours, *theirs;
};

static bool is_wanted(struct le *le, void *arg)
{
	const struct dlg *d = le->data;
	const struct wanted *w = arg;

	return !strcmp(sp_sip_dialog_local_tag(d->sip), w->ours) &&
	       !strcmp(sp_sip_dialog_remote_tag(d->sip), w->theirs) &&
	       !strcmp(sp_sip_dialog_call_id(d->sip), w->call_id);
}

static struct leg *find(const struct sp_calls *calls, struct wanted w)
{
	const uint32_t key = calls_key(calls, w.ours, strlen(w.ours));
	const struct dlg *d = list_ledata(hash_lookup(calls->dlgs, key, is_wanted, &w));

	return d ? d->leg : NULL;
}

struct leg *replaces_find(const struct sp_calls *calls, const struct replaces *r)
{
	return find(calls, (struct wanted){r->call_id, r->to_tag, r->from_tag});
}

/* Another trunk may send an INVITE that replaces the leg's dialog, by this name, once. */
struct grant {
	struct le le; /* in calls->grants */
	struct leg *leg;
	const struct sp_trunk *to; /* compared, never followed */
	struct replaces ids;
	uint64_t end_ms;
};

static void grant_destructor(void *arg)
{
	struct grant *g = arg;

	hash_unlink(&g->le);
}

int replaces_grant(struct replaces *ids, struct leg *leg, const struct sp_trunk *to)
{
	struct sp_calls *calls = leg->call->calls;
	struct grant *g = mem_zalloc(sizeof(*g), grant_destructor);

	if (!g)
		return ENOMEM;
	sp_id_random(g->ids.call_id, GRANT_ID_SIZE);
	sp_id_random(g->ids.to_tag, GRANT_ID_SIZE);
	sp_id_random(g->ids.from_tag, GRANT_ID_SIZE);
	g->leg = leg;
	g->to = to;
	g->end_ms = sp_loop_now_ms(calls->loop) + leg->call->env->conf->limits.ring_s * 1000ULL;
	hash_append(calls->grants, calls_key(calls, g->ids.call_id, strlen(g->ids.call_id)), &g->le,
		    g);
	mem_deref(leg->grant);
	leg->grant = g;
	*ids = g->ids;
	return 0;
}

/* A name that one trunk may use. */
struct named {
	const struct sp_trunk *from;
	const struct replaces *r;
};

static bool is_named(struct le *le, void *arg)
{
	const struct grant *g = le->data;
	const struct named *n = arg;

	return g->to == n->from && !strcmp(g->ids.call_id, n->r->call_id) &&
	       !strcmp(g->ids.to_tag, n->r->to_tag) && !strcmp(g->ids.from_tag, n->r->from_tag);
}

/** The leg of a grant of this name, which is used up by that. */
static struct leg *granted(const struct sp_calls *calls, const struct sp_trunk *from,
			   const struct replaces *r)
{
	const uint32_t key = calls_key(calls, r->call_id, strlen(r->call_id));
	struct named named = {from, r};
	struct grant *g = list_ledata(hash_lookup(calls->grants, key, is_named, &named));
	struct leg *leg;
	bool late;

	if (!g)
		return NULL;
	leg = g->leg;
	late = sp_loop_now_ms(calls->loop) > g->end_ms;
	leg->grant = mem_deref(g);
	return late ? NULL : leg;
}

/**
 * The leg at the far end of the dialog that r names. A trunk can name its own
 * dialogs, as it knows them or as its peer on the other side would get to know
 * them, and what refer_relay.c has granted it; nobody else's.
 */
static struct leg *far_end(const struct sp_calls *calls, const struct sp_trunk *from,
			   const struct replaces *r, bool *overp)
{
	struct leg *near = replaces_find(calls, r), *far;

	if (near) {
		*overp = !leg_is_current(near);
		return near->trunk == from ? leg_other(near) : NULL;
	}
	far = find(calls, (struct wanted){r->call_id, r->from_tag, r->to_tag});
	if (far)
		return far->trunk == from ? far : NULL;
	return granted(calls, from, r);
}

uint16_t replaces_invite(struct replaced *out, const struct sp_calls *calls,
			 const struct sp_trunk *from, const struct sp_sip_msg *req,
			 const char **cause)
{
	const struct sp_sip_hdr *hdr = sp_sip_msg_named(req, "Replaces");
	struct replaces r;
	struct leg *far;
	bool over = false;

	memset(out, 0, sizeof(*out));
	if (!hdr || SP_TRANSFER_REFUSE == sp_trunk_conf(from)->transfer)
		return 0;
	*cause = "Replaces cannot be read";
	if (replaces_decode(&r, &hdr->value))
		return 400;
	far = far_end(calls, from, &r, &over);
	*cause = "Replaces names no dialog of this gateway";
	if (!far || replaces_of_leg(&out->ids, far))
		return 481;
	*cause = "the dialog that Replaces names is over";
	if (over || ENDING == far->call->state || ENDED == far->call->state ||
	    !leg_is_current(far) || !leg_is_current(leg_other(far)))
		return 603;
	*cause = "Replaces is for an early dialog, and this one is confirmed";
	if (r.early_only && LEG_UP == far->state)
		return 486;
	out->ids.early_only = r.early_only;
	out->leg = far;
	return 0;
}
