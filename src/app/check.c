/* SPDX-License-Identifier: BSD-3-Clause
 *
 * --check: make the snapshot that a start would make, and tell about it
 * instead of running it. People read this, so it is plain text and no log.
 */
#include <string.h>

#include "app_priv.h"

struct printer {
	FILE *mistakes, *notes; /* NULL: not these */
};

/* A trunk with what its indexes point into. */
struct trunk_of {
	const struct sp_conf *conf;
	const struct sp_conf_trunk *trunk;
};

static void print_line(bool mistake, const char *line, void *arg)
{
	const struct printer *p = arg;
	FILE *f = mistake ? p->mistakes : p->notes;

	if (f)
		(void)fprintf(f, "%s\n", line);
}

/** libre's formats, to a stdio stream. */
static int print_out(const char *p, size_t n, void *arg)
{
	return fwrite(p, 1, n, arg) == n ? 0 : EIO;
}

static int print_pair(struct re_printf *pf, void *arg)
{
	const struct app_pair *p = arg;

	return re_hprintf(pf, "%s (%s), %d days left", p->info.subject,
			  *p->info.sans ? p->info.sans : "no names", p->info.days_left);
}

static int print_networks(struct re_printf *pf, void *arg)
{
	const struct sp_nets *nets = arg;
	int err = nets->c ? 0 : re_hprintf(pf, "anywhere");

	for (size_t i = 0; i < nets->c && !err; i++)
		err = re_hprintf(pf, "%s%j/%u", i ? ", " : "", &nets->v[i].addr, nets->v[i].bits);

	return err;
}

/* The parts of a sentence, with sep before each; nothing where there is no limit. */
static void print_count(struct re_printf *pf, const char **sep, unsigned n, const char *of)
{
	if (!n)
		return;
	(void)re_hprintf(pf, "%s%u%s", *sep, n, of);
	*sep = ", ";
}

static void print_rate(struct re_printf *pf, const char **sep, const struct sp_conf_rate *r,
		       const char *of)
{
	if (!r->per_s)
		return;
	(void)re_hprintf(pf, "%s%u/s (burst %u)%s", *sep, r->per_s, r->burst, of);
	*sep = ", ";
}

static void print_trunk_limits(struct re_printf *pf, const struct sp_conf_trunk *t)
{
	const struct sp_conf_trunk_limits *l = &t->limits;
	const char *sep = "; calls ";

	print_count(pf, &sep, l->calls, " at once");
	print_count(pf, &sep, l->calls_in, " in");
	print_count(pf, &sep, l->calls_out, " out");
	print_rate(pf, &sep, &l->rate, "");
	print_rate(pf, &sep, &l->rate_in, " in");
	print_rate(pf, &sep, &l->rate_out, " out");
	print_rate(pf, &sep, &l->rate_source, " in from one address");
	if (*sep == ',')
		(void)re_hprintf(pf, ", then %u", l->status);
	if (l->unknown_per_minute)
		(void)re_hprintf(pf, "; %s unknown numbers %u/min, then 403",
				 t->kind == SP_TRUNK_SERVICE ? "from" : "to",
				 l->unknown_per_minute);
}

static int print_carriers(struct re_printf *pf, void *arg)
{
	const struct sp_conf *conf = ((const struct trunk_of *)arg)->conf;
	const struct sp_conf_trunk *t = ((const struct trunk_of *)arg)->trunk;
	int err = t->carrierc ? 0 : re_hprintf(pf, "none");

	for (size_t i = 0; i < t->carrierc && !err; i++)
		err = re_hprintf(pf, "%s%s", i ? ", " : "", conf->trunkv[t->carrierv[i]].name);

	return err;
}

static int print_identities(struct re_printf *pf, void *arg)
{
	const struct sp_conf_trunk *t = arg;
	int err = 0;

	for (size_t i = 0; i < t->identityc && !err; i++)
		err = re_hprintf(pf, "%s%s", i ? ", " : "", t->identityv[i]);

	return err ? err : re_hprintf(pf, "%s", t->wildcard ? " (also by wildcard)" : "");
}

static void print_interface(struct re_printf *pf, const struct app_snapshot *s,
			    const struct sp_conf_interface *itf)
{
	const struct app_pair *server = app_pair_find(s, &itf->server);
	const struct app_pair *client = app_pair_find(s, &itf->client);

	(void)re_hprintf(pf,
			 "interface %s: SIP on %J as %s; media on %j ports %u-%u, %j in SDP; "
			 "certificate %H",
			 itf->name, &itf->sip, itf->sip_advertise, &itf->media, itf->port_min,
			 itf->port_max, &itf->media_advertise, print_pair, server);
	if (client != server)
		(void)re_hprintf(pf, "; when connecting %H", print_pair, client);
	(void)re_hprintf(pf, "\n");
}

static void print_trunk(struct re_printf *pf, const struct app_snapshot *s, size_t i)
{
	const struct sp_conf *conf = s->conf;
	const struct sp_conf_trunk *t = &conf->trunkv[i];
	struct trunk_of of = {.conf = conf, .trunk = t};
	const bool service = t->kind == SP_TRUNK_SERVICE;

	(void)re_hprintf(pf, "trunk %s: %s on %s; identities %H; CA %s; targets %H", t->name,
			 service ? "service" : "carrier", conf->interfacev[t->interface].name,
			 print_identities, t, t->ca.path ? t->ca.path : "the public roots",
			 sp_conf_targets_print, t);
	if (t->crl.path)
		(void)re_hprintf(pf, "; CRL %s", t->crl.path);
	if (t->networks.c || t->media_networks.c)
		(void)re_hprintf(pf, "; connects from %H, media from %H", print_networks,
				 &t->networks, print_networks, &t->media_networks);
	print_trunk_limits(pf, t);
	if (t->client.certificate.path)
		(void)re_hprintf(pf, "; when connecting %H", print_pair,
				 app_pair_find(s, &t->client));
	if (service)
		(void)re_hprintf(pf, "; carrier %H; %zu number rules", print_carriers, &of,
				 sp_number_count_trunk(s->numbers, (uint16_t)i));
	(void)re_hprintf(pf, "\n");
}

static void print_limits(struct re_printf *pf, const struct sp_conf *c)
{
	const struct sp_conf_limits *l = &c->limits;
	const char *sep = " ";

	(void)re_hprintf(pf,
			 "limits: %u calls; %u connections, %u from one address; %u TLS "
			 "handshakes for each interface, from one address",
			 l->calls, l->connections, l->connections_per_source, l->handshakes);
	print_rate(pf, &sep, &l->handshakes_source, "");
	(void)re_hprintf(pf, "%s; media ports rest %u s\n", *sep == ',' ? "" : " any rate",
			 l->port_rest_s);

	sep = " calls ";
	(void)re_hprintf(pf, "accounts without limits of their own:");
	print_count(pf, &sep, l->account_calls, " at once");
	print_rate(pf, &sep, &l->account_rate, "");
	(void)re_hprintf(pf, *sep == ',' ? "\n" : " none\n");
}

static void print_overload(struct re_printf *pf, const struct sp_conf_overload *o)
{
	const char *sep = " beyond ";

	(void)re_hprintf(pf, "overload:");
	print_count(pf, &sep, o->lag_ms, " ms behind");
	print_count(pf, &sep, o->cpu_percent, " % of a core");
	print_count(pf, &sep, o->memory_mb, " MB");
	print_count(pf, &sep, o->ports_percent, " % of ports");
	(void)re_hprintf(pf, *sep == ',' ? "\n" : " not looked at\n");
}

static void print_snapshot(const struct app_snapshot *s, bool verbose, FILE *out)
{
	struct re_printf pf = {.vph = print_out, .arg = out};
	const struct sp_conf *c = s->conf;

	print_limits(&pf, c);
	print_overload(&pf, &c->overload);
	(void)re_hprintf(&pf, "DNS: servers %s; answers are kept %u to %u s\n",
			 c->dns.servers ? c->dns.servers : "of /etc/resolv.conf", c->dns.ttl_min_s,
			 c->dns.ttl_max_s);
	(void)re_hprintf(&pf, "status: %s\n",
			 c->status_socket.path ? c->status_socket.path : "no socket");
	for (size_t i = 0; i < s->conf->interfacec; i++)
		print_interface(&pf, s, &s->conf->interfacev[i]);
	for (size_t i = 0; i < s->conf->trunkc; i++)
		print_trunk(&pf, s, i);
	app_check_numbers(&pf, s, verbose);
}

struct settings {
	FILE *out;
	const char *trunk; /* the one that is being told  */
	char group[32];    /* that is open, "numbering"   */
};

/* Open and close groups, so that key stands in its own. @return its name there */
static const char *enter_group(struct settings *p, const char *key)
{
	const char *dot = strchr(key, '.');
	const size_t len = dot ? (size_t)(dot - key) : 0;

	if (len == strlen(p->group) && !strncmp(p->group, key, len))
		return dot ? dot + 1 : key;

	if (*p->group)
		(void)fprintf(p->out, "  };\n");
	(void)snprintf(p->group, sizeof(p->group), "%.*s", (int)len, key);
	if (*p->group)
		(void)fprintf(p->out, "  %s = {\n", p->group);

	return dot ? dot + 1 : key;
}

/* What is below a trunk's line can be pasted between its braces. */
static void print_setting(const char *trunk, const char *key, const char *value, const char *origin,
			  void *arg)
{
	struct settings *p = arg;
	const char *name, *indent;

	/* names are unique, or there would have been a mistake */
	if (!p->trunk || strcmp(p->trunk, trunk)) {
		(void)enter_group(p, "");
		(void)fprintf(p->out, "\ntrunk %s:\n", trunk);
		p->trunk = trunk;
	}
	name = enter_group(p, key);
	indent = *p->group ? "    " : "  ";
	if (value)
		(void)fprintf(p->out, "%s%s = %s;  # %s\n", indent, name, value, origin);
	else
		(void)fprintf(p->out, "%s# %s is not set\n", indent, name);
}

/* A reason not to: the file has just been found good, but it may be another by now. */
static int print_settings(const char *file, FILE *out, FILE *err)
{
	struct settings p = {.out = out};
	const int e = sp_conf_settings(file, print_setting, &p);
	char buf[128];

	(void)enter_group(&p, "");
	if (e)
		(void)fprintf(err, "%s: settings cannot be told: %s\n", file,
			      e == EINVAL ? "it was changed just now"
					  : str_error(e, buf, sizeof(buf)));

	return e;
}

int sp_app_check(const char *file, bool verbose, FILE *out, FILE *err)
{
	struct app_snapshot *s = NULL;
	struct sp_report *r = NULL;
	struct printer pr = {.mistakes = err};
	unsigned mistakes;
	int e;

	if (sp_report_alloc(&r))
		return 1;

	e = app_snapshot_alloc(&s, file, r);
	mistakes = sp_report_mistakes(r);
	if (e) {
		pr.notes = err;
		sp_report_print(r, print_line, &pr);
		if (mistakes)
			(void)fprintf(err, "%u mistake%s\n", mistakes, mistakes == 1 ? "" : "s");
		else
			(void)fprintf(err, "%s: out of memory\n", file);
	} else {
		pr.notes = out;
		print_snapshot(s, verbose, out);
		sp_report_print(r, print_line, &pr);
		if (verbose)
			e = print_settings(file, out, err);
	}

	mem_deref(s);
	mem_deref(r);

	return e ? 1 : 0;
}
