/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A snapshot begins to run: build, check, swap.
 *
 * Everything that can fail comes first and changes nothing; what needs this
 * machine (addresses to listen on) is reported like any other mistake. Then
 * the swap, which cannot fail. Listeners and ports that the new configuration
 * still has are carried over, so nobody who is connecting or talking notices.
 */
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app_priv.h"

/* What calls hold of a snapshot, and who frees what is large in it. */
struct env {
	struct sp_call_env env; /* first: this is what others hold */
	struct sp_worker *worker;
};

/* The last call of a configuration may end long after it: ten million numbers
 * would hold the loop up for tens of milliseconds. */
static void env_destructor(void *arg)
{
	struct env *e = arg;
	struct sp_call_env *env = &e->env;

	if (env->conf) {
		app_vector_deref(env->trunkv, env->conf->trunkc);
		app_vector_deref(env->portsv, env->conf->interfacec);
	}
	sp_worker_release(e->worker, env->numbers);
	sp_worker_release(e->worker, env->conf);
	mem_deref(e->worker);
}

static int env_alloc(struct sp_call_env **ep, struct sp_worker *worker,
		     const struct app_snapshot *s)
{
	struct env *e = mem_zalloc(sizeof(*e), env_destructor);
	struct sp_call_env *env;

	if (!e)
		return ENOMEM;

	env = &e->env;
	e->worker = mem_ref(worker);
	env->conf = mem_ref(s->conf);
	env->numbers = mem_ref(s->numbers);
	env->trunkv = mem_zalloc((s->conf->trunkc + 1) * sizeof(struct sp_trunk *), NULL);
	env->portsv = mem_zalloc((s->conf->interfacec + 1) * sizeof(struct sp_ports *), NULL);
	if (!env->trunkv || !env->portsv) {
		mem_deref(env);
		return ENOMEM;
	}
	*ep = env;

	return 0;
}

/* What trunks and listeners use: to free one takes 20 us, and there may be thousands. Whoever lets
 * go of the last one in the loop, it is not the last that is held. */
struct app_contexts {
	struct sp_worker *worker;
	size_t n;
	struct sp_tls_context *v[];
};

static void contexts_destructor(void *arg)
{
	struct app_contexts *c = arg;

	for (size_t i = 0; i < c->n; i++)
		sp_worker_release(c->worker, c->v[i]);
	mem_deref(c->worker);
}

static int contexts_alloc(struct app_contexts **cp, struct sp_worker *worker,
			  const struct app_snapshot *s)
{
	const size_t servers = s->conf->interfacec, n = servers + s->conf->trunkc;
	struct app_contexts *c =
		mem_zalloc(sizeof(*c) + n * sizeof(struct sp_tls_context *), contexts_destructor);

	if (!c)
		return ENOMEM;

	c->worker = mem_ref(worker);
	for (; c->n < n; c->n++)
		c->v[c->n] =
			mem_ref(c->n < servers ? s->serverv[c->n] : s->clientv[c->n - servers]);
	*cp = c;

	return 0;
}

static void doors_destructor(void *arg)
{
	struct app_doors *d = arg;

	for (size_t i = 0; i < d->n; i++)
		mem_deref(d->v[i]);
}

static struct sp_tls_listener *find_listener(const struct app_doors *d, const struct sa *laddr)
{
	for (size_t i = 0; d && i < d->n; i++) {
		if (sa_cmp(sp_tls_listener_laddr(d->v[i]), laddr, SA_ALL))
			return d->v[i];
	}

	return NULL;
}

static void address_bad(struct sp_report *r, size_t i, const struct sp_conf_interface *itf,
			const char *key, const struct sa *addr, int err)
{
	const char *mend = "look at the machine's log";
	char path[128], value[64], errbuf[128];

	if (err == EADDRNOTAVAIL)
		mend = "name an address of this machine (ip address)";
	else if (err == EADDRINUSE)
		mend = "find who has it (ss -ltnp), or take another port; an interface that moves "
		       "to or from \"0.0.0.0\" or \"::\" on the same port needs a restart";
	else if (err == EACCES)
		mend = "ports below 1024 need a capability: take 1024 or above";

	(void)re_snprintf(path, sizeof(path), "interfaces[%zu] \"%s\".%s", i, itf->name, key);
	(void)re_snprintf(value, sizeof(value), "%J", addr);
	sp_report_add(r, &itf->src, path, value, "cannot be used: %s: %s",
		      str_error(err, errbuf, sizeof(errbuf)), mend);
}

static struct sp_tls_listen_conf listen_conf(const struct sp_conf *conf)
{
	return (struct sp_tls_listen_conf){
		.handshakes = conf->limits.handshakes,
		.source.per_s = conf->limits.handshakes_source.per_s,
		.source.burst = conf->limits.handshakes_source.burst,
	};
}

/** @return 0 or ENOMEM: an address that cannot be had is in the report */
static int open_doors(struct app_doors **dp, struct sp_app *app, const struct app_snapshot *s,
		      struct sp_report *r)
{
	const struct sp_conf *conf = s->conf;
	const struct sp_tls_listen_conf lc = listen_conf(conf);
	struct app_doors *d = mem_zalloc(sizeof(*d), doors_destructor);
	int err = d ? 0 : ENOMEM;

	for (size_t i = 0; i < conf->interfacec && !err; i++) {
		const struct sp_conf_interface *itf = &conf->interfacev[i];
		struct sp_tls_listener *kept = find_listener(app->doors, &itf->sip);

		if (kept)
			d->v[i] = mem_ref(kept);
		else
			err = sp_tls_listen(&d->v[i], app->loop, s->serverv[i], &itf->sip, &lc,
					    app_accepted, app);
		d->n = i + 1;
		if (err && err != ENOMEM) {
			address_bad(r, i, itf, "sip.address", &itf->sip, err);
			err = 0;
		}
	}

	if (err)
		mem_deref(d);
	else
		*dp = d;

	return err;
}

/** The ports that run for this interface, if it wants the same ones. */
static struct sp_ports *find_ports(const struct sp_call_env *env,
				   const struct sp_conf_interface *itf)
{
	for (size_t i = 0; env && i < env->conf->interfacec; i++) {
		const struct sp_conf_interface *old = &env->conf->interfacev[i];

		if (!strcmp(old->name, itf->name) && sa_cmp(&old->media, &itf->media, SA_ADDR) &&
		    old->port_min == itf->port_min && old->port_max == itf->port_max)
			return env->portsv[i];
	}

	return NULL;
}

/* Ports are bound call by call: without this the first call would find out. */
static int try_media_address(const struct sa *addr)
{
	struct sa any_port = *addr;
	int fd, err = 0;

	sa_set_port(&any_port, 0);
	fd = socket(sa_af(addr), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (bind(fd, &any_port.u.sa, any_port.len))
		err = errno;
	(void)close(fd);

	return err;
}

static int make_ports(struct sp_call_env *env, const struct sp_call_env *old, struct sp_report *r)
{
	int err = 0;

	for (size_t i = 0; i < env->conf->interfacec && !err; i++) {
		const struct sp_conf_interface *itf = &env->conf->interfacev[i];
		struct sp_ports *kept = find_ports(old, itf);
		int unusable;

		if (kept) {
			env->portsv[i] = mem_ref(kept);
			continue;
		}

		unusable = try_media_address(&itf->media);
		if (unusable)
			address_bad(r, i, itf, "media.address", &itf->media, unusable);
		err = sp_ports_alloc(&env->portsv[i], &itf->media, itf->port_min, itf->port_max);
	}

	return err;
}

static int apply_trunks(struct sp_app *app, struct sp_call_env *env, const struct app_snapshot *s)
{
	struct sp_conf *conf = s->conf;
	struct sp_trunk_setup *setupv = mem_zalloc((conf->trunkc + 1) * sizeof(*setupv), NULL);
	int err;

	if (!setupv)
		return ENOMEM;

	for (size_t i = 0; i < conf->trunkc; i++) {
		setupv[i].conf = &conf->trunkv[i];
		setupv[i].interface = &conf->interfacev[conf->trunkv[i].interface];
		setupv[i].client = s->clientv[i];
	}

	err = sp_trunks_apply(app->trunks, conf, setupv, conf->trunkc, env->trunkv);
	mem_deref(setupv);

	return err;
}

/* Nothing in here fails. */
static void swap(struct sp_app *app, struct sp_call_env *env, struct app_doors *doors,
		 struct app_contexts *contexts, const struct app_snapshot *s)
{
	const struct sp_tls_listen_conf lc = listen_conf(s->conf);
	struct sp_call_env *old_env = app->env;
	struct app_doors *old_doors = app->doors;
	struct app_contexts *old_contexts = app->contexts;

	sp_log_setup(s->conf->log_level, s->conf->log_full_numbers);
	for (size_t i = 0; i < s->conf->interfacec; i++) {
		sp_tls_listener_context(doors->v[i], s->serverv[i]);
		sp_tls_listener_limits(doors->v[i], &lc);
		sp_ports_dscp(env->portsv[i], s->conf->interfacev[i].dscp);
		sp_ports_rest(env->portsv[i], s->conf->limits.port_rest_s * 1000);
	}

	app->env = mem_ref(env);
	app->doors = mem_ref(doors);
	app->contexts = mem_ref(contexts);
	sp_calls_env(app->calls, env);

	mem_deref(old_contexts);
	mem_deref(old_doors);
	mem_deref(old_env);
}

/* A call with one audio stream takes a pair of ports on each side. */
static void compare_fds(const struct sp_conf *conf)
{
	const uint64_t wanted = 4 * (uint64_t)conf->limits.calls + conf->limits.connections +
				conf->trunkc * SP_CONF_TARGETS_MAX;
	struct rlimit rl = {0};

	if (!getrlimit(RLIMIT_NOFILE, &rl) && rl.rlim_cur < wanted)
		sp_log(SP_LOG_WARN, "fd_limit", "wanted=%llu have=%llu", wanted,
		       (uint64_t)rl.rlim_cur);
}

int app_apply(struct sp_app *app, const struct app_snapshot *s, struct sp_report *r)
{
	struct app_contexts *contexts = NULL;
	struct sp_call_env *env = NULL;
	struct app_doors *doors = NULL;
	int err;

	err = env_alloc(&env, app->worker, s);
	if (err)
		goto out;
	err = contexts_alloc(&contexts, app->worker, s);
	if (err)
		goto out;
	err = make_ports(env, app->env, r);
	if (err)
		goto out;
	err = open_doors(&doors, app, s, r);
	if (err)
		goto out;
	if (sp_report_mistakes(r)) {
		err = EINVAL;
		goto out;
	}

	/* the last that can fail, and all or nothing by itself */
	err = apply_trunks(app, env, s);
	if (err)
		goto out;

	swap(app, env, doors, contexts, s);
	compare_fds(s->conf);

out:
	if (err == ENOMEM)
		sp_report_clear(r);
	mem_deref(contexts);
	mem_deref(doors);
	mem_deref(env);

	return err;
}

void app_apply_contexts(struct sp_app *app, const struct app_snapshot *s)
{
	struct app_contexts *old = app->contexts;

	/* without memory for the list they are freed here, one by one */
	app->contexts = NULL;
	(void)contexts_alloc(&app->contexts, app->worker, s);

	sp_trunks_contexts(app->trunks, s->clientv);
	for (size_t i = 0; i < app->doors->n; i++)
		sp_tls_listener_context(app->doors->v[i], s->serverv[i]);

	mem_deref(old);
}
