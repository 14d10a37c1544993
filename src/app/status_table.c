/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The struct as a table, for people in front of a terminal: printable ASCII
 * whatever is in it.
 */
#include <string.h>

#include "app_status_priv.h"

enum { LABEL_MIN = 6, ADDRESS_MIN = 7, FILE_MIN = 4, WIDTH_MAX = 64 };

/* %H handler, arg const uint64_t *: a limit, 0 is none */
static int print_limit(struct re_printf *pf, const uint64_t *v)
{
	return *v ? re_hprintf(pf, "%llu", *v) : re_hprintf(pf, "-");
}

static int print_process(struct mbuf *mb, const struct app_status_gateway *g)
{
	int err = mbuf_printf(mb, "sallyport %H, pid %llu, %H, up %H\n", status_plain, g->version,
			      g->pid, status_plain, g->phase, status_span, &g->uptime_s);

	if (!err)
		err = mbuf_printf(
			mb, "configuration  %H, read %H%s; reloads: %llu done, %llu failed%s\n",
			status_plain, g->conf, status_time, &g->loaded_s,
			g->load_ok ? "" : ", AND THE LAST RELOAD FAILED", g->reloads_ok,
			g->reloads_failed, g->reloading ? ", one under way" : "");
	if (!err)
		err = mbuf_printf(mb,
				  "load           lag %llu ms (limit %H), processor %llu %% (%H)",
				  g->lag_ms, print_limit, &g->lag_limit_ms, g->cpu_percent,
				  print_limit, &g->cpu_limit);
	if (!err)
		err = mbuf_printf(mb, ", memory %llu MB (%H), ports %llu %% (%H)\n",
				  g->resident_bytes >> 20, print_limit, &g->memory_limit_mb,
				  g->ports_percent, print_limit, &g->ports_limit);
	if (!err && g->overloaded)
		err = mbuf_printf(mb,
				  "overload       NOW, by %H: %llu of 1000 new calls are let in",
				  status_plain, g->overload_cause, g->share_milli);
	else if (!err)
		err = mbuf_printf(mb, "overload       none now");

	return err ? err
		   : mbuf_printf(mb, "; %llu times, %llu calls refused\n", g->overload_times,
				 g->overload_refused);
}

/* %H handler, arg the gateway: packets dropped, "3 (unauthentic 2, early 1)" */
static int print_dropped(struct re_printf *pf, const struct app_status_gateway *g)
{
	const struct {
		const char *name;
		uint64_t n;
	} v[] = {
		{"unauthentic", g->unauthentic},
		{"duplicate", g->duplicate},
		{"replayed", g->replayed},
		{"expired", g->expired},
		{"malformed", g->malformed},
		{"foreign", g->foreign},
		{"early", g->early},
		{"unsent", g->unsent},
	};
	const char *between = " (";
	uint64_t sum = 0;
	int err;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		sum += v[i].n;

	err = re_hprintf(pf, "%llu", sum);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]) && !err; i++) {
		if (!v[i].n)
			continue;
		err = re_hprintf(pf, "%s%s %llu", between, v[i].name, v[i].n);
		between = ", ";
	}

	return err || !sum ? err : re_hprintf(pf, ")");
}

static int print_gateway(struct mbuf *mb, const struct app_status *s)
{
	const struct app_status_gateway *g = &s->gateway;
	int err = print_process(mb, g);

	if (!err)
		err = mbuf_printf(
			mb,
			"calls          %llu of %llu, %llu emergency; begun %llu, answered "
			"%llu, failed %llu, refused %llu, without media %llu, one way %llu\n",
			g->calls, g->calls_max, g->emergency, g->begun, g->answered, g->failed,
			g->refused, g->silent, g->one_way);
	if (!err)
		err = mbuf_printf(mb,
				  "media          relayed %llu packets, %llu bytes; dropped %H\n",
				  g->packets, g->bytes, print_dropped, g);
	if (!err)
		err = mbuf_printf(
			mb,
			"sip            dialogs %llu, media relays %llu, transactions %llu "
			"(%llu pending, %llu refused)\n",
			g->dialogs, g->relays, g->transactions, g->pending, g->requests_refused);
	if (!err)
		err = mbuf_printf(mb, "connections    %llu of %llu accepted\n", g->connections,
				  g->connections_max);

	return err ? err
		   : mbuf_printf(mb,
				 "numbers        %llu exact, %llu ranges, %llu prefixes; %llu "
				 "entries, %llu accounts; read %H\n",
				 g->exact, g->ranges, g->prefixes, g->entries, g->accounts,
				 status_time, &g->numbers_s);
}

static int print_interface(struct mbuf *mb, const struct app_status *s, const void *obj)
{
	const struct status_column c[] = {
		{"INTERFACE", s->name_width, false},
		{"SIP", s->address_width, false},
		{"ACCEPTED", 8, true},
		{"REFUSED", 7, true},
		{"FAILED", 6, true},
		{"HANDSHAKES", 10, true},
		{"MEDIA", s->address_width, false},
		{"PORTS", 11, false},
		{"PAIRS USED", 11, true},
		{"NONE FREE", 9, true},
	};
	const struct app_status_interface *itf = obj;
	struct status_row r = {.mb = mb, .columnv = c};

	if (!obj)
		return status_titles(mb, c, sizeof(c) / sizeof(c[0]));

	status_cell(&r, "%H", status_plain, itf->name);
	status_cell(&r, "%J", &itf->sip);
	status_cell(&r, "%llu", itf->accepted);
	status_cell(&r, "%llu", itf->refused_network + itf->refused_rate + itf->refused_share);
	status_cell(&r, "%llu", itf->failed);
	status_cell(&r, "%llu/%llu", itf->handshakes, itf->handshakes_max);
	status_cell(&r, "%j", &itf->media);
	status_cell(&r, "%llu-%llu", itf->port_min, itf->port_max);
	status_cell(&r, "%llu/%llu", itf->pairs_used, itf->pairs);
	status_cell(&r, "%llu", itf->pairs_refused);

	return status_row_end(&r);
}

/* %H handler, arg the trunk: what its limits refused, "3 (calls 2, calls_in 1)" */
static int print_refused(struct re_printf *pf, const struct app_status_trunk *t)
{
	const char *between = " (";
	uint64_t sum = 0;
	int err;

	for (size_t i = 0; i < STATUS_REASONS; i++)
		sum += t->refused[i];

	err = re_hprintf(pf, "%llu", sum);
	for (unsigned i = SP_TRUNK_LIMIT_NONE + 1; i < STATUS_REASONS && !err; i++) {
		if (!t->refused[i])
			continue;
		err = re_hprintf(pf, "%s%s %llu", between,
				 sp_trunk_limit_name((enum sp_trunk_limit)i), t->refused[i]);
		between = ", ";
	}

	return err || !sum ? err : re_hprintf(pf, ")");
}

static int print_trunk(struct mbuf *mb, const struct app_status *s, const void *obj)
{
	const struct status_column c[] = {
		{"TRUNK", s->name_width, false},
		{"KIND", 7, false},
		{"STATE", 5, false},
		{"IN", 9, true},
		{"OUT", 9, true},
		{"CALLS", 9, true},
		{"ACCEPTED", 9, true},
		{"WAITING", 7, true},
		{"NUMBERS", 7, true},
		{"REFUSED CALLS", 0, false},
	};
	const struct app_status_trunk *t = obj;
	const uint64_t *limit = t ? t->limit : NULL;
	struct status_row r = {.mb = mb, .columnv = c};

	if (!obj)
		return status_titles(mb, c, sizeof(c) / sizeof(c[0]));

	status_cell(&r, "%H", status_plain, t->name);
	status_cell(&r, "%H", status_plain, t->kind);
	status_cell(&r, "%s", t->up ? "up" : "DOWN");
	status_cell(&r, "%llu/%H", t->calls_in, print_limit, &limit[SP_TRUNK_LIMIT_CALLS_IN]);
	status_cell(&r, "%llu/%H", t->calls_out, print_limit, &limit[SP_TRUNK_LIMIT_CALLS_OUT]);
	status_cell(&r, "%llu/%H", t->calls_in + t->calls_out, print_limit,
		    &limit[SP_TRUNK_LIMIT_CALLS]);
	status_cell(&r, "%llu/%H", t->connections, print_limit, &t->connections_max);
	status_cell(&r, "%llu", t->waiting);
	status_cell(&r, "%llu", t->numbers);
	status_cell(&r, "%H", print_refused, t);

	return status_row_end(&r);
}

static int print_target(struct mbuf *mb, const struct app_status *s, const void *obj)
{
	const struct status_column c[] = {
		{"TRUNK", s->name_width, false},
		{"TARGET", s->label_width, false},
		{"ADDRESS", s->address_width, false},
		{"STATE", 7, false},
		{"SINCE", 11, true},
		{"CONNS", 5, true},
		{"PENDING", 7, true},
		{"CALLS", 8, true},
		{"FAILURES", 8, true},
		{"WHY", 0, false},
	};
	const struct app_status_target *tg = obj;
	struct status_row r = {.mb = mb, .columnv = c};
	uint64_t since;

	if (!obj)
		return status_titles(mb, c, sizeof(c) / sizeof(c[0]));

	since = tg->since_ms / 1000;
	status_cell(&r, "%H", status_plain, tg->trunk);
	status_cell(&r, "%H", status_plain, tg->label);
	status_cell(&r, "%H", status_plain, *tg->address ? tg->address : "-");
	status_cell(&r, "%H", status_plain, tg->state);
	status_cell(&r, "%H", status_span, &since);
	status_cell(&r, "%llu", tg->connections);
	status_cell(&r, "%llu", tg->pending);
	status_cell(&r, "%llu", tg->picked);
	status_cell(&r, "%llu", tg->failures);
	if (tg->busy_s)
		status_cell(&r, "asked to be left alone for %llu s%s%H", tg->busy_s,
			    *tg->why ? "; " : "", status_plain, tg->why);
	else
		status_cell(&r, "%H", status_plain, tg->why);

	return status_row_end(&r);
}

static int print_cert(struct mbuf *mb, const struct app_status *s, const void *obj)
{
	const struct status_column c[] = {
		{"DAYS LEFT", 9, true},         {"EXPIRES", 20, false}, {"KIND", 11, false},
		{"FILE", s->file_width, false}, {"SUBJECT", 0, false},
	};
	const struct app_status_cert *cert = obj;
	struct status_row r = {.mb = mb, .columnv = c};

	if (!obj)
		return status_titles(mb, c, sizeof(c) / sizeof(c[0]));

	if (cert->expires_s)
		status_cell(&r, "%lld", cert->days_left);
	else
		status_cell(&r, "-");
	status_cell(&r, "%H", status_time, &cert->expires_s);
	status_cell(&r, "%H", status_plain, cert->kind);
	status_cell(&r, "%H", status_plain, cert->file);
	status_cell(&r, "%H", status_plain, cert->subject);

	return status_row_end(&r);
}

static const struct {
	enum status_scope scope;
	/* a row, or the titles when obj is NULL */
	int (*print)(struct mbuf *mb, const struct app_status *s, const void *obj);
} sections[] = {
	{STATUS_INTERFACE, print_interface},
	{STATUS_TRUNK, print_trunk},
	{STATUS_TARGET, print_target},
	{STATUS_CERT, print_cert},
};

enum { SECTIONS = sizeof(sections) / sizeof(sections[0]) };

static size_t pieces_of(const struct app_status *s, size_t section)
{
	const size_t n = status_objects(s, sections[section].scope).n;

	return (n + STATUS_BLOCK - 1) / STATUS_BLOCK;
}

/* One for the gateway before them, one for the end. */
static size_t pieces(const struct app_status *s)
{
	size_t n = 2;

	for (size_t i = 0; i < SECTIONS; i++)
		n += pieces_of(s, i);

	return n;
}

static int piece(struct mbuf *mb, const struct app_status *s, size_t i)
{
	size_t section = 0;
	struct status_objects o;
	int err = 0;

	if (!i--)
		return print_gateway(mb, s);

	for (; section < SECTIONS && i >= pieces_of(s, section); section++)
		i -= pieces_of(s, section);
	if (section == SECTIONS)
		return i ? 0 : mbuf_printf(mb, "\n-- %H\n", status_time, &s->gateway.now_s);

	o = status_objects(s, sections[section].scope);
	if (!i)
		err = sections[section].print(mb, s, NULL);
	for (size_t k = i * STATUS_BLOCK; k < o.n && k < (i + 1) * STATUS_BLOCK && !err; k++)
		err = sections[section].print(mb, s, o.first + k * o.stride);

	return err;
}

static void widen(unsigned *width, const char *s)
{
	const size_t len = strlen(s);

	if (len > *width)
		*width = len < WIDTH_MAX ? (unsigned)len : WIDTH_MAX;
}

void status_measure(struct app_status *s)
{
	s->name_width = 0;
	s->label_width = LABEL_MIN;
	s->address_width = ADDRESS_MIN;
	s->file_width = FILE_MIN;
	widen(&s->name_width, "INTERFACE");

	for (size_t i = 0; i < s->trunkc; i++)
		widen(&s->name_width, s->trunkv[i].name);
	for (size_t i = 0; i < s->interfacec; i++) {
		char text[80];

		widen(&s->name_width, s->interfacev[i].name);
		(void)re_snprintf(text, sizeof(text), "%J", &s->interfacev[i].sip);
		widen(&s->address_width, text);
	}
	for (size_t i = 0; i < s->targetc; i++) {
		widen(&s->label_width, s->targetv[i].label);
		widen(&s->address_width, s->targetv[i].address);
	}
	for (size_t i = 0; i < s->certc; i++)
		widen(&s->file_width, s->certv[i].file);
}

const struct status_printer status_table = {"table", pieces, piece, "-- ", false};

const struct status_printer *status_printer(const struct pl *name)
{
	static const struct status_printer *const all[] = {
		&status_table, &status_json, &status_metrics, &status_calls, &status_calls_json};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!pl_strcmp(name, all[i]->name))
			return all[i];
	}

	return NULL;
}
