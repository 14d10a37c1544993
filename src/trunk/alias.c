/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is known of a connection when only its struct sp_sip_conn is at hand,
 * and backward reuse (RFC 5923): a peer whose topmost Via has the parameter
 * "alias" lets us send our own requests to it over the connection that it
 * opened. The certificate has shown already that it is the trunk's; Via says
 * which of its targets it is.
 */
#include <string.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

enum { SENT_BY_SIZE = 300, PORT = 5061 };

static const struct lead *lead_of(const struct sp_sip_conn *c)
{
	return sp_sip_conn_kept(c);
}

const struct sa *sp_trunk_peer_addr(const struct sp_sip_conn *c)
{
	const struct lead *lead = lead_of(c);

	return lead && sa_isset(&lead->addr, SA_ADDR) ? &lead->addr : NULL;
}

/* %H handler: "host : port" is a good sent-by too (RFC 3261 25.1, COLON). */
static int no_blanks(struct re_printf *pf, const struct pl *sent_by)
{
	int err = 0;

	for (size_t i = 0; i < sent_by->l && !err; ++i) {
		if (!strchr(" \t\r\n", sent_by->p[i]))
			err = pf->vph(sent_by->p + i, 1, pf->arg);
	}
	return err;
}

/* The sent-by of a Via with "alias". Decoded as the URI that it would make. */
static bool alias_of(struct sp_sip_uri *uri, char buf[SENT_BY_SIZE], const struct sp_sip_msg *req)
{
	const struct sp_sip_hdr *hdr = sp_sip_msg_next(req, SP_HDR_VIA, NULL);
	struct sp_sip_via via;
	struct pl value, rest, text;

	if (!hdr)
		return false;
	rest = hdr->value;
	if (!sp_sip_list_next(&value, &rest) || sp_sip_via_decode(&via, &value) ||
	    !sp_sip_param(NULL, &via.params, "alias"))
		return false;

	if (re_snprintf(buf, SENT_BY_SIZE, "sip:%H", no_blanks, &via.sent_by) < 0)
		return false;
	pl_set_str(&text, buf);
	return !sp_sip_uri_decode(uri, &text);
}

/* An accepted connection that could be an alias, and is none yet. */
static bool may_alias(const struct conn *c)
{
	const struct sp_trunk *t;

	if (!c || !conn_live(c) || c->tg || c->alias || !c->tls)
		return false;
	t = c->t;
	return t->active && t->conf->reuse && t->targetc;
}

void sp_trunk_heard(struct sp_sip_conn *sip, const struct sp_sip_msg *req)
{
	const struct lead *lead = lead_of(sip);
	struct conn *c = lead ? lead->conn : NULL;
	char buf[SENT_BY_SIZE];
	struct sp_sip_uri uri;
	struct target *tg;

	if (!req || !may_alias(c) || !alias_of(&uri, buf, req))
		return;

	tg = trunk_target_of(c->t, &uri.host, uri.port ? uri.port : (uint16_t)PORT, &lead->addr);
	if (!tg)
		return;
	target_alias(tg, c);
	sp_log(SP_LOG_INFO, "conn_alias", "trunk=%s peer=%J target=%H", c->t->name, &lead->addr,
	       sp_log_str, tg->label);
}
