/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the rooms to one struct app_status. What it points to is its own, or
 * belongs to the snapshot of the configuration that it references: clients are
 * sent the same moment over many turns of the loop.
 */
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "app_status_priv.h"

enum { BLOCK_SIZE = 16384, STRING_MAX = 4096 };

/* Strings of one status, in blocks. */
struct status_block {
	struct status_block *next;
	size_t used;
	char text[BLOCK_SIZE];
};

void status_forget(struct status_gathered *g)
{
	while (g->blocks) {
		struct status_block *b = g->blocks;

		g->blocks = b->next;
		mem_deref(b);
	}
}

static void destructor(void *arg)
{
	struct status_gathered *g = arg;

	status_forget(g);
	mem_deref(g->status.interfacev);
	mem_deref(g->status.trunkv);
	mem_deref(g->status.targetv);
	mem_deref(g->status.certv);
	mem_deref(g->env);
}

const char *status_keep(struct status_gathered *g, const char *s)
{
	const size_t len = s ? strnlen(s, STRING_MAX) : 0, size = len + 1;
	char *p;

	if (!len)
		return "";

	if (!g->blocks || BLOCK_SIZE - g->blocks->used < size) {
		struct status_block *b = mem_zalloc(sizeof(*b), NULL);

		if (!b) {
			g->err = ENOMEM;
			return "";
		}
		b->next = g->blocks;
		g->blocks = b;
	}

	p = g->blocks->text + g->blocks->used;
	memcpy(p, s, len); /* the block is zero behind it */
	g->blocks->used += size;

	return p;
}

static const char *phase_name(enum app_phase phase)
{
	switch (phase) {

	case APP_RUNNING:
		return "running";
	case APP_DRAINING:
		return "draining";
	case APP_ENDING:
	case APP_SETTLING:
	case APP_STOPPED:
		break;
	}

	return "ending";
}

static void gather_process(struct app_status_gateway *g, const struct sp_app *app)
{
	const struct app_monitor *m = app->monitor;
	struct timespec ts = {0};
	struct rlimit rl = {0};

	g->version = m->version;
	g->pid = (uint64_t)getpid();
	g->phase = phase_name(app->phase);
	g->draining = app->phase != APP_RUNNING;
	g->now_s = (uint64_t)time(NULL);
	g->start_s = m->start_s;
	g->uptime_s = (sp_loop_now_ms(app->loop) - m->start_ms) / 1000;
	g->reloads_ok = m->reloads_ok;
	g->reloads_failed = m->reloads_failed;
	g->reloading = app->reload != NULL;
	g->load_ok = m->load_ok;
	g->loaded_s = m->loaded_s;
	g->numbers_s = m->loaded_s; /* the table is read with all else */
	if (!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts))
		g->cpu_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	if (!getrlimit(RLIMIT_NOFILE, &rl))
		g->fds_max = rl.rlim_cur;
}

static void gather_load(struct app_status_gateway *g, const struct sp_app *app)
{
	const struct sp_conf_overload *limits = &app->env->conf->overload;
	struct sp_overload_state state;

	g->lag_limit_ms = limits->lag_ms;
	g->cpu_limit = limits->cpu_percent;
	g->memory_limit_mb = limits->memory_mb;
	g->ports_limit = limits->ports_percent;

	g->lag_ms = app->load->lag_ms;
	g->lag_worst_ms = app->load->lag_max_ms;
	g->cpu_percent = app->load->cpu_percent;
	g->resident_bytes = (uint64_t)app->load->memory_mb << 20;
	g->ports_percent = app->load->ports_percent;
	g->log_lost = sp_log_lost();

	sp_overload_state(app->load->overload, &state);
	g->overloaded = state.overloaded;
	g->share_milli = state.share;
	g->overload_cause = state.cause ? state.cause : "";
	g->overload_refused = state.refused;
	g->overload_times = state.times;
}

static void gather_media(struct app_status_gateway *g, const struct sp_relay_count *c)
{
	g->packets = c->relayed;
	g->bytes = c->bytes;
	g->malformed = c->malformed;
	g->unauthentic = c->unauthentic;
	g->duplicate = c->duplicate;
	g->replayed = c->replayed;
	g->expired = c->expired;
	g->early = c->early;
	g->unsent = c->unsent;
	g->foreign = c->foreign;
	g->latched = c->latched;
	g->shields = c->shields;
}

static void gather_numbers(struct app_status_gateway *g, const struct sp_app *app)
{
	struct sp_number_counts c;

	sp_number_counts(app->env->numbers, &c);
	g->exact = c.exact;
	g->ranges = c.ranges;
	g->prefixes = c.prefixes;
	g->entries = c.entries;
	g->accounts = c.accounts;
}

static void gather_gateway(struct status_gathered *ga, const struct sp_app *app)
{
	struct app_status_gateway *g = &ga->status.gateway;
	const struct sp_conf *conf = app->env->conf;
	struct sp_calls_count count;
	struct sp_relay_count media;

	gather_process(g, app);
	gather_load(g, app);
	g->conf = conf->file;

	sp_calls_count(app->calls, &count);
	g->calls = count.now;
	g->calls_max = conf->limits.calls;
	g->emergency = count.emergency;
	g->begun = count.begun;
	g->answered = count.answered;
	g->failed = count.failed;
	g->refused = count.refused;
	g->silent = count.silent;
	g->one_way = count.one_way;
	g->dialogs = count.dialogs;
	g->relays = count.relays;
	sp_calls_media(app->calls, &media);
	gather_media(g, &media);

	g->transactions = sp_sip_transactions(app->sip);
	g->pending = sp_sip_pending(app->sip);
	g->requests_refused = sp_sip_refused(app->sip);
	g->connections = sp_trunks_connections(app->trunks);
	g->connections_max = conf->limits.connections;
	gather_numbers(g, app);
}

static int gather_interfaces(struct status_gathered *g, const struct sp_app *app)
{
	const struct sp_conf *conf = app->env->conf;

	g->status.interfacev =
		mem_zalloc((conf->interfacec + 1) * sizeof(*g->status.interfacev), NULL);
	if (!g->status.interfacev)
		return ENOMEM;
	g->status.interfacec = conf->interfacec;

	for (size_t i = 0; i < conf->interfacec; i++) {
		const struct sp_conf_interface *c = &conf->interfacev[i];
		struct app_status_interface *itf = &g->status.interfacev[i];
		const struct sp_ports *ports = app->env->portsv[i];
		struct sp_tls_listener_status l;
		char media[64];

		sp_tls_listener_status(app->doors->v[i], &l);
		(void)re_snprintf(media, sizeof(media), "%j", &c->media_advertise);
		*itf = (struct app_status_interface){
			.name = c->name,
			.advertise = c->sip_advertise,
			.media_advertise = status_keep(g, media),
			.sip = *sp_tls_listener_laddr(app->doors->v[i]),
			.media = c->media,
			.port_min = c->port_min,
			.port_max = c->port_max,
			.pairs = sp_ports_total(ports),
			.pairs_used = sp_ports_used(ports),
			.pairs_refused = sp_ports_refused(ports),
			.pairs_hurried = sp_ports_hurried(ports),
			.accepted = l.accepted,
			.refused_network = l.refused_network,
			.refused_rate = l.refused_rate,
			.refused_share = l.refused_share,
			.failed = l.failed,
			.paused = l.paused,
			.handshakes = l.pending,
			.handshakes_max = l.handshakes,
		};
	}

	return 0;
}

/* An expired CA may lie beside its successor; of all else the first to expire decides. */
static bool speaks_better(const struct app_status_cert *a, const struct app_status_cert *b,
			  bool is_ca)
{
	if (!a->expires_s || !b->expires_s)
		return a->expires_s > b->expires_s;
	if (is_ca && (a->days_left < 0) != (b->days_left < 0))
		return a->days_left >= 0;
	if (is_ca && a->days_left < 0)
		return a->expires_s > b->expires_s;

	return a->expires_s < b->expires_s;
}

static int gather_certs(struct status_gathered *g, const struct sp_app *app)
{
	size_t n, speaker = 0;
	const struct app_cert_status *v = app_expiry_list(app->expiry, &n);

	g->status.certv = mem_zalloc((n + 1) * sizeof(*g->status.certv), NULL);
	if (!g->status.certv)
		return ENOMEM;
	g->status.certc = n;

	for (size_t i = 0; i < n; i++) {
		struct app_status_cert *c = &g->status.certv[i];
		const bool ends = v[i].until > 0 && v[i].until != INT64_MAX;

		*c = (struct app_status_cert){
			.file = status_keep(g, v[i].file->path),
			.kind = app_file_kind_name(v[i].file->kind),
			.use = status_keep(g, v[i].file->use),
			.subject = status_keep(g, v[i].subject),
			.names = status_keep(g, v[i].names),
			.expires_s = ends ? (uint64_t)v[i].until : 0,
			.days_left = v[i].days_left,
		};
		if (!i || v[i].file != v[speaker].file) {
			speaker = i;
		} else if (speaks_better(c, &g->status.certv[speaker],
					 v[i].file->kind == APP_FILE_CA)) {
			g->status.certv[speaker].twin = 1;
			speaker = i;
		} else {
			c->twin = 1;
		}
	}

	return 0;
}

int status_gather(struct app_status **sp, const struct sp_app *app)
{
	struct status_gathered *g;

	if (!sp || !app)
		return EINVAL;
	if (!app->env || !app->doors)
		return EAGAIN;

	g = mem_zalloc(sizeof(*g), destructor);
	if (!g)
		return ENOMEM;

	g->env = mem_ref(app->env);
	gather_gateway(g, app);
	if (gather_interfaces(g, app))
		g->err = ENOMEM;
	if (!g->err)
		g->err = status_gather_trunks(g, app);
	if (!g->err)
		g->err = gather_certs(g, app);

	if (g->err) {
		const int err = g->err;

		mem_deref(g);
		return err;
	}
	status_measure(&g->status);
	*sp = &g->status;

	return 0;
}
