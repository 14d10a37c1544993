/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which member of struct app_status is which key of the JSON and which metric.
 *
 * Metrics are named as Prometheus wants it: base units, counters "_total".
 * None is called "process_...": where a textfile collector joins these with
 * its own, the same name from two processes would be a mistake. Labels hold
 * what the configuration and DNS say, never what a caller does, so there are
 * only as many series as there are trunks, targets and certificates.
 */
#include <stddef.h>
#include <string.h>

#include "app_status_priv.h"

#define F(key, member, unit, ...)                                                                  \
	{                                                                                          \
		key, offsetof(struct STATUS_OBJECT, member), unit, __VA_ARGS__                     \
	}
#define NO_METRIC NULL, NULL, NULL, NULL

#define DROPPED(name, member, help)                                                                \
	F("media.dropped." name, member, STATUS_NUMBER, "media_dropped_packets_total", "reason",   \
	  name, help)

#define STATUS_OBJECT app_status_gateway
static const struct status_field gateway[] = {
	F("version", version, STATUS_STRING, NO_METRIC),
	F("pid", pid, STATUS_NUMBER, NO_METRIC),
	F("phase", phase, STATUS_STRING, NO_METRIC),
	F(NULL, draining, STATUS_NUMBER, "draining", NULL, NULL,
	  "1 when no new calls are taken because the process is about to end."),
	F("time", now_s, STATUS_NUMBER, NO_METRIC),
	F("started", start_s, STATUS_NUMBER, "start_time_seconds", NULL, NULL,
	  "Start of the process, in seconds since 1970."),
	F("uptime_s", uptime_s, STATUS_NUMBER, NO_METRIC),
	F("memory_bytes", resident_bytes, STATUS_NUMBER, "resident_memory_bytes", NULL, NULL,
	  "Resident memory of the process."),
	F("cpu_ms", cpu_ms, STATUS_MILLI, "cpu_seconds_total", NULL, NULL,
	  "Processor time that the process has used."),
	F("descriptors_max", fds_max, STATUS_NUMBER, "max_fds", NULL, NULL,
	  "File descriptors that the process may have."),
	F("configuration.file", conf, STATUS_STRING, NO_METRIC),
	F("configuration.loaded", loaded_s, STATUS_NUMBER,
	  "config_last_load_success_timestamp_seconds", NULL, NULL,
	  "When the configuration that runs was read, in seconds since 1970."),
	F("configuration.last_ok", load_ok, STATUS_BOOL, "config_last_load_successful", NULL, NULL,
	  "1 when the last start or reload succeeded; else an older configuration runs."),
	F("configuration.reloads_ok", reloads_ok, STATUS_NUMBER, "config_reloads_total", "result",
	  "ok", "Reloads of the configuration."),
	F("configuration.reloads_failed", reloads_failed, STATUS_NUMBER, "config_reloads_total",
	  "result", "failed", NULL),
	F("configuration.reloading", reloading, STATUS_BOOL, "config_reloading", NULL, NULL,
	  "1 while a configuration is read beside the one that runs."),
	F("calls.now", calls, STATUS_NUMBER, "calls", NULL, NULL,
	  "Calls at this moment, those that ring too."),
	F("calls.limit", calls_max, STATUS_NUMBER, "calls_limit", NULL, NULL,
	  "Most calls at once, without emergency calls (limits.calls)."),
	F("calls.emergency", emergency, STATUS_NUMBER, "emergency_calls", NULL, NULL,
	  "Emergency calls at this moment."),
	F("calls.begun", begun, STATUS_NUMBER, "calls_begun_total", NULL, NULL,
	  "INVITEs that became a call."),
	F("calls.answered", answered, STATUS_NUMBER, "calls_total", "result", "answered",
	  "INVITEs by what became of them, counted when that is known."),
	F("calls.failed", failed, STATUS_NUMBER, "calls_total", "result", "failed", NULL),
	F("calls.refused", refused, STATUS_NUMBER, "calls_total", "result", "refused", NULL),
	F("calls.silent", silent, STATUS_NUMBER, "calls_without_media_total", NULL, NULL,
	  "Calls hung up for want of media (limits.media_timeout_s)."),
	F("calls.one_way", one_way, STATUS_NUMBER, "calls_one_way_total", NULL, NULL,
	  "Calls that were up for 5 seconds or more and had media one way only, when they ended."),
	F("dialogs", dialogs, STATUS_NUMBER, "dialogs", NULL, NULL, "SIP dialogs, early ones too."),
	F("relays", relays, STATUS_NUMBER, "media_relays", NULL, NULL, "Media relays open."),
	F("media.packets", packets, STATUS_NUMBER, "media_packets_total", NULL, NULL,
	  "RTP and RTCP packets relayed."),
	F("media.bytes", bytes, STATUS_NUMBER, "media_bytes_total", NULL, NULL,
	  "Octets of these packets, as they came, without UDP and IP."),
	DROPPED("unauthentic", unauthentic, "Packets that came and were not relayed."),
	DROPPED("duplicate", duplicate, NULL),
	DROPPED("replayed", replayed, NULL),
	DROPPED("expired", expired, NULL),
	DROPPED("malformed", malformed, NULL),
	DROPPED("foreign", foreign, NULL),
	DROPPED("early", early, NULL),
	DROPPED("unsent", unsent, NULL),
	F("media.latched", latched, STATUS_NUMBER, "media_latched_total", NULL, NULL,
	  "How often a peer's media came from another address than before, and proved itself."),
	F("media.shields", shields, STATUS_NUMBER, "media_shields_total", NULL, NULL,
	  "How often a flood made a media port listen to the known source only."),
	F("transactions.now", transactions, STATUS_NUMBER, "sip_transactions", NULL, NULL,
	  "SIP transactions."),
	F("transactions.pending", pending, STATUS_NUMBER, "sip_transactions_pending", NULL, NULL,
	  "SIP transactions that wait for a message."),
	F("transactions.refused", requests_refused, STATUS_NUMBER, "sip_requests_refused_total",
	  NULL, NULL, "SIP requests refused because there were too many transactions."),
	F("connections.now", connections, STATUS_NUMBER, "accepted_connections", NULL, NULL,
	  "TLS connections that peers opened."),
	F("connections.limit", connections_max, STATUS_NUMBER, "accepted_connections_limit", NULL,
	  NULL, "Most of them (limits.connections)."),
	F("numbers.exact", exact, STATUS_NUMBER, "number_rules", "kind", "exact",
	  "Exact numbers, ranges and prefixes of the number table."),
	F("numbers.ranges", ranges, STATUS_NUMBER, "number_rules", "kind", "range", NULL),
	F("numbers.prefixes", prefixes, STATUS_NUMBER, "number_rules", "kind", "prefix", NULL),
	F("numbers.entries", entries, STATUS_NUMBER, "number_entries", NULL, NULL,
	  "What they lead to: number entries that differ."),
	F("numbers.accounts", accounts, STATUS_NUMBER, "number_accounts", NULL, NULL,
	  "Accounts of the number table."),
	F("numbers.loaded", numbers_s, STATUS_NUMBER, "number_table_timestamp_seconds", NULL, NULL,
	  "When the number table was read, in seconds since 1970."),
	F("load.lag_ms", lag_ms, STATUS_MILLI, "loop_lag_seconds", NULL, NULL,
	  "How late the event loop was at worst in the last second."),
	F("load.lag_worst_ms", lag_worst_ms, STATUS_MILLI, "loop_lag_max_seconds", NULL, NULL,
	  "How late the event loop was at worst since the start."),
	F("load.cpu_percent", cpu_percent, STATUS_NUMBER, NO_METRIC),
	F("load.ports_percent", ports_percent, STATUS_NUMBER, NO_METRIC),
	F("log.lost", log_lost, STATUS_NUMBER, "log_lost_lines_total", NULL, NULL,
	  "Lines of the log that its reader or its disk did not take."),
	F("overload.now", overloaded, STATUS_BOOL, "overload", NULL, NULL,
	  "1 while new calls are refused because of overload."),
	F("overload.cause", overload_cause, STATUS_STRING, NO_METRIC),
	F("overload.share_permille", share_milli, STATUS_MILLI, "overload_admitted_ratio", NULL,
	  NULL, "Share of new calls that is let in."),
	F("overload.times", overload_times, STATUS_NUMBER, "overloads_total", NULL, NULL,
	  "How often overload began."),
	F("overload.refused", overload_refused, STATUS_NUMBER, "overload_refused_calls_total", NULL,
	  NULL, "New calls refused because of overload."),
	F("overload.limits.lag_ms", lag_limit_ms, STATUS_NUMBER, NO_METRIC),
	F("overload.limits.cpu_percent", cpu_limit, STATUS_NUMBER, NO_METRIC),
	F("overload.limits.memory_mb", memory_limit_mb, STATUS_NUMBER, NO_METRIC),
	F("overload.limits.ports_percent", ports_limit, STATUS_NUMBER, NO_METRIC),
};
#undef STATUS_OBJECT

#define STATUS_OBJECT app_status_interface
static const struct status_field interface[] = {
	F("name", name, STATUS_STRING, NO_METRIC),
	F("ports.pairs", pairs, STATUS_NUMBER, "media_port_pairs", NULL, NULL,
	  "Pairs of media ports of the interface."),
	F("ports.used", pairs_used, STATUS_NUMBER, "media_port_pairs_used", NULL, NULL,
	  "Of them, those in use."),
	F("ports.refused", pairs_refused, STATUS_NUMBER, "media_port_pairs_refused_total", NULL,
	  NULL, "How often a pair was wanted and none was free."),
	F("ports.hurried", pairs_hurried, STATUS_NUMBER, "media_port_pairs_hurried_total", NULL,
	  NULL, "How often a pair was taken before it had rested (limits.port_rest_s)."),
	F("handshakes.now", handshakes, STATUS_NUMBER, "tls_handshakes", NULL, NULL,
	  "TLS handshakes in progress with those who connect."),
	F("handshakes.limit", handshakes_max, STATUS_NUMBER, "tls_handshakes_limit", NULL, NULL,
	  "Most of them (limits.handshakes)."),
	F("accepted", accepted, STATUS_NUMBER, "tls_accepted_total", NULL, NULL,
	  "Connections whose peer was known."),
	F("refused.network", refused_network, STATUS_NUMBER, "tls_refused_total", "reason",
	  "network", "Connections turned away before a peer was known."),
	F("refused.rate", refused_rate, STATUS_NUMBER, "tls_refused_total", "reason", "rate", NULL),
	F("refused.share", refused_share, STATUS_NUMBER, "tls_refused_total", "reason", "share",
	  NULL),
	F("refused.handshake", failed, STATUS_NUMBER, "tls_refused_total", "reason", "handshake",
	  NULL),
	F("paused", paused, STATUS_NUMBER, "accept_paused_total", NULL, NULL,
	  "How often descriptors or memory for another connection were missing."),
};
#undef STATUS_OBJECT

#define REFUSED(name, i, help)                                                                     \
	F("refused." name, refused[i], STATUS_NUMBER, "trunk_refused_calls_total", "limit", name,  \
	  help)
#define LIMIT(name, i, help)                                                                       \
	F("limits." name, limit[i], STATUS_LIMIT, "trunk_limit", "limit", name, help)

#define STATUS_OBJECT app_status_trunk
static const struct status_field trunk[] = {
	F("name", name, STATUS_STRING, NO_METRIC),
	F("kind", kind, STATUS_STRING, NO_METRIC),
	F("interface", interface, STATUS_STRING, NO_METRIC),
	F("profile", profile, STATUS_STRING, NO_METRIC),
	F("up", up, STATUS_BOOL, "trunk_up", NULL, NULL,
	  "1 when a target is up or, without targets, a peer is connected."),
	F("calls.in", calls_in, STATUS_NUMBER, "trunk_calls", "direction", "in",
	  "Calls at this moment; in: made by the trunk."),
	F("calls.out", calls_out, STATUS_NUMBER, "trunk_calls", "direction", "out", NULL),
	F("calls.emergency", emergency, STATUS_NUMBER, "trunk_emergency_calls", NULL, NULL,
	  "Emergency calls that the trunk makes at this moment."),
	F("calls.waiting", waiting, STATUS_NUMBER, "trunk_waiting_calls", NULL, NULL,
	  "Calls that wait for a connection to the trunk."),
	F("begun.in", begun_in, STATUS_NUMBER, "trunk_calls_total", "direction", "in",
	  "Calls that have begun; in: made by the trunk."),
	F("begun.out", begun_out, STATUS_NUMBER, "trunk_calls_total", "direction", "out", NULL),
	F("unknown_numbers", unknown, STATUS_NUMBER, "trunk_unknown_numbers_total", NULL, NULL,
	  "Calls to (of a service: from) numbers that the number table does not know."),
	REFUSED("inactive", SP_TRUNK_LIMIT_INACTIVE, "Calls that a limit of the trunk refused."),
	REFUSED("calls", SP_TRUNK_LIMIT_CALLS, NULL),
	REFUSED("calls_in", SP_TRUNK_LIMIT_CALLS_IN, NULL),
	REFUSED("calls_out", SP_TRUNK_LIMIT_CALLS_OUT, NULL),
	REFUSED("calls_per_s", SP_TRUNK_LIMIT_RATE, NULL),
	REFUSED("calls_in_per_s", SP_TRUNK_LIMIT_RATE_IN, NULL),
	REFUSED("calls_out_per_s", SP_TRUNK_LIMIT_RATE_OUT, NULL),
	REFUSED("source_calls_per_s", SP_TRUNK_LIMIT_RATE_SOURCE, NULL),
	REFUSED("unknown_per_minute", SP_TRUNK_LIMIT_UNKNOWN, NULL),
	REFUSED("emergency", SP_TRUNK_LIMIT_EMERGENCY, NULL),
	LIMIT("calls", SP_TRUNK_LIMIT_CALLS, "Limits of the trunk that are set."),
	LIMIT("calls_in", SP_TRUNK_LIMIT_CALLS_IN, NULL),
	LIMIT("calls_out", SP_TRUNK_LIMIT_CALLS_OUT, NULL),
	LIMIT("calls_per_s", SP_TRUNK_LIMIT_RATE, NULL),
	LIMIT("calls_in_per_s", SP_TRUNK_LIMIT_RATE_IN, NULL),
	LIMIT("calls_out_per_s", SP_TRUNK_LIMIT_RATE_OUT, NULL),
	LIMIT("source_calls_per_s", SP_TRUNK_LIMIT_RATE_SOURCE, NULL),
	LIMIT("unknown_per_minute", SP_TRUNK_LIMIT_UNKNOWN, NULL),
	LIMIT("emergency", SP_TRUNK_LIMIT_EMERGENCY, NULL),
	F("connections.accepted", connections, STATUS_NUMBER, "trunk_accepted_connections", NULL,
	  NULL, "TLS connections that the peer opened."),
	F("connections.limit", connections_max, STATUS_NUMBER, "trunk_accepted_connections_limit",
	  NULL, NULL, "Most of them."),
	F("connections.refused", conns_refused, STATUS_NUMBER, "trunk_refused_connections_total",
	  NULL, NULL, "Connections of the peer that a limit refused."),
	F("connections.unreadable", messages_refused, STATUS_NUMBER,
	  "trunk_unreadable_connections_total", NULL, NULL,
	  "Connections closed because what came cannot be read as SIP."),
	F("numbers", numbers, STATUS_NUMBER, "trunk_number_rules", NULL, NULL,
	  "Exact numbers, ranges and prefixes that lead to the trunk."),
};
#undef STATUS_OBJECT

#define STATUS_OBJECT app_status_target
static const struct status_field target[] = {
	F("target", label, STATUS_STRING, NO_METRIC),
	F("entry", entry, STATUS_STRING, NO_METRIC),
	F("address", address, STATUS_STRING, NO_METRIC),
	F("priority", priority, STATUS_NUMBER, NO_METRIC),
	F("weight", weight, STATUS_NUMBER, NO_METRIC),
	F("state", state, STATUS_STRING, NO_METRIC),
	F("why", why, STATUS_STRING, NO_METRIC),
	F(NULL, up, STATUS_BOOL, "target_up", NULL, NULL,
	  "1 when the target is up, 0 when it is down, being probed or not known yet."),
	F("since_ms", since_ms, STATUS_MILLI, "target_state_seconds", NULL, NULL,
	  "How long the target has been in its state."),
	F("connections", connections, STATUS_NUMBER, "target_connections", NULL, NULL,
	  "TLS connections to the target that are up."),
	F("pending", pending, STATUS_NUMBER, "target_pending_requests", NULL, NULL,
	  "SIP requests in progress on them."),
	F("retry_after_s", busy_s, STATUS_NUMBER, "target_retry_after_seconds", NULL, NULL,
	  "How long the target still wants to be left alone (503 with Retry-After)."),
	F("calls", picked, STATUS_NUMBER, "target_calls_total", NULL, NULL,
	  "Calls sent to the target."),
	F("failures", failures, STATUS_NUMBER, "target_failures_total", NULL, NULL,
	  "Connects, OPTIONS and calls that the target left without an answer."),
	F("options_ms", options_ms, STATUS_MAYBE, "target_options_seconds", NULL, NULL,
	  "How long the last OPTIONS took to be answered."),
};
#undef STATUS_OBJECT

#define STATUS_OBJECT app_status_cert
static const struct status_field cert[] = {
	F("file", file, STATUS_STRING, NO_METRIC),
	F("kind", kind, STATUS_STRING, NO_METRIC),
	F("use", use, STATUS_STRING, NO_METRIC),
	F("subject", subject, STATUS_STRING, NO_METRIC),
	F("names", names, STATUS_STRING, NO_METRIC),
	F("expires", expires_s, STATUS_LIMIT, "certificate_expiry_timestamp_seconds", NULL, NULL,
	  "When what is in the file expires, in seconds since 1970; of several, the first, but no "
	  "CA that has expired beside others."),
	F("days_left", days_left, STATUS_NUMBER, NO_METRIC),
};
#undef STATUS_OBJECT

#define STATUS_OBJECT app_status_call
static const struct status_field call[] = {
	F("id", id, STATUS_STRING, NO_METRIC),
	F("from", from, STATUS_STRING, NO_METRIC),
	F("to", to, STATUS_STRING, NO_METRIC),
	F("caller", caller, STATUS_STRING, NO_METRIC),
	F("callee", callee, STATUS_STRING, NO_METRIC),
	F("state", state, STATUS_STRING, NO_METRIC),
	F("emergency", emergency, STATUS_BOOL, NO_METRIC),
	F("age_ms", age_ms, STATUS_NUMBER, NO_METRIC),
	F("talk_ms", talk_ms, STATUS_NUMBER, NO_METRIC),
	F("media", media, STATUS_STRING, NO_METRIC),
};
#undef STATUS_OBJECT

#define STATUS_OBJECT app_status_flow
static const struct status_field flow[] = {
	F("packets", packets, STATUS_NUMBER, NO_METRIC),
	F("bytes", bytes, STATUS_NUMBER, NO_METRIC),
	F("rtcp", rtcp, STATUS_NUMBER, NO_METRIC),
	F("relayed", relayed, STATUS_NUMBER, NO_METRIC),
	F("lost", lost, STATUS_NUMBER, NO_METRIC),
	F("late", late, STATUS_NUMBER, NO_METRIC),
	F("ssrcs", ssrcs, STATUS_NUMBER, NO_METRIC),
	F("idle_ms", idle_ms, STATUS_NUMBER, NO_METRIC),
	F("gap_ms", gap_ms, STATUS_NUMBER, NO_METRIC),
	F("jitter_us", jitter_us, STATUS_NUMBER, NO_METRIC),
	F("jitter_max_us", jitter_max_us, STATUS_NUMBER, NO_METRIC),
	F("rtt_us", rtt_us, STATUS_NUMBER, NO_METRIC),
	F("rtt_max_us", rtt_max_us, STATUS_NUMBER, NO_METRIC),
	F("far.told", far_told, STATUS_BOOL, NO_METRIC),
	F("far.lost", far_lost, STATUS_NUMBER, NO_METRIC),
	F("far.lost_percent", far_lost_percent, STATUS_NUMBER, NO_METRIC),
	F("far.jitter_us", far_jitter_us, STATUS_NUMBER, NO_METRIC),
	F("dropped.unauthentic", unauthentic, STATUS_NUMBER, NO_METRIC),
	F("dropped.duplicate", duplicate, STATUS_NUMBER, NO_METRIC),
	F("dropped.replayed", replayed, STATUS_NUMBER, NO_METRIC),
	F("dropped.expired", expired, STATUS_NUMBER, NO_METRIC),
	F("dropped.malformed", malformed, STATUS_NUMBER, NO_METRIC),
	F("dropped.foreign", foreign, STATUS_NUMBER, NO_METRIC),
	F("dropped.early", early, STATUS_NUMBER, NO_METRIC),
	F("dropped.unsent", unsent, STATUS_NUMBER, NO_METRIC),
	F("latched", latched, STATUS_NUMBER, NO_METRIC),
	F("shields", shields, STATUS_NUMBER, NO_METRIC),
};
#undef STATUS_OBJECT

#define FIELDS(v)                                                                                  \
	{                                                                                          \
		v, sizeof(v) / sizeof((v)[0])                                                      \
	}

const struct status_field *status_fields(enum status_scope scope, size_t *n)
{
	static const struct {
		const struct status_field *v;
		size_t n;
	} scopes[STATUS_SCOPES] = {
		[STATUS_GATEWAY] = FIELDS(gateway), [STATUS_INTERFACE] = FIELDS(interface),
		[STATUS_TRUNK] = FIELDS(trunk),     [STATUS_TARGET] = FIELDS(target),
		[STATUS_CERT] = FIELDS(cert),       [STATUS_CALL] = FIELDS(call),
		[STATUS_FLOW] = FIELDS(flow),
	};

	*n = scopes[scope].n;

	return scopes[scope].v;
}

uint64_t status_number(const void *obj, const struct status_field *f)
{
	uint64_t value;

	memcpy(&value, (const char *)obj + f->offset, sizeof(value));

	return value;
}

const char *status_string(const void *obj, const struct status_field *f)
{
	const char *value;

	memcpy(&value, (const char *)obj + f->offset, sizeof(value));

	return value;
}

struct status_objects status_objects(const struct app_status *s, enum status_scope scope)
{
	switch (scope) {

	case STATUS_INTERFACE:
		return (struct status_objects){(const char *)s->interfacev, s->interfacec,
					       sizeof(*s->interfacev)};
	case STATUS_TRUNK:
		return (struct status_objects){(const char *)s->trunkv, s->trunkc,
					       sizeof(*s->trunkv)};
	case STATUS_TARGET:
		return (struct status_objects){(const char *)s->targetv, s->targetc,
					       sizeof(*s->targetv)};
	case STATUS_CERT:
		return (struct status_objects){(const char *)s->certv, s->certc, sizeof(*s->certv)};
	case STATUS_CALL:
		return (struct status_objects){(const char *)s->callv, s->callc, sizeof(*s->callv)};
	case STATUS_FLOW:
		return (struct status_objects){(const char *)s->flowv, s->flowc, sizeof(*s->flowv)};

	case STATUS_GATEWAY:
	case STATUS_SCOPES:
		break;
	}

	return (struct status_objects){(const char *)&s->gateway, 1, sizeof(s->gateway)};
}
