/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/, private.
 *
 *   snapshot.c  the file -> everything that can be made of it without a socket
 *   certs.c     its certificates and CAs, checked; TLS contexts made of them
 *   numbers.c   its number entries and number files -> the number table
 *   notes.c     header rules and `pass` held against the number entries
 *   check.c     --check: a snapshot, looked at instead of run
 *   apply.c     a snapshot -> what runs: build, check, swap
 *   daemon.c    the wiring of the rooms; signals
 *   drain.c     the way to the end of the process
 *   notify.c    what systemd is told
 */
#ifndef SALLYPORT_APP_PRIV_H
#define SALLYPORT_APP_PRIV_H

#include "sallyport/app.h"
#include "sallyport/call.h"

/** A certificate with its key, checked once however many use it. */
struct app_pair {
	const struct sp_conf_pair *pair; /**< of the configuration */
	struct sp_tls_cert_info info;
};

/** What a configuration file amounts to. Lives only until it is applied. */
struct app_snapshot {
	struct sp_conf *conf;
	struct sp_number_table *numbers;
	struct app_pair *pairv;
	size_t pairc;
	struct sp_tls_context **serverv; /**< as conf->interfacev */
	struct sp_tls_context **clientv; /**< as conf->trunkv     */
};

/**
 * Read and check all of it; what is wrong is in the report. The same for
 * --check, start and reload.
 * @return 0, EINVAL (mistakes), ENOMEM
 */
int app_snapshot_alloc(struct app_snapshot **sp, const char *file, struct sp_report *r);

/** mem_deref() of n objects and of the vector. NULL is ignored. */
void app_vector_deref(void *vector, size_t n);

/* certs.c */
int app_certs_check(struct app_snapshot *s, struct sp_report *r);
int app_contexts_make(struct app_snapshot *s, struct sp_report *r);
/** The certificate that is shown when we connect to the trunk. */
const struct sp_conf_pair *app_client_pair(const struct sp_conf *conf, size_t trunk);
const struct app_pair *app_pair_find(const struct app_snapshot *s, const struct sp_conf_pair *pair);

/* numbers.c */
int app_numbers_load(struct sp_number_table **tp, const struct sp_conf *conf, struct sp_report *r);

/* notes.c */

/** Say what of the rules has nothing to work on, and what lets forged headers in. */
void app_notes(const struct app_snapshot *s, struct sp_report *r);

/* apply.c */

/** The listeners, as the interfaces of the configuration that runs. */
struct app_doors {
	size_t n;
	struct sp_tls_listener *v[SP_CONF_INTERFACES_MAX];
};

int app_apply(struct sp_app *app, const struct app_snapshot *s, struct sp_report *r);

/* drain.c */
enum app_phase {
	APP_RUNNING,
	APP_DRAINING, /**< no new calls; those that are go on            */
	APP_ENDING,   /**< calls were hung up: their BYEs are on the way */
	APP_SETTLING, /**< no calls; their last transactions end         */
	APP_STOPPED
};

/** SIGTERM or SIGINT: begin to drain; again: hang up; again: stop. */
void app_drain_signal(struct sp_app *app);

/* notify.c */
void app_notify_ready(struct sp_app *app);
void app_notify_reloading(void);
/** READY again, after a reload that went well or not. */
void app_notify_reloaded(struct sp_app *app);
void app_notify_stopping(void);
/** Tell the watchdog that this process lives: before what may take long. */
void app_notify_alive(void);

struct sp_app {
	struct sp_loop *loop;
	char *file;
	struct sp_sip *sip;
	struct sp_calls *calls;
	struct sp_trunks *trunks;

	/* What runs, swapped by app_apply() alone. NULL before the first. */
	struct sp_call_env *env;
	struct app_doors *doors;

	enum app_phase phase;
	uint64_t deadline_ms; /**< of the phase */
	struct sp_timer drain;
	struct sp_timer watchdog;
	uint64_t watchdog_ms; /**< 0: systemd does not watch */
	struct sp_timer status;
};

/** What daemon.c does for SIGHUP. */
void app_reload(struct sp_app *app);

/** The accept handler of all listeners; arg is the struct sp_app. */
void app_accepted(struct sp_tls_conn *c, void *arg);

#endif
