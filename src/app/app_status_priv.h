/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What there is to see of a running gateway.
 *
 *   status_gather.c   the rooms -> one struct app_status; status_trunks.c: of trunk/
 *   status_fields.c   which member is which JSON key and which metric
 *   status_calls.c    call/ -> the same struct, a slice of its calls at a time
 *   status_table.c    the struct as a table, for people; status_row.c: its rows
 *   status_calls_table.c   the calls as a table
 *   status_json.c     the struct as JSON, for programs
 *   status_metrics.c  the struct as Prometheus text
 *   status_text.c     what other people wrote, made fit to be printed
 *   status_socket.c   the Unix socket that gives all of it out
 *   status_client.c   --status and --metrics: the other end of that socket
 *   status.c          what app/ does for it: counts, opens, logs
 *
 * Printers are pure: struct in, text out. They print in pieces of some ten
 * kilobytes, each found by its number alone: a thousand trunks are megabytes
 * of text, and the loop that prints them has media to relay in between. Calls
 * are not even gathered at once: each slice is of its own moment.
 */
#ifndef SALLYPORT_APP_STATUS_PRIV_H
#define SALLYPORT_APP_STATUS_PRIV_H

#include "app_priv.h"
#include "sallyport/tls_listen.h"
#include "sallyport/trunk_status.h"

struct status_socket;

/** Counts what nobody else does. */
struct app_monitor {
	const char *version;
	uint64_t start_s, start_ms; /**< wall clock; loop's clock        */
	uint64_t reloads_ok, reloads_failed;
	uint64_t load_ok;  /**< the last start or reload went well       */
	uint64_t loaded_s; /**< when what runs was read                  */
	struct status_socket *socket;
};

enum {
	STATUS_CLIENTS_MAX = 8,      /**< served at once; others wait to be accepted    */
	STATUS_CLIENT_MS = 5000,     /**< for one, from its connection to its last byte */
	STATUS_REQUEST_MAX = 8192,   /**< bytes                                         */
	STATUS_CHUNK = 65536,        /**< printed ahead, and sent in one turn           */
	STATUS_BLOCK = 64,           /**< rows in one piece                             */
	STATUS_CALLS = 32,           /**< gathered at once...                           */
	STATUS_FLOWS = 80,           /**< ...and directions of their streams            */
	STATUS_LOG_LINES_MAX = 2000, /**< of a table that goes into the log             */
	STATUS_REASONS = SP_TRUNK_LIMITS
};

/*
 * Numbers are all uint64_t, for the table of fields to find them. Strings and
 * addresses live as long as the struct; none is NULL.
 */

struct app_status_gateway {
	const char *version, *conf, *phase;
	uint64_t pid, now_s, start_s, uptime_s, draining;
	uint64_t reloads_ok, reloads_failed, reloading, load_ok, loaded_s;
	uint64_t resident_bytes, cpu_ms, fds_max;

	uint64_t calls, calls_max, emergency, begun, answered, failed, refused, silent, one_way;
	uint64_t packets, bytes; /**< relayed, RTP and RTCP; what was dropped: */
	uint64_t malformed, unauthentic, duplicate, replayed, expired, early, unsent, foreign;
	uint64_t latched, shields;
	uint64_t dialogs, relays;
	uint64_t transactions, pending, requests_refused;
	uint64_t connections, connections_max;
	uint64_t exact, ranges, prefixes; /**< rules of the number table */
	uint64_t entries, accounts;       /**< that differ               */
	uint64_t numbers_s;               /**< when it was read          */

	uint64_t lag_ms, lag_worst_ms, cpu_percent, ports_percent, log_lost;
	uint64_t overloaded, share_milli, overload_refused, overload_times;
	const char *overload_cause;
	uint64_t lag_limit_ms, cpu_limit, memory_limit_mb, ports_limit; /**< thresholds */
};

struct app_status_interface {
	const char *name, *advertise, *media_advertise;
	struct sa sip, media;
	uint64_t port_min, port_max;
	uint64_t pairs, pairs_used, pairs_refused, pairs_hurried;
	uint64_t accepted, refused_network, refused_rate, refused_share, failed, paused;
	uint64_t handshakes, handshakes_max;
};

struct app_status_trunk {
	const char *name, *kind, *interface, *profile;
	size_t first_target, targets; /**< in targetv */
	uint64_t up;
	uint64_t calls_in, calls_out, emergency, begun_in, begun_out, unknown;
	uint64_t connections, connections_max, conns_refused, messages_refused;
	uint64_t waiting, numbers;
	uint64_t refused[STATUS_REASONS]; /**< by enum sp_trunk_limit */
	uint64_t limit[STATUS_REASONS];   /**< likewise; 0: none      */
};

struct app_status_target {
	const char *trunk, *label, *entry, *address, *state, *why;
	uint64_t twin; /**< another with this label and address stands before it */
	uint64_t up, since_ms, priority, weight, connections, pending, busy_s;
	uint64_t picked, failures, options_ms;
};

/** A certificate, CA or CRL that is in use; a file can have several. */
struct app_status_cert {
	const char *file, *kind, *use, *subject, *names;
	uint64_t twin;      /**< another one speaks for the file */
	uint64_t expires_s; /**< 0: never */
	int64_t days_left;  /**< negative: expired */
};

/** A call. `caller` and `callee` are masked as in the log; "": not known, or withheld. */
struct app_status_call {
	const char *id, *state, *from, *to, *caller, *callee, *media;
	uint64_t age_ms, talk_ms, emergency;
	size_t first_flow, flows; /**< in flowv: two of each stream, the caller's first */
};

/** What came from one side of a stream of a call. */
struct app_status_flow {
	const char *side;
	uint64_t stream;
	uint64_t packets, bytes, rtcp, relayed, lost, late, ssrcs, gap_ms, idle_ms;
	uint64_t jitter_us, jitter_max_us;
	uint64_t malformed, unauthentic, duplicate, replayed, expired, early, unsent, foreign;
	uint64_t latched, shields;
	uint64_t far_told, far_lost, far_lost_percent, far_jitter_us, rtt_us, rtt_max_us;
};

struct app_status {
	struct app_status_gateway gateway;
	struct app_status_interface *interfacev;
	size_t interfacec;
	struct app_status_trunk *trunkv;
	size_t trunkc;
	struct app_status_target *targetv;
	size_t targetc;
	struct app_status_cert *certv;
	size_t certc;

	/* Of a listing of calls there is nothing but this, and the gateway's time. */
	struct app_status_call *callv; /**< a slice of them           */
	size_t callc;
	struct app_status_flow *flowv;
	size_t flowc;
	uint64_t listed; /**< calls of the slices before */
	/** The next slice in the place of this one; NULL when this is the last. */
	int (*more)(struct app_status *s);

	unsigned name_width, label_width, address_width,
		file_width; /**< of the table: status_measure() */
};

/* status_fields.c */

enum status_scope {
	STATUS_GATEWAY,
	STATUS_INTERFACE,
	STATUS_TRUNK,
	STATUS_TARGET,
	STATUS_CERT,
	STATUS_CALL,
	STATUS_FLOW,
	STATUS_SCOPES
};

enum status_unit {
	STATUS_NUMBER,
	STATUS_BOOL,
	STATUS_MILLI, /**< a metric is in the unit itself          */
	STATUS_LIMIT, /**< 0 is none: no metric                    */
	STATUS_MAYBE, /**< in 1/1000; 0 is unknown: no metric      */
	STATUS_STRING /**< no metric                               */
};

/** One member of a struct. Those of one metric stand together. */
struct status_field {
	const char *key; /**< in JSON, "group.key"; NULL: not there */
	size_t offset;
	enum status_unit unit;
	const char *metric; /**< NULL: none, else without "sallyport_"; ends in _total: a counter */
	const char *label;  /**< "direction", "in"; NULL: none */
	const char *value;
	const char *help; /**< the first of a metric has it */
};

/** @return the fields of a scope, *n of them */
const struct status_field *status_fields(enum status_scope scope, size_t *n);

uint64_t status_number(const void *obj, const struct status_field *f);
const char *status_string(const void *obj, const struct status_field *f);

/** The objects of a scope: obj i lies i strides behind the first. */
struct status_objects {
	const char *first;
	size_t n, stride;
};
struct status_objects status_objects(const struct app_status *s, enum status_scope scope);

/* status_text.c */

/** %H handlers, arg const char *: bytes that are no printable ASCII as "\xNN". */
int status_plain(struct re_printf *pf, const char *s);
/** The same as a label's value, without quotes: UTF-8, escaped as Prometheus wants it. */
int status_label(struct re_printf *pf, const char *s);
bool status_utf8(const char *s);
/** %H handler, arg const uint64_t *: seconds since 1970 as "2026-01-31T09:15:04Z", 0 as "-" */
int status_time(struct re_printf *pf, const uint64_t *s);
/** %H handler, arg const uint64_t *: seconds as "3d 04:05:06". */
int status_span(struct re_printf *pf, const uint64_t *s);

/* The printers. A piece that does not exist prints nothing. */

struct status_printer {
	const char *name; /**< as the socket is asked for it */
	size_t (*pieces)(const struct app_status *s);
	int (*piece)(struct mbuf *mb, const struct app_status *s, size_t i);
	const char *end; /**< the last line begins with it: nothing is missing */
	bool calls;      /**< of status_gather_calls()                         */
};

extern const struct status_printer status_table, status_json, status_metrics, status_calls,
	status_calls_json;
const struct status_printer *status_printer(const struct pl *name);

/* status_row.c */

struct status_column {
	const char *title;
	unsigned width; /**< at least; 0: the rest of the line */
	bool right;
};

/** A row in the making. */
struct status_row {
	struct mbuf *mb;
	const struct status_column *columnv;
	size_t n;
	int err;
};

void status_cell(struct status_row *r, const char *fmt, ...);
/** A row ends where its last letter is. */
int status_row_end(struct status_row *r);
/** An empty line, and the titles. */
int status_titles(struct mbuf *mb, const struct status_column *columnv, size_t n);

/** Widths of the table's columns, when all else is there. */
void status_measure(struct app_status *s);

/* status_gather.c, status_trunks.c, status_calls.c */

struct status_block;

/** A status in the making, and what keeps its strings alive. */
struct status_gathered {
	struct app_status status; /**< first: this is what the caller holds */
	struct sp_call_env *env;
	struct status_block *blocks;
	size_t targets_size;
	int err;
};

/** A copy of s, cut at 4,096 bytes; "" for NULL, and without memory, which err then says. */
const char *status_keep(struct status_gathered *g, const char *s);
/** Forget all of them. */
void status_forget(struct status_gathered *g);
/** Mark the targets of a trunk that could not be told apart by their labels. */
void status_find_twins(struct app_status *s);
int status_gather_trunks(struct status_gathered *g, const struct sp_app *app);
int status_gather(struct app_status **sp, const struct sp_app *app);
/** The first slice of a listing of the calls, which must not outlive the app. */
int status_gather_calls(struct app_status **sp, const struct sp_app *app);

/* status_socket.c */

/** Makes what a client gets from this printer, once for each. */
typedef int(status_gather_h)(struct app_status **sp, const struct status_printer *printer,
			     void *arg);

/** @param client_ms STATUS_CLIENT_MS
 * @return 0, EADDRINUSE (a living process answers there), ENAMETOOLONG, ENOTSOCK, errno */
int status_socket_alloc(struct status_socket **sp, struct sp_loop *loop, const char *path,
			unsigned client_ms, status_gather_h *h, void *arg);
const char *status_socket_path(const struct status_socket *s);

#endif
