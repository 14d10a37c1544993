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

/* All of them, also with mistakes: numbers and trunks refer to each other by index. */
static int publish_trunks(struct sp_conf *conf, struct conf_arena *keep, struct draft_list *l)
{
	struct sp_conf_trunk *v = conf_arena_get(keep, l->c * sizeof(*v));

	if (!v)
		return ENOMEM;

	for (size_t i = 0; i < l->c; i++) {
		const struct draft_trunk *d = (const struct draft_trunk *)l->v + i;

		v[i] = d->out;
		v[i].src = d->head.src;
		v[i].name = or_empty(d->out.name);
		/* where it was wrong: as a service, most of what refers to it makes sense */
		v[i].kind = d->kind == SP_TRUNK_CARRIER ? SP_TRUNK_CARRIER : SP_TRUNK_SERVICE;
		v[i].identityv = d->identities.v;
		v[i].identityc = d->identities.c;
		v[i].check_purpose = d->purpose == 0;
		v[i].refuse_delayed = d->delayed_offer == 1;
		v[i].calls = (unsigned)d->calls;
		v[i].connections = (unsigned)d->connections;
		v[i].options_s = (unsigned)d->options_s;
		v[i].idle_s = (unsigned)d->idle_s;
		if (!d->out.client.certificate.path || !d->out.client.key.path)
			memset(&v[i].client, 0, sizeof(v[i].client));
	}
	conf->trunkv = v;
	conf->trunkc = l->c;

	return 0;
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
		v[conf->numberc++].src = d->head.src;
	}
	conf->numberv = v;

	return 0;
}

int conf_publish(struct sp_conf *conf, struct conf_arena *keep, struct draft *d)
{
	int err;

	conf->log_level = (enum sp_log_level)d->level;
	conf->log_full_numbers = d->numbers_shown != 0;
	conf->limits = (struct sp_conf_limits){
		.calls = (unsigned)d->calls,
		.connections = (unsigned)d->connections,
		.connections_per_source = (unsigned)d->connections_per_source,
		.handshakes = (unsigned)d->handshakes,
		.first_message_s = (unsigned)d->first_message_s,
		.ring_s = (unsigned)d->ring_s,
		.media_timeout_s = (unsigned)d->media_timeout_s,
		.drain_s = (unsigned)d->drain_s,
	};
	conf->number_filev = d->number_files.v;
	conf->number_filec = d->number_files.c;

	err = publish_interfaces(conf, keep, &d->interfaces);
	if (!err)
		err = publish_trunks(conf, keep, &d->trunks);
	if (!err)
		err = publish_numbers(conf, keep, &d->numbers);

	return err;
}
