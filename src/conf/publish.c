/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Drafts become the public structures. Also for a configuration with mistakes,
 * whose snapshot --check goes on to look at: strings that it must have are then
 * "" where they were wrong, and number entries with a mistake are left out.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "conf_priv.h"

static const char status_socket[] = "/run/sallyport/status.sock"; /* without status.socket */

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

/* What was left out stands for something else: fill it in. */
static int publish_interface(struct sp_conf_interface *out, struct conf_arena *keep,
			     struct draft_interface *d)
{
	char addr[64], text[72];

	*out = d->out;
	out->src = d->head.src;
	out->name = or_empty(out->name);
	out->port_min = (uint16_t)d->ports[0];
	out->port_max = (uint16_t)d->ports[1];

	if (!out->client.certificate.path || !out->client.key.path)
		out->client = out->server;
	if (!conf_has_address(&out->media_advertise))
		out->media_advertise = out->media;

	if (!out->sip_advertise && conf_has_address(&out->sip) &&
	    !sa_ntop(&out->sip, addr, sizeof(addr))) {
		re_snprintf(text, sizeof(text), sa_af(&out->sip) == AF_INET6 ? "[%s]" : "%s", addr);
		out->sip_advertise = conf_arena_str(keep, text, strlen(text));
		if (!out->sip_advertise)
			return ENOMEM;
	}
	out->sip_advertise = or_empty(out->sip_advertise);
	if (conf_has_address(&out->sip))
		sa_set_port(&out->sip, (uint16_t)d->sip_port);

	return 0;
}

static int publish_interfaces(struct sp_conf *conf, struct conf_arena *keep, struct draft_list *l)
{
	/* one more, all zero: trunks of a configuration without interfaces point there */
	struct sp_conf_interface *v = conf_arena_get(keep, (l->c + 1) * sizeof(*v));
	int err = v ? 0 : ENOMEM;

	for (size_t i = 0; i < l->c && !err; i++)
		err = publish_interface(&v[i], keep, (struct draft_interface *)l->v + i);
	conf->interfacev = v;
	conf->interfacec = l->c;

	return err;
}

/* Rules with a mistake are left out, as numbers are. */
static int publish_rules(const struct sp_conf_rule **rulev, size_t *rulec, struct conf_arena *keep,
			 const struct draft_list *l)
{
	struct sp_conf_rule *v = conf_arena_get(keep, l->c * sizeof(*v));

	if (!v)
		return ENOMEM;

	for (size_t i = 0; i < l->c; i++) {
		const struct draft_rule *d = (const struct draft_rule *)l->v + i;

		if (d->head.bad)
			continue;
		v[*rulec] = d->out;
		v[*rulec].src = d->head.src;
		v[(*rulec)++].action = (enum sp_conf_action)d->action;
	}
	*rulev = v;

	return 0;
}

/* Without a burst of its own, a second's worth may come at once. */
static void fill_rate(struct sp_conf_rate *rate)
{
	if (!rate->burst)
		rate->burst = rate->per_s;
}

/* How much it may, and with what it is called. */
static void publish_limits(struct sp_conf_trunk *t, const struct draft_trunk *d)
{
	fill_rate(&t->limits.rate);
	fill_rate(&t->limits.rate_in);
	fill_rate(&t->limits.rate_out);
	fill_rate(&t->limits.rate_source);
	t->limits.status = (uint16_t)d->limit_status;
	if (!d->out.client.certificate.path || !d->out.client.key.path)
		memset(&t->client, 0, sizeof(t->client));
}

/* How its calls go. */
static void publish_calls(struct sp_conf_trunk *t, const struct draft_trunk *d)
{
	t->profile = (enum sp_conf_profile)d->profile;
	t->check_purpose = d->purpose == 0;
	t->refuse_delayed = d->delayed_offer == 1;
	t->reliable = (enum sp_conf_use)d->reliable;
	t->timer.use = (enum sp_conf_use)d->timer;
	t->timer.refresher = (enum sp_conf_refresher)d->refresher;
	t->timer.refresh = (enum sp_conf_refresh)d->refresh;
	t->transfer = (enum sp_conf_transfer)d->transfer;
	t->follow_redirects = d->redirect == 1;
	t->hold = (enum sp_conf_hold)d->hold;
	t->early_media = (enum sp_conf_early_media)d->early_media;
	t->rtcp_mux = (enum sp_conf_mux)d->rtcp_mux;
	t->rekey_follow = d->rekey == 1;
	t->rekey_roc_keep = d->rekey_roc == 1;
}

/* What is told to it, and how its numbers are written. */
static int publish_headers(struct sp_conf_trunk *t, struct conf_arena *keep,
			   const struct draft_trunk *d)
{
	struct sp_conf_numbering *n = &t->numbering;
	int err;

	t->pass_identity = d->identity == 0;
	t->diverted = (enum sp_conf_diverted)d->diverted;
	t->passv = d->pass.v;
	t->passc = d->pass.c;
	t->emergencyv = d->emergency.v;
	t->emergencyc = d->emergency.c;

	n->strip = or_empty(n->strip);
	n->add = or_empty(n->add);
	n->country = or_empty(n->country);
	n->national_prefix = or_empty(n->national_prefix);
	n->international_prefix = or_empty(n->international_prefix);
	n->format = (enum sp_conf_format)d->format;
	n->strip_out = or_empty(n->strip_out);
	n->add_out = or_empty(n->add_out);

	err = publish_rules(&t->rules_inv, &t->rules_inc, keep, &d->rules_in);

	return err ? err : publish_rules(&t->rules_outv, &t->rules_outc, keep, &d->rules_out);
}

/* All of them, also with mistakes: numbers and trunks refer to each other by index. */
static int publish_trunks(struct sp_conf *conf, struct conf_arena *keep, struct draft_list *l)
{
	struct sp_conf_trunk *v = conf_arena_get(keep, l->c * sizeof(*v));
	int err = 0;

	if (!v)
		return ENOMEM;

	for (size_t i = 0; i < l->c && !err; i++) {
		const struct draft_trunk *d = (const struct draft_trunk *)l->v + i;

		v[i] = d->out;
		v[i].src = d->head.src;
		v[i].name = or_empty(d->out.name);
		/* where it was wrong: as a service, most of what refers to it makes sense */
		v[i].kind = d->kind == SP_TRUNK_CARRIER ? SP_TRUNK_CARRIER : SP_TRUNK_SERVICE;
		v[i].identityv = d->identities.v;
		v[i].identityc = d->identities.c;
		publish_limits(&v[i], d);
		publish_calls(&v[i], d);
		err = publish_headers(&v[i], keep, d);
	}
	conf->trunkv = v;
	conf->trunkc = l->c;

	return err;
}

static size_t publish_routes(const char *namev[SP_CONF_ROUTES_MAX], const struct draft_list *l)
{
	for (size_t i = 0; i < l->c; i++)
		namev[i] = ((const char *const *)l->v)[i];

	return l->c;
}

static int publish_numbers(struct sp_conf *conf, struct conf_arena *keep, struct draft_list *l)
{
	struct sp_conf_number *v = conf_arena_get(keep, l->c * sizeof(*v));

	if (!v)
		return ENOMEM;

	for (size_t i = 0; i < l->c; i++) {
		const struct draft_number *d = (const struct draft_number *)l->v + i;

		if (d->head.bad)
			continue;
		v[conf->numberc] = d->out;
		v[conf->numberc].index = (unsigned)i;
		v[conf->numberc].trunkc = publish_routes(v[conf->numberc].trunkv, &d->trunks);
		v[conf->numberc].carrierc = publish_routes(v[conf->numberc].carrierv, &d->carriers);
		v[conf->numberc].holev = d->holes.v;
		v[conf->numberc].holec = d->holes.c;
		v[conf->numberc++].src = d->head.src;
	}
	conf->numberv = v;

	return 0;
}

static int publish_accounts(struct sp_conf *conf, struct conf_arena *keep, struct draft_list *l)
{
	struct sp_conf_account *v = conf_arena_get(keep, l->c * sizeof(*v));

	if (!v)
		return ENOMEM;

	for (size_t i = 0; i < l->c; i++) {
		const struct draft_account *d = (const struct draft_account *)l->v + i;

		if (d->head.bad)
			continue;
		v[conf->accountc] = d->out;
		v[conf->accountc].index = (unsigned)i;
		v[conf->accountc].src = d->head.src;
		fill_rate(&v[conf->accountc++].rate);
	}
	conf->accountv = v;

	return 0;
}

/* "192.0.2.53:53,[2001:db8::53]:53" */
static int publish_servers(struct sp_conf *conf, struct conf_arena *keep,
			   const struct draft_list *l)
{
	const char *const *v = l->v;
	size_t size = 1, n = 0;
	char *text;

	for (size_t i = 0; i < l->c; i++)
		size += strlen(v[i]) + 1;
	text = conf_arena_get(keep, size);
	if (!text)
		return ENOMEM;

	for (size_t i = 0; i < l->c; i++) {
		(void)re_snprintf(text + n, size - n, "%s%s", i ? "," : "", v[i]);
		n = strlen(text);
	}
	conf->dns.servers = l->c ? text : NULL;

	return 0;
}

static void publish_socket(struct sp_conf *conf, const struct sp_conf_path *socket)
{
	conf->status_socket = *socket;
	if (!socket->path) {
		conf->status_socket.path = status_socket;
		conf->status_socket.src.file = conf->file;
	} else if (!*socket->path) {
		conf->status_socket.path = NULL;
	}
}

int conf_publish(struct sp_conf *conf, struct conf_arena *keep, struct draft *d)
{
	int err;

	conf->log_level = (enum sp_log_level)d->level;
	conf->log_full_numbers = d->numbers_shown != 0;
	conf->limits = d->limits;
	fill_rate(&conf->limits.handshakes_source);
	fill_rate(&conf->limits.account_rate);
	conf->dns = d->dns;
	conf->overload = d->overload;
	conf->sandbox = d->sandbox;
	publish_socket(conf, &d->status_socket);
	conf->number_filev = d->number_files.v;
	conf->number_filec = d->number_files.c;
	conf->account_filev = d->account_files.v;
	conf->account_filec = d->account_files.c;

	err = publish_interfaces(conf, keep, &d->interfaces);
	if (!err)
		err = publish_trunks(conf, keep, &d->trunks);
	if (!err)
		err = publish_numbers(conf, keep, &d->numbers);
	if (!err)
		err = publish_accounts(conf, keep, &d->accounts);
	if (!err)
		err = publish_servers(conf, keep, &d->dns_servers);

	return err;
}
