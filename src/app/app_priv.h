/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/, private.
 *
 *   snapshot.c  the file -> everything that can be made of it without a socket
 *   certs.c     its certificates and CAs, checked; TLS contexts made of them
 *   files.c     the files of these, and what they were when they were read
 *   numbers.c   its accounts, numbers and number files -> the number table
 *   csv_files.c number files and directories of them, as text; gzip
 *   notes.c     header rules and `pass` held against the number entries
 *   account_notes.c  settings of accounts that no number entry has
 *   check.c     --check: a snapshot, looked at instead of run
 *   apply.c     a snapshot -> what runs: build, check, swap
 *   daemon.c    the wiring of the rooms; signals
 *   reload.c    start and reload: a snapshot made, applied, told of
 *   check_numbers.c  --check: how much of what is in the number table
 *   load.c      how busy it is; whether it is overloaded
 *   drain.c     the way to the end of the process
 *   notify.c    what systemd is told
 *   guard.c     no core dumps; where OpenSSL's memory is
 *   sandbox.c   which system calls the running process may make
 *   renew.c     certificates that change on disk; watch.c: who is told of that
 *   expiry.c    warnings before a certificate or a CRL expires
 *   status*.c   what people and programs are told: app_status_priv.h
 */
#ifndef SALLYPORT_APP_PRIV_H
#define SALLYPORT_APP_PRIV_H

#include "sallyport/app.h"
#include "sallyport/base_worker.h"
#include "sallyport/call.h"
#include "sallyport/number_build.h"
#include "sallyport/tls_check.h"
#include "sallyport/tls_listen.h"

/** A certificate with its key, checked once however many use it. */
struct app_pair {
	const struct sp_conf_pair *pair; /**< of the configuration */
	struct sp_tls_cert_info info;
};

/** What a configuration file amounts to. Lives only until it is applied. */
struct app_snapshot {
	struct sp_conf *conf;
	struct sp_number_table *numbers;
	struct app_files *files; /**< as they were before they were read */
	struct app_ways *ways;   /**< to them; of app_snapshot_load() alone */
	struct app_dated *dated; /**< in them; likewise                     */
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

/**
 * The same, to be run: with what app_apply() and those behind it need beside.
 *
 * It may be called in any thread: what it makes is shared with nobody, and it
 * neither logs nor looks at what runs.
 * @param stop give up when it is true; NULL: never
 * @return also ECANCELED
 */
int app_snapshot_load(struct app_snapshot **sp, const char *file, const atomic_bool *stop,
		      struct sp_report *r);

/**
 * The same for the certificates, keys, CAs and CRLs alone, which are read anew
 * for a configuration that runs: there are no numbers in it.
 */
int app_snapshot_certs(struct app_snapshot **sp, struct sp_conf *conf, struct sp_report *r);

/** mem_deref() of n objects and of the vector. NULL is ignored. */
void app_vector_deref(void *vector, size_t n);

/* certs.c */
/** @param run watch the files from now on */
int app_certs_check(struct app_snapshot *s, bool run, struct sp_report *r);
int app_contexts_make(struct app_snapshot *s, struct sp_report *r);
const struct app_pair *app_pair_find(const struct app_snapshot *s, const struct sp_conf_pair *pair);

/* files.c */

enum app_file_kind { APP_FILE_CERTIFICATE, APP_FILE_KEY, APP_FILE_CA, APP_FILE_CRL };

struct app_file {
	const char *path;
	enum app_file_kind kind;
	char use[96];        /**< "interface core", "trunk a and 2 more" */
	unsigned users;      /**< interfaces and trunks                  */
	uint64_t mark, seen; /**< what was in it when it was read; and at the last look */
};

/** Every certificate, key, CA and CRL file of a configuration, each once. */
struct app_files {
	struct sp_conf *conf; /**< referenced: the paths are its */
	struct sp_hashkey key;
	struct app_file *v;
	size_t n;
};

/** "certificate", "key", "ca", "crl" */
const char *app_file_kind_name(enum app_file_kind kind);

int app_files_alloc(struct app_files **fp, struct sp_conf *conf);

/** Look into them all. @return how many are not what they were */
size_t app_files_look(struct app_files *fs);

/** Whether they are still what they were at the last look. */
bool app_files_still(const struct app_files *fs);

/** The last look is from now on what they were. */
void app_files_adopt(struct app_files *fs);

/** %H handler, after a look: those that are not what they were, "a.crt, a.key" */
int app_files_print(struct re_printf *pf, const struct app_files *fs);

/* watch.c */

/** Tells when a file of many may have changed, or have been replaced by another. */
struct app_watch;

typedef void(app_watch_h)(void *arg);

int app_watch_alloc(struct app_watch **wp, struct sp_loop *loop, app_watch_h *h, void *arg);

/** The ways to files, watched from now on: made where it may take time, in whatever thread. */
struct app_ways;

int app_ways_alloc(struct app_ways **wp, const struct app_files *fs);

/** Watch these (referenced) instead of the former.
 * @param failed set to the folder that cannot be watched, or to ""; theirs
 * @return 0, or errno value: what could be watched is */
int app_watch_ways(struct app_watch *w, struct app_ways *ways, const char **failed);

/** The same, of ways that are made for it; when they cannot be, the former ones are watched on. */
int app_watch_files(struct app_watch *w, const struct app_files *fs, const char **failed);

/** What the loop calls: see what happened. */
void app_watch_read(struct app_watch *w);

/* renew.c */

enum {
	APP_SETTLE_MS = 2000,           /**< without a change, before files are read    */
	APP_SETTLE_MOST_MS = 10 * 1000, /**< then they are, however much is being changed */
	APP_RENEW_AGAIN_MS = 30 * 1000, /**< after a failure; then twice as much, and so on */
	APP_RENEW_AGAIN_MOST_MS = 3600 * 1000
};

struct app_renew;

int app_renew_alloc(struct app_renew **rp, struct sp_app *app);

/** The app runs on what was in these files (referenced), and which these ways lead to: made
 * before the files were read, so nothing that changed since is missed. */
void app_renew_files(struct app_renew *r, struct app_files *fs, struct app_ways *ways);

struct app_watch *app_renew_watch(const struct app_renew *r);

/* expiry.c */

/** A certificate or CRL that is in use. */
struct app_cert_status {
	const struct app_file *file;
	char subject[256]; /**< of a CRL: its issuer      */
	char names[256];   /**< "DNS:a, URI:sip:b", or "" */
	int64_t until;     /**< seconds since 1970; INT64_MAX: a CRL that says no end */
	int days_left;     /**< negative: expired         */
	unsigned warned;   /**< how many of the thresholds were logged */
};

typedef int64_t(app_wall_h)(void);

struct app_expiry;

/** @param wall seconds since 1970; NULL: the machine's clock */
int app_expiry_alloc(struct app_expiry **ep, struct sp_loop *loop, app_wall_h *wall);

/** What files hold that can expire. */
struct app_dated;

/** Read it, in whatever thread. @return 0 or ENOMEM */
int app_dated_alloc(struct app_dated **dp, struct app_files *fs);

/** This is in use (referenced): look now and each hour. What was warned of before is not told
 * again. */
void app_expiry_use(struct app_expiry *e, struct app_dated *d);

/** Both in one. */
int app_expiry_files(struct app_expiry *e, struct app_files *fs);

/** All of them, as the files stand in the configuration; valid until the next app_expiry_files().
 * @param n how many */
const struct app_cert_status *app_expiry_list(const struct app_expiry *e, size_t *n);

/* csv_files.c */

/** What a CSV file is given to: it reads on with readh(..., reader).
 * @return 0, EINVAL (reported), ENOMEM, ECANCELED, or what readh returned */
typedef int(app_csv_h)(const char *file, sp_number_read_h *readh, void *reader, void *arg);

/** The CSV files of one configuration, each read once. */
struct app_csv;

int app_csv_alloc(struct app_csv **cp, struct sp_report *r);

/** A file, or those of a directory. Everything wrong with them goes into the report.
 * @return 0, ENOMEM, ECANCELED */
int app_csv_files(struct app_csv *csv, const struct sp_conf_path *named, const char *key,
		  app_csv_h *h, void *arg);

/* numbers.c */

/** @return 0 (but nothing, when there are mistakes), ENOMEM, ECANCELED, errno */
int app_numbers_load(struct sp_number_table **tp, const struct sp_conf *conf,
		     const atomic_bool *stop, struct sp_report *r);

/* notes.c */

/** Say what of the rules has nothing to work on, and what lets forged headers in. */
void app_notes(const struct app_snapshot *s, struct sp_report *r);

/* account_notes.c */

/** Say which settings are of accounts that no number entry has. */
void app_account_notes(const struct app_snapshot *s, struct sp_report *r);

/* apply.c */

/** The listeners, as the interfaces of the configuration that runs. */
struct app_doors {
	size_t n;
	struct sp_tls_listener *v[SP_CONF_INTERFACES_MAX];
};

int app_apply(struct sp_app *app, const struct app_snapshot *s, struct sp_report *r);

/* check_numbers.c */

/** What the number table holds, by kind, by carrier that it names, and by account: the largest, or
 * all. */
void app_check_numbers(struct re_printf *pf, const struct app_snapshot *s, bool all);

/* reload.c */

/** A reload that is under way. */
struct app_reload;

/** Read the configuration beside the loop, then run on it. One that comes while one is under way
 * is done after it. */
void app_reload(struct sp_app *app);

/** Nothing will come of a reload that is under way; its thread ends soon. */
void app_reload_stop(struct sp_app *app);

/** The same, before the app is freed: it does not come back. */
void app_reload_forget(struct sp_app *app);

/** New contexts for the configuration that runs, of app_snapshot_certs(). */
void app_apply_contexts(struct sp_app *app, const struct app_snapshot *s);

/* load.c */

/** How busy the process is; of the last whole second where nothing else is said. */
struct app_load {
	struct sp_overload *overload;
	unsigned lag_ms;        /**< the loop's worst lateness      */
	unsigned lag_max_ms;    /**< the same, since the start      */
	unsigned cpu_percent;   /**< of one core                    */
	unsigned memory_mb;     /**< resident                       */
	unsigned ports_percent; /**< in use, of the fullest interface */
};

/** Begin to measure, and have app->calls ask how many new calls to let in. */
int app_load_alloc(struct app_load **lp, struct sp_app *app);

/** What is done with each sample: for load.c and its tests. */
void app_load_take(struct app_load *load, const struct sp_overload_sample *sample);

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
struct app_notify;
/** @return 0, ENOMEM; without systemd there is nobody to tell */
int app_notify_alloc(struct app_notify **np);
void app_notify_ready(struct sp_app *app);
void app_notify_reloading(struct sp_app *app);
/** READY again, after a reload that went well or not. */
void app_notify_reloaded(struct sp_app *app);
void app_notify_stopping(struct sp_app *app);
/** Tell the watchdog that this process lives: before what may take long. */
void app_notify_alive(const struct sp_app *app);

/* sandbox.c */
/** For good, for all threads. @param count of system calls that are left. @return 0, errno */
int app_sandbox_enter(unsigned *count);

/* status.c */
struct app_monitor;
int app_monitor_alloc(struct app_monitor **mp, const struct sp_loop *loop);
void app_monitor_version(struct app_monitor *m, const char *version);
/** A start or reload ended with err. Opens, moves or closes the status socket. */
void app_monitor_loaded(struct sp_app *app, bool reload, int err);
/** The table, into the log: what daemon.c does for SIGUSR1. */
void app_status_log(const struct sp_app *app);

struct sp_app {
	struct sp_loop *loop;
	char *file;
	struct sp_sip *sip;
	struct sp_calls *calls;
	struct sp_trunks *trunks;

	/* What runs, swapped by app_apply() alone. NULL before the first. */
	struct sp_call_env *env;
	struct app_doors *doors;
	struct app_contexts *contexts;
	struct sp_worker *worker;
	struct app_reload *reload; /**< the worker's; NULL: none under way */
	struct app_renew *renew;
	struct app_expiry *expiry;

	enum app_phase phase;
	uint64_t deadline_ms; /**< of the phase */
	struct sp_timer drain;
	struct sp_timer watchdog;
	uint64_t watchdog_ms; /**< 0: systemd does not watch */
	struct sp_timer status;
	struct app_notify *notify;
	struct app_monitor *monitor;
	struct app_load *load;
};

/** The accept handler of all listeners; arg is the struct sp_app. */
void app_accepted(struct sp_tls_conn *c, void *arg);

#endif
