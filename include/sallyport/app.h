/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/: the composition root. It wires the rooms, turns the configuration file
 * into what they run on, reloads it, and ends the process in good order. The
 * only room that knows all others; only main.c knows it.
 */
#ifndef SALLYPORT_APP_H
#define SALLYPORT_APP_H

#include <stdio.h>
#include <re.h>

#include "sallyport/base_loop.h"

enum {
	SP_APP_EXPIRES_DAYS = 30,     /**< a certificate with less left gets a note   */
	SP_APP_SETTLE_MS = 2000,      /**< at the end, for transactions without calls */
	SP_APP_END_MS = 5000,         /**< at the end, for the BYEs of ended calls    */
	SP_APP_STATUS_MS = 10 * 1000, /**< between two status lines to systemd        */
	SP_APP_FDS_MIN = 1024,
	SP_APP_FDS_MAX = 1048576
};

/** Bytes of text in one number file. */
#define SP_APP_CSV_MAX (16ull << 30)

/**
 * `--check`: read the configuration and all that it names, change nothing.
 * Without mistakes, what the gateway would be goes to out; else every mistake
 * to err, and their number as the last line.
 * @param verbose also every setting of every trunk, and where it comes from
 * @return exit status of the process, 0 or 1
 */
int sp_app_check(const char *file, bool verbose, FILE *out, FILE *err);

/** What --status and --metrics print of a running gateway. */
enum sp_app_format { SP_APP_TABLE, SP_APP_JSON, SP_APP_METRICS, SP_APP_CALLS, SP_APP_CALLS_JSON };

/**
 * `--status`, `--metrics`: ask the gateway that runs on this configuration,
 * through its status socket, and print the answer. Of the file only
 * status.socket is used.
 * @return exit status of the process: 0, or 1 when there was no answer, and err says why
 */
int sp_app_status(const char *file, enum sp_app_format format, FILE *out, FILE *err);

/** What `--lookup` asks. */
struct sp_app_question {
	const char *number; /**< called, as the trunk would write it                      */
	const char *caller; /**< calling, likewise; NULL: withheld                        */
	const char *trunk;  /**< where the call comes from; NULL: found out of the numbers */
	const char *time;   /**< RFC 3339; NULL: now                                      */
	bool json;          /**< the answer is for programs                               */
};

/**
 * `--lookup`: read the configuration, as --check does, and print what would become of
 * a call: which rule decides, the route, the headers, and where each entry was written.
 * @return exit status of the process: 0; 1 mistakes, told as by --check; 2 it would be refused
 */
int sp_app_lookup(const char *file, const struct sp_app_question *q, FILE *out, FILE *err);

/**
 * First of all, before there is a secret and before OpenSSL has any memory: from now on no
 * core dump is written of this process, and its keys lie where none would find them.
 * @return 0, EALREADY (OpenSSL was used), errno
 */
int sp_app_guard(void);

/** How many descriptors this process may have (RLIMIT_NOFILE), for sp_loop_alloc(). */
unsigned sp_app_max_fds(void);

/** The running gateway. */
struct sp_app;

/**
 * Wire the rooms. Nothing is open yet.
 * @param file the configuration, read by each sp_app_load()
 */
int sp_app_alloc(struct sp_app **ap, struct sp_loop *loop, const char *file);

/** SIGTERM and SIGINT drain, SIGHUP reloads, SIGUSR1 logs the status; from now on all four wait
 * for the loop. */
int sp_app_signals(struct sp_app *app);

/**
 * Read the configuration and run on it: at the start. A reload reads it beside the
 * loop, and then does the same. All or nothing: with a mistake anywhere, each is
 * logged ("conf_mistake") and what ran before runs on.
 * @return 0, EINVAL (mistakes), ENOMEM, errno
 */
int sp_app_load(struct sp_app *app);

/**
 * Everything is open: from now on this process can do no more than a running gateway does,
 * unless the configuration says `sandbox = false`. For good, and for all its threads.
 * @return 0, or why not, which was logged
 */
int sp_app_confine(const struct sp_app *app);

/** Listening: log "start", tell systemd, begin to feed its watchdog. */
void sp_app_ready(struct sp_app *app, const char *version);

#endif
