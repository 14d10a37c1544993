/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/policy: what a message says for the gateway itself, not for the other
 * side: the URIs of the callee's dialog, Allow and Supported, status codes as
 * mapped below, and what goes with a refusal. Headers of the other side are
 * the matter of headers.c.
 */
#include <string.h>
#include <strings.h>

#include "call_priv.h"
#include "headers_priv.h"

static const char methods[] = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, MESSAGE, NOTIFY";

int policy_put_allow(struct mbuf *mb, const struct sp_conf_trunk *conf)
{
	return sp_sip_put(mb, "Allow", "%s%s%s", methods,
			  SP_USE_OFF != conf->reliable ? ", PRACK" : "",
			  SP_TRANSFER_REFUSE != conf->transfer ? ", REFER" : "");
}

int policy_put_supported(struct mbuf *mb, const struct sp_conf_trunk *conf, bool reliable)
{
	const char *tagv[3];
	size_t n = 0;

	if (reliable && SP_USE_OFF != conf->reliable)
		tagv[n++] = "100rel";
	if (SP_USE_OFF != conf->timer.use)
		tagv[n++] = "timer";
	if (SP_TRANSFER_REFUSE != conf->transfer)
		tagv[n++] = "replaces";
	if (!n)
		return 0;
	return sp_sip_put(mb, "Supported", "%s%s%s%s%s", tagv[0], n > 1 ? ", " : "",
			  n > 1 ? tagv[1] : "", n > 2 ? ", " : "", n > 2 ? tagv[2] : "");
}

int policy_contact(char **textp, const struct sp_conf_interface *ifc)
{
	return re_sdprintf(textp, "<sip:%s:%u;transport=tls>", ifc->sip_advertise,
			   sa_port(&ifc->sip));
}

int policy_put_ourselves(struct mbuf *mb, const struct sp_conf_trunk *conf, const char *contact,
			 bool reliable)
{
	int err = sp_sip_put(mb, "Contact", "%s", contact);

	if (!err)
		err = policy_put_allow(mb, conf);
	return err ? err : policy_put_supported(mb, conf, reliable);
}

/** Brackets around an IPv6 literal, for a URI's host. */
static int host_text(char **textp, const char *host)
{
	struct sa sa;
	bool v6 = 0 == sa_set_str(&sa, host, 0) && AF_INET6 == sa_af(&sa);

	return re_sdprintf(textp, v6 ? "[%s]" : "%s", host);
}

/** The host in URIs towards a trunk. */
static const char *trunk_domain(const struct sp_conf_trunk *conf, const char *target_host)
{
	if (conf->domain)
		return conf->domain;
	return target_host[0] ? target_host : conf->identityv[0];
}

int policy_domain(char **textp, const struct sp_conf_trunk *conf)
{
	const char *host = conf->targetc ? sp_conf_target_name(conf->targetv[0].host) : "";

	return host_text(textp, trunk_domain(conf, host));
}

int headers_uris(struct headers_uris *uris, const struct headers_ctx *ctx, const char *user,
		 const char *caller, const char *host, uint16_t port)
{
	char *domain = NULL, portbuf[8] = "", number[NUMBERING_SIZE];
	struct pl u;
	int err;

	if (0 == numbering_out(number, &ctx->to->numbering, user))
		user = number;
	pl_set_str(&u, user);
	memset(uris, 0, sizeof(*uris));
	if (port && 5061 != port)
		re_snprintf(portbuf, sizeof(portbuf), ":%u", port);
	err = host_text(&domain, trunk_domain(ctx->to, host));
	if (!err)
		err = headers_from(&uris->local, ctx, caller);
	if (!err)
		err = headers_to(&uris->remote, ctx, user, domain);
	if (!err)
		err = re_sdprintf(&uris->target, "sip:%r%s%s%s;transport=tls%s", &u, u.l ? "@" : "",
				  domain, portbuf, identity_phone(ctx->to, &u));
	if (err)
		headers_uris_reset(uris);
	mem_deref(domain);
	return err;
}

void headers_uris_reset(struct headers_uris *uris)
{
	uris->local = mem_deref(uris->local);
	uris->remote = mem_deref(uris->remote);
	uris->target = mem_deref(uris->target);
}

/**
 * A failure of the callee as the caller gets it. What only means something
 * between us and the callee must not pass as if it were the caller's matter.
 */
uint16_t policy_failure(uint16_t status)
{
	if (status < 400)
		return 480; /* a redirect's Contact is the other side's network */

	switch (status) {

	case 401: /* challenges are for us, and we answer none */
	case 407:
	case 420: /* and so are extensions */
	case 421:
	case 422:
	case 481:
	case 482:
	case 483:
	case 494:
		return 502;
	default:
		return status;
	}
}

/** The same for an INVITE, which is ours in all that it needs of the callee. */
uint16_t policy_invite_failure(uint16_t status)
{
	switch (status) {

	case 405:
	case 415:
	case 416:
	case 501:
	case 505:
		return 502;
	default:
		return policy_failure(status);
	}
}

/** What no response amounts to (RFC 3261 8.1.3.1). */
uint16_t policy_no_response(int err)
{
	return ETIMEDOUT == err ? 408 : 503;
}

int policy_reply_with(struct sp_sip_strans *st, uint16_t status, const char *name,
		      const char *value)
{
	struct sp_sip_reply r = {.status = status};
	struct mbuf *mb = mbuf_alloc(128);
	int err;

	if (mb && 0 == sp_sip_put(mb, name, "%s", value))
		r.headers = mb;
	err = sp_sip_reply(st, &r);
	mem_deref(mb);
	return err;
}

uint32_t policy_retry_after_s(const struct sp_sip_msg *rsp)
{
	const struct sp_sip_hdr *after = sp_sip_msg_next(rsp, SP_HDR_RETRY_AFTER, NULL);
	struct pl digits = PL_INIT;
	uint32_t s;

	if (!after)
		return 0;
	digits.p = after->value.p;
	while (digits.l < after->value.l && digits.p[digits.l] >= '0' && digits.p[digits.l] <= '9')
		digits.l++; /* a comment or parameters may follow */
	switch (sp_u32(&s, &digits, UINT32_MAX)) {

	case 0:
		return s;
	case ERANGE:
		return UINT32_MAX;
	default:
		return 0;
	}
}

/**
 * What goes with a refusal of our own: a Warning that says why, and when to try
 * again: 0 to 10 s after 500 (RFC 3261 14.2), after 503 as said.
 */
int policy_put_refusal(struct mbuf *headers, const struct sp_conf_interface *ifc, uint16_t status,
		       const char *warning, unsigned retry_after_s)
{
	int err = 0;

	if (!retry_after_s)
		retry_after_s = SP_CALL_RETRY_AFTER_S;

	if (warning)
		err = sp_sip_put_warning(headers, ifc->sip_advertise, warning);
	if (!err && 500 == status)
		err = sp_sip_put(headers, "Retry-After", "%u", sp_random_below(11));
	if (!err && 503 == status)
		err = sp_sip_put(headers, "Retry-After", "%u", retry_after_s);
	return err;
}

bool policy_reason_value(char *buf, size_t size, const struct pl *value)
{
	const char *semi = pl_strchr(value, ';');
	struct pl proto, params, cause;
	uint32_t n;

	buf[0] = '\0';
	if (!semi)
		return false;
	proto = (struct pl){value->p, (size_t)(semi - value->p)};
	params = (struct pl){semi, value->l - proto.l};
	while (proto.l && strchr(" \t", proto.p[proto.l - 1]))
		proto.l--;
	if (pl_strcasecmp(&proto, "Q.850") && pl_strcasecmp(&proto, "SIP"))
		return false;
	if (!sp_sip_param(&cause, &params, "cause") || sp_u32(&n, &cause, 999))
		return false;
	return re_snprintf(buf, size, "%s;cause=%u", pl_strcasecmp(&proto, "SIP") ? "Q.850" : "SIP",
			   n) > 0;
}
