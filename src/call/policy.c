/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/policy: what passes from one leg to the other. Everything that is not
 * written here stays on its own side: headers, hosts, display of routes. What
 * passes: the calling and called number, the calling name, the entry's custom
 * headers, status codes as mapped below, and the cause of a Reason header.
 */
#include <string.h>
#include <strings.h>

#include "call_priv.h"

const char policy_allow[] = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, MESSAGE, NOTIFY";

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

/** "user=phone" belongs to telephone numbers (RFC 3261 19.1.1). */
static const char *phone(const struct pl *user)
{
	return user->l && '+' == user->p[0] ? ";user=phone" : "";
}

/** A name that holds "@" or the sender's host is an address of its network. */
static bool passable(const struct sp_sip_addr *from)
{
	const struct pl *name = &from->display, *host = &from->uri.host;

	return name->l && sp_text_ok(name) && !pl_strchr(name, '@') &&
	       !(host->l && memmem(name->p, name->l, host->p, host->l));
}

/**
 * Our From towards the callee: the caller's number and name under our host;
 * an anonymous caller's as RFC 3323 4.1.1.3 writes it, whatever stood there.
 */
static int local_uri(char **localp, const struct sp_sip_msg *invite, const char *advertise)
{
	const struct sp_sip_addr *from = &invite->from;
	char number[SP_NUMBER_SIZE];
	const char *semi;
	struct pl u;
	int err;

	if (route_is_anonymous(from))
		return re_sdprintf(localp, "\"Anonymous\" <sip:anonymous@anonymous.invalid>");

	u = from->uri.user;
	semi = pl_strchr(&u, ';'); /* phone-context and the like name networks */
	if (semi)
		u.l = (size_t)(semi - u.p);
	if (0 == route_e164(number, &u))
		pl_set_str(&u, number);
	if (passable(from))
		err = re_sdprintf(localp, "\"%r\" <sip:%r%s%s%s>", &from->display, &u,
				  u.l ? "@" : "", advertise, phone(&u));
	else
		err = re_sdprintf(localp, "<sip:%r%s%s%s>", &u, u.l ? "@" : "", advertise,
				  phone(&u));
	return err;
}

int policy_callee_uris(const struct sp_call *call, const struct sp_sip_msg *invite,
		       const struct sp_trunk *trunk, const char *host, uint16_t port, char **local,
		       char **remote, char **target)
{
	const struct sp_conf_trunk *conf = sp_trunk_conf(trunk);
	struct pl user;
	char *domain = NULL, portbuf[8] = "";
	int err;

	pl_set_str(&user, call->target_user);
	if (port && 5061 != port)
		re_snprintf(portbuf, sizeof(portbuf), ":%u", port);
	err = host_text(&domain, trunk_domain(conf, host));
	if (!err)
		err = local_uri(local, invite, sp_trunk_interface(trunk)->sip_advertise);
	if (!err)
		err = re_sdprintf(remote, "<sip:%r@%s%s>", &user, domain, phone(&user));
	if (!err)
		err = re_sdprintf(target, "sip:%r@%s%s;transport=tls%s", &user, domain, portbuf,
				  phone(&user));
	mem_deref(domain);
	return err;
}

/** The entry's custom headers, where this call's direction gets them. */
int policy_put_custom(struct mbuf *headers, const struct sp_call *call)
{
	const struct leg *callee = &call->legv[SP_SIDE_CALLEE];
	bool service = SP_TRUNK_SERVICE == sp_trunk_conf(callee->trunk)->kind;
	int err = 0;

	if (!service && !call->entry->headers_to_carrier)
		return 0;
	for (uint16_t i = 0; i < call->entry->headerc && !err; i++)
		err = sp_sip_put(headers, call->entry->headerv[i].name, "%s",
				 call->entry->headerv[i].value);
	return err;
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
	case 421:
	case 481:
	case 482:
	case 483:
	case 494:
		return 502;
	default:
		return status;
	}
}

/**
 * What goes with a refusal of our own: a Warning that says why, and when to try
 * again: 0 to 10 s after 500 (RFC 3261 14.2), else a fixed time.
 */
int policy_put_refusal(struct mbuf *headers, const struct sp_conf_interface *ifc, uint16_t status,
		       const char *warning)
{
	int err = 0;

	if (warning)
		err = sp_sip_put_warning(headers, ifc->sip_advertise, warning);
	if (!err && 500 == status)
		err = sp_sip_put(headers, "Retry-After", "%u", sp_random_below(11));
	if (!err && 503 == status)
		err = sp_sip_put(headers, "Retry-After", "%u", (unsigned)SP_CALL_RETRY_AFTER_S);
	return err;
}

/**
 * Protocol and cause of the first Reason header, written anew (RFC 3326);
 * its text stays behind, it may name the sender's network.
 */
void policy_reason(char *buf, size_t size, const struct sp_sip_msg *m)
{
	const struct sp_sip_hdr *hdr = sp_sip_msg_next(m, SP_HDR_REASON, NULL);
	struct pl rest, value, proto, params, cause;
	const char *semi;
	uint32_t n;

	buf[0] = '\0';
	if (!hdr)
		return;
	rest = hdr->value;
	if (!sp_sip_list_next(&value, &rest))
		return;
	semi = pl_strchr(&value, ';');
	if (!semi)
		return;
	proto = (struct pl){value.p, (size_t)(semi - value.p)};
	params = (struct pl){semi, value.l - proto.l};
	if (pl_strcasecmp(&proto, "Q.850") && pl_strcasecmp(&proto, "SIP"))
		return;
	if (!sp_sip_param(&cause, &params, "cause") || sp_u32(&n, &cause, 999))
		return;
	(void)re_snprintf(buf, size, "%s;cause=%u", pl_strcasecmp(&proto, "SIP") ? "Q.850" : "SIP",
			  n);
}
