/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/identity: who calls, as the other side is told: From and To, the
 * identities that a trust domain asserts (RFC 3325), the privacy that the
 * caller asked for (RFC 3323), and the signed identity (RFC 8224).
 *
 * A trunk that is not `trusted` neither gets asserted identities nor is it
 * believed when it sends some; but everybody may ask for privacy.
 */
#include <string.h>

#include "sallyport/base_util.h"
#include "headers_priv.h"

static const struct {
	const char *name;
	unsigned bit;
} privacies[] = {
	{"id", PRIVACY_ID},
	{"user", PRIVACY_USER},
	{"header", PRIVACY_HEADER},
	{"session", PRIVACY_SESSION},
	{"history", PRIVACY_HISTORY}, /* RFC 7044 */
	{"critical", PRIVACY_CRITICAL},
	{"none", PRIVACY_NONE},
};

static unsigned privacy_bit(const struct pl *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(privacies); i++) {
		if (!pl_strcasecmp(word, privacies[i].name))
			return privacies[i].bit;
	}
	return 0;
}

/** The words of one Privacy header: ";" between them (RFC 3323 4.2), often ",". */
static unsigned privacy_words(const struct pl *value)
{
	struct pl rest = *value;
	unsigned bits = 0;

	while (rest.l) {
		struct pl word = {rest.p, 0};

		while (word.l < rest.l && !strchr(";, \t", word.p[word.l]))
			word.l++;
		bits |= privacy_bit(&word);
		pl_advance(&rest, (ssize_t)min(word.l + 1, rest.l));
	}
	return bits;
}

unsigned identity_privacy(const struct headers *h)
{
	const struct bag_hdr *b = NULL;
	unsigned bits = 0;

	while ((b = bag_next(&h->in, "Privacy", b)))
		bits |= privacy_words(&b->value);
	return bits;
}

bool identity_private(const struct sp_sip_msg *msg)
{
	const struct sp_sip_hdr *hdr = NULL;
	unsigned bits = 0;

	while ((hdr = sp_sip_msg_next(msg, SP_HDR_PRIVACY, hdr)))
		bits |= privacy_words(&hdr->value);
	return bits & PRIVACY_CALLER;
}

bool identity_withheld(const struct sp_sip_msg *msg)
{
	return route_is_anonymous(&msg->from) || identity_private(msg);
}

/** Must the other side not learn who calls? */
static bool hidden(const struct headers *h)
{
	return !h->ctx->to->trusted && (identity_privacy(h) & PRIVACY_CALLER);
}

/**
 * The rest of a call repeats no Privacy, but the wish stands. Of the INVITE its
 * own headers count, as the rules of its trunk have left them.
 */
bool identity_hidden(const struct headers *h)
{
	const struct headers_ctx *ctx = h->ctx;
	const bool own = ctx->initial && ctx->msg;

	if (ctx->to->trusted)
		return false;
	return hidden(h) || (own ? route_is_anonymous(&ctx->msg->from) : ctx->anonymous);
}

bool identity_names(const char *name)
{
	static const char *const names[] = {
		"From",     "Contact",   "P-Asserted-Identity", "P-Preferred-Identity",
		"Identity", "Diversion", "History-Info",        "Remote-Party-ID"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!str_casecmp(name, names[i]))
			return true;
	}
	return false;
}

/**
 * A PASSporT of three parts, full or compact, and where its certificate is (RFC
 * 8224 4, RFC 8225 7): what is none must not make us show From as it came.
 */
static bool is_passport(const struct pl *value)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_=";
	const char *semi = pl_strchr(value, ';');
	struct pl params;
	unsigned dots = 0;

	if (!semi || semi == value->p)
		return false;
	for (const char *p = value->p; p < semi; p++) {
		if ('.' == *p)
			dots++;
		else if (' ' != *p && !strchr(chars, *p))
			return false;
	}
	params = (struct pl){semi, value->l - (size_t)(semi - value->p)};
	return 2 == dots && sp_sip_param(NULL, &params, "info");
}

/**
 * Does a signature pass? It covers From, To and Date (RFC 8224 4.1), which
 * then go as they came. It holds the caller's number: not to one who must not
 * learn that, or is shown another one.
 */
static bool signed_identity(const struct headers *h)
{
	const struct headers_ctx *ctx = h->ctx;
	const struct sp_sip_msg *msg = ctx->invite ? ctx->invite : ctx->msg;
	const struct bag_hdr *b = NULL;

	if (!ctx->from || !ctx->to->pass_identity || hidden(h) || headers_shown(ctx))
		return false;
	if (msg && (!sp_utf8_ok(&msg->from.display) || !sp_utf8_ok(&msg->to.display)))
		return false; /* both would go on as they are */
	while ((b = bag_next(&h->in, "Identity", b))) {
		if (is_passport(&b->value))
			return true;
	}
	return false;
}

const char *headers_shown(const struct headers_ctx *ctx)
{
	const bool shows = SP_TRUNK_CARRIER == ctx->to->kind && str_isset(ctx->shown);

	return shows ? ctx->shown : NULL;
}

const char *identity_phone(const struct sp_conf_trunk *to, const struct pl *user)
{
	const bool number = user->l && '+' == user->p[0];

	return number && numbering_phone(&to->numbering) ? ";user=phone" : "";
}

struct pl identity_user(char buf[NUMBERING_SIZE], const struct headers_ctx *ctx,
			const struct sp_sip_uri *uri)
{
	char e164[SP_NUMBER_SIZE];
	struct pl user;
	const char *semi;

	numbering_user(&user, uri);
	if (0 == numbering_in(e164, ctx->from ? &ctx->from->numbering : NULL, &user) &&
	    0 == numbering_out(buf, &ctx->to->numbering, e164)) {
		pl_set_str(&user, buf);
		return user;
	}
	user = uri->user;
	semi = pl_strchr(&user, ';'); /* phone-context and the like name networks */
	if (semi)
		user.l = (size_t)(semi - user.p);
	return user;
}

/** A name that holds "@" or the sender's host is an address of its network. */
static bool passable(const struct sp_sip_addr *addr)
{
	const struct pl *name = &addr->display, *host = &addr->uri.host;

	return name->l && sp_text_ok(name) && sp_utf8_ok(name) && !pl_strchr(name, '@') &&
	       !(host->l && memmem(name->p, name->l, host->p, host->l));
}

/* ---- P-Asserted-Identity and Privacy ---- */

/** One asserted identity under our name. */
static int put_asserted(struct headers *h, const struct sp_sip_addr *pai)
{
	char buf[NUMBERING_SIZE];
	const bool named = passable(pai);
	const struct pl none = PL(""), *name = named ? &pai->display : &none;
	const char *quote = named ? "\"" : "", *gap = named ? " " : "";
	const struct pl user = identity_user(buf, h->ctx, &pai->uri);

	return bag_addf(h, &h->out, "P-Asserted-Identity", "%s%r%s%s<sip:%r%s%s%s>", quote, name,
			quote, gap, &user, user.l ? "@" : "", h->ctx->advertise,
			identity_phone(h->ctx->to, &user));
}

/** A tel URI has a global number: others need a context, which names a network. */
static int put_asserted_tel(struct headers *h, const struct sp_sip_addr *pai, bool *seen)
{
	const struct headers_ctx *ctx = h->ctx;
	char e164[SP_NUMBER_SIZE];
	struct pl user;

	numbering_user(&user, &pai->uri);
	if (*seen || numbering_in(e164, &ctx->from->numbering, &user))
		return 0;
	*seen = true;
	return bag_addf(h, &h->out, "P-Asserted-Identity", "<tel:%s>", e164);
}

/** Of those that came, one sip and one tel URI (RFC 3325 9.1). */
static int pass_asserted(struct headers *h)
{
	const struct bag_hdr *b = NULL;
	bool sip = false, tel = false;
	int err = 0;

	while (!err && (b = bag_next(&h->in, "P-Asserted-Identity", b))) {
		struct pl rest = b->value, value;

		while (!err && sp_sip_list_next(&value, &rest)) {
			struct sp_sip_addr pai;

			if (sp_sip_addr_decode(&pai, &value) || SP_URI_OTHER == pai.uri.scheme)
				continue;
			if (SP_URI_TEL == pai.uri.scheme) {
				err = put_asserted_tel(h, &pai, &tel);
			} else if (!sip) {
				sip = true;
				err = put_asserted(h, &pai);
			}
		}
	}
	return err;
}

/** An asserted identity of ours. A caller who is anonymous stays so beyond us. */
static int put_own(struct headers *h, const char *e164)
{
	const struct headers_ctx *ctx = h->ctx;
	char number[NUMBERING_SIZE];
	struct pl user;
	bool anonymous;
	int err;

	pl_set_str(&user, numbering_out(number, &ctx->to->numbering, e164) ? e164 : number);
	err = bag_addf(h, &h->out, "P-Asserted-Identity", "<sip:%r@%s%s>", &user, ctx->advertise,
		       identity_phone(ctx->to, &user));
	anonymous = ctx->initial ? ctx->msg && route_is_anonymous(&ctx->msg->from) : ctx->anonymous;
	if (!err && anonymous && !identity_privacy(h))
		err = bag_addf(h, &h->out, "Privacy", "id");
	return err;
}

/**
 * The number table says that this number is the service's own: that is our
 * word, whoever the service is.
 */
static int vouch(struct headers *h)
{
	const struct headers_ctx *ctx = h->ctx;

	if (!ctx->initial || !ctx->own_number || SP_TRUNK_SERVICE != ctx->from->kind)
		return 0;
	return put_own(h, ctx->caller);
}

/**
 * To a trusted trunk. told: by one that is trusted, too. What is asserted later in
 * a call that is screened, nobody has looked at: it stays behind.
 */
static int put_identity(struct headers *h, bool told)
{
	const char *shown = headers_shown(h->ctx);

	if (shown)
		return told || h->ctx->initial ? put_own(h, shown) : 0;
	if (h->ctx->screened && !h->ctx->initial)
		return 0;
	return told ? pass_asserted(h) : vouch(h);
}

static int put_privacy(struct headers *h)
{
	const unsigned bits = identity_privacy(h);
	char text[64] = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(privacies); i++) {
		if (bits & privacies[i].bit)
			n += (size_t)re_snprintf(text + n, sizeof(text) - n, "%s%s", n ? ";" : "",
						 privacies[i].name);
	}
	return n ? bag_addf(h, &h->out, "Privacy", "%s", text) : 0;
}

static int pass_all(struct headers *h, const char *name)
{
	const struct bag_hdr *b = NULL;
	int err = 0;

	while (!err && (b = bag_next(&h->in, name, b)))
		err = bag_add(&h->out, name, &b->value);
	return err;
}

int identity_put(struct headers *h)
{
	const struct headers_ctx *ctx = h->ctx;
	int err = 0;

	if (!ctx->from || SP_SIP_ACK == ctx->method || SP_SIP_CANCEL == ctx->method)
		return 0; /* RFC 3325 9.1: not in these */
	if (ctx->to->trusted) {
		err = put_identity(h, ctx->from->trusted &&
					      bag_next(&h->in, "P-Asserted-Identity", NULL));
		if (!err)
			err = put_privacy(h);
	}
	if (!err && ctx->initial && signed_identity(h)) {
		err = pass_all(h, "Identity");
		if (!err)
			err = pass_all(h, "Date");
	}
	return err;
}

/* ---- From and To ---- */

/** The message at work of the INVITE that makes the call. */
static int begin(struct headers **hp, const struct headers_ctx *ctx)
{
	const struct sp_sip_msg *msg = ctx->invite ? ctx->invite : ctx->msg;
	int err = headers_alloc(hp, ctx, ctx->from ? msg : NULL);

	if (!err && ctx->from)
		err = rules_apply(*hp, &(*hp)->in, ctx->from->rules_inv, ctx->from->rules_inc, 0);
	return err;
}

/** As it came, without its tag, which is the sender's. */
static int verbatim(char **textp, const struct sp_sip_msg *m, enum sp_sip_id id,
		    const struct sp_sip_addr *addr)
{
	const struct sp_sip_hdr *hdr = sp_sip_msg_next(m, id, NULL);
	struct pl head, tail, tag;

	if (!hdr)
		return EBADMSG;
	head = hdr->value;
	tail = (struct pl){head.p + head.l, 0};
	if (sp_sip_param(&tag, &addr->params, "tag") && tag.l) {
		const char *semi = tag.p; /* a token: nothing is quoted between it and its ";" */

		while (semi > addr->params.p && ';' != *semi)
			semi--;
		tail = (struct pl){tag.p + tag.l, (size_t)(tail.p - tag.p) - tag.l};
		head.l = (size_t)(semi - head.p);
	}
	return re_sdprintf(textp, "%r%r", &head, &tail);
}

/** The caller's number and name under our host; the number that is shown instead has no name. */
static int own_from(char **fromp, const struct headers_ctx *ctx, const struct sp_sip_addr *from,
		    const char *caller)
{
	const char *shown = headers_shown(ctx);
	char buf[NUMBERING_SIZE];
	struct pl u = PL("");

	if (!caller && shown) {
		caller = numbering_out(buf, &ctx->to->numbering, shown) ? shown : buf;
		from = NULL;
	}
	if (!caller && !from)
		caller = ctx->caller;
	if (caller)
		pl_set_str(&u, caller);
	else if (from)
		u = identity_user(buf, ctx, &from->uri);
	if (from && passable(from))
		return re_sdprintf(fromp, "\"%r\" <sip:%r%s%s%s>", &from->display, &u,
				   u.l ? "@" : "", ctx->advertise, identity_phone(ctx->to, &u));
	return re_sdprintf(fromp, "<sip:%r%s%s%s>", &u, u.l ? "@" : "", ctx->advertise,
			   identity_phone(ctx->to, &u));
}

int headers_from(char **fromp, const struct headers_ctx *ctx, const char *caller)
{
	const struct sp_sip_msg *msg = ctx->invite ? ctx->invite : ctx->msg;
	struct headers *h = NULL;
	int err = begin(&h, ctx);

	if (err)
		goto out;
	if (msg && signed_identity(h))
		err = verbatim(fromp, msg, SP_HDR_FROM, &msg->from);
	else if (hidden(h) || (msg && route_is_anonymous(&msg->from)))
		err = re_sdprintf(fromp, "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
	else
		err = own_from(fromp, ctx, msg ? &msg->from : NULL, caller);
out:
	mem_deref(h);
	return err;
}

int headers_to(char **top, const struct headers_ctx *ctx, const char *user, const char *host)
{
	const struct sp_sip_msg *msg = ctx->invite ? ctx->invite : ctx->msg;
	struct headers *h = NULL;
	struct pl u;
	int err = begin(&h, ctx);

	if (err)
		goto out;
	pl_set_str(&u, user);
	if (msg && signed_identity(h))
		err = verbatim(top, msg, SP_HDR_TO, &msg->to);
	else
		err = re_sdprintf(top, "<sip:%r%s%s%s>", &u, u.l ? "@" : "", host,
				  identity_phone(ctx->to, &u));
out:
	mem_deref(h);
	return err;
}
