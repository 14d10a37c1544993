/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every key of the configuration: its name, type, range and default. The
 * reader walks these tables; tests hold the example and the reference page
 * against them.
 */
#include <stddef.h>
#include <re.h>
#include "conf_priv.h"

#define TABLE(t) .keyv = (t), .keyc = sizeof(t) / sizeof((t)[0])
#define CHOICES(...)                                                                               \
	.choicev = (const char *const[])                                                           \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

/* clang-format off */
#define AT(field) .offset = offsetof(struct draft, field)

static const struct conf_key log_keys[] = {
	{"level",   CONF_CHOICE, .def = SP_LOG_INFO, AT(level),
	 CHOICES("error", "warn", "info", "debug")},
	{"numbers", CONF_CHOICE, .def = 0, AT(numbers_shown), CHOICES("masked", "full")},
};

static const struct conf_key limits_keys[] = {
	{"calls",                  CONF_INTEGER, .min = 1,  .max = 100000, .def = 2000, AT(limits.calls)},
	{"connections",            CONF_INTEGER, .min = 1,  .max = 100000, .def = 1000, AT(limits.connections)},
	{"connections_per_source", CONF_INTEGER, .min = 1,  .max = 100000, .def = 20,   AT(limits.connections_per_source)},
	{"handshakes",             CONF_INTEGER, .min = 1,  .max = 10000,  .def = 64,   AT(limits.handshakes)},
	{"handshakes_per_source_s",     CONF_INTEGER, .min = 0, .max = 100000, .def = 20,  AT(limits.handshakes_source.per_s)},
	{"handshakes_per_source_burst", CONF_INTEGER, .min = 0, .max = 100000, .def = 100, AT(limits.handshakes_source.burst)},
	{"message_s",              CONF_INTEGER, .min = 1,  .max = 3600,   .def = 10,   AT(limits.message_s)},
	{"first_message_s",        CONF_INTEGER, .min = 1,  .max = 3600,   .def = 10,   AT(limits.first_message_s)},
	{"ring_s",                 CONF_INTEGER, .min = 10, .max = 3600,   .def = 180,  AT(limits.ring_s)},
	{"media_timeout_s",        CONF_INTEGER, .min = 0,  .max = 86400,  .def = 60,   AT(limits.media_timeout_s)},
	{"port_rest_s",            CONF_INTEGER, .min = 0,  .max = 60,     .def = 5,    AT(limits.port_rest_s)},
	{"drain_s",                CONF_INTEGER, .min = 0,  .max = 86400,  .def = 300,  AT(limits.drain_s)},
	{"calls_per_account",      CONF_INTEGER, .min = 0,  .max = 100000, .def = 0,    AT(limits.account_calls)},
	{"account_calls_per_s",    CONF_INTEGER, .min = 0,  .max = 100000, .def = 0,    AT(limits.account_rate.per_s)},
	{"account_calls_burst",    CONF_INTEGER, .min = 0,  .max = 100000, .def = 0,    AT(limits.account_rate.burst)},
};

static const struct conf_key dns_keys[] = {
	{"servers",   CONF_SERVERS, .min = 0, .max = CONF_DNS_SERVERS_MAX, AT(dns_servers)},
	{"ttl_min_s", CONF_INTEGER, .min = 1, .max = 3600,  .def = 30,   AT(dns.ttl_min_s)},
	{"ttl_max_s", CONF_INTEGER, .min = 1, .max = 86400, .def = 3600, AT(dns.ttl_max_s)},
};

static const struct conf_key overload_keys[] = {
	{"lag_ms",        CONF_INTEGER, .min = 0, .max = 10000,   .def = 50, AT(overload.lag_ms)},
	{"cpu_percent",   CONF_INTEGER, .min = 0, .max = 100,     .def = 90, AT(overload.cpu_percent)},
	{"memory_mb",     CONF_INTEGER, .min = 0, .max = 1048576, .def = 0,  AT(overload.memory_mb)},
	{"ports_percent", CONF_INTEGER, .min = 0, .max = 100,     .def = 95, AT(overload.ports_percent)},
};

static const struct conf_key status_keys[] = {
	{"socket", CONF_SOCKET, AT(status_socket)},
};

#undef AT
#define AT(field) .offset = offsetof(struct draft_interface, field)

static const struct conf_key sip_keys[] = {
	{"address",   CONF_ADDRESS, true, AT(out.sip)},
	{"port",      CONF_INTEGER, .min = 1, .max = 65535, .def = 5061, AT(sip_port)},
	{"advertise", CONF_HOST_ADDRESS, AT(out.sip_advertise)},
};

static const struct conf_key tls_keys[] = {
	{"certificate",        CONF_FILE,     true, AT(out.server.certificate)},
	{"key",                CONF_KEY_FILE, true, AT(out.server.key)},
	{"client_certificate", CONF_FILE,     AT(out.client.certificate)},
	{"client_key",         CONF_KEY_FILE, AT(out.client.key)},
};

static const struct conf_key media_keys[] = {
	{"address",   CONF_ADDRESS, true, AT(out.media)},
	{"advertise", CONF_ADDRESS, AT(out.media_advertise)},
	{"ports",     CONF_PORTS,   true, .min = 1024, .max = 65535, AT(ports)},
	{"dscp",      CONF_INTEGER, .min = 0, .max = 63, .def = -1, AT(out.dscp)},
};

static const struct conf_group sip_group = {TABLE(sip_keys)};
static const struct conf_group tls_group = {TABLE(tls_keys)};
static const struct conf_group media_group = {TABLE(media_keys)};

static const struct conf_key interface_keys[] = {
	{"name",  CONF_NAME,  true, AT(out.name)},
	{"sip",   CONF_GROUP, true, .group = &sip_group},
	{"tls",   CONF_GROUP, true, .group = &tls_group},
	{"media", CONF_GROUP, true, .group = &media_group},
};

#undef AT
#define AT(field) .offset = offsetof(struct draft_rule, field)

static const struct conf_key when_keys[] = {
	{"method",  CONF_METHODS,  .min = 1, .max = SP_CONF_RULE_METHODS_MAX},
	{"status",  CONF_STATUSES, .min = 1, .max = SP_CONF_RULE_METHODS_MAX},
	{"header",  CONF_HEADER_READ_NAME, AT(out.when.header)},
	{"matches", CONF_STRING,   AT(out.when.matches)},
	{"account", CONF_STRING,   AT(out.when.account)},
};

static const struct conf_group when_group = {TABLE(when_keys)};

static const struct conf_key rule_keys[] = {
	{"action", CONF_CHOICE, true, .def = SP_RULE_ADD, AT(action),
	 CHOICES("add", "set", "remove", "copy")},
	{"header", CONF_HEADER_WRITTEN_NAME, true, AT(out.header)},
	{"value",  CONF_TEMPLATE, AT(out.value)},
	{"from",   CONF_HEADER_READ_NAME, AT(out.from)},
	{"when",   CONF_GROUP, .group = &when_group},
};

static const struct conf_group rule_group = {
	TABLE(rule_keys), .size = sizeof(struct draft_rule), .checkh = conf_check_rule};

#undef AT
#define AT(field) .offset = offsetof(struct draft_trunk, field)

static const struct conf_key numbering_keys[] = {
	{"strip",                CONF_PLUS_DIGITS, .max = 15, AT(out.numbering.strip)},
	{"add",                  CONF_PLUS_DIGITS, .max = 15, AT(out.numbering.add)},
	{"country",              CONF_DIGITS, .min = 1, .max = 3, AT(out.numbering.country)},
	{"national_prefix",      CONF_DIGITS, .max = 15, AT(out.numbering.national_prefix)},
	{"international_prefix", CONF_DIGITS, .max = 15, AT(out.numbering.international_prefix)},
	{"format",               CONF_CHOICE, .def = SP_FORMAT_E164, AT(format),
	 CHOICES("e164", "national", "international")},
	{"strip_out",            CONF_PLUS_DIGITS, .max = 15, AT(out.numbering.strip_out)},
	{"add_out",              CONF_PLUS_DIGITS, .max = 15, AT(out.numbering.add_out)},
	{"user_phone",           CONF_BOOL, .def = 1, AT(out.numbering.user_phone)},
};

static const struct conf_group numbering_group = {TABLE(numbering_keys)};

static const struct conf_key trunk_keys[] = {
	{"name",        CONF_NAME,   true, AT(out.name)},
	{"kind",        CONF_CHOICE, true, .def = -1 /* not known */, AT(kind),
	 CHOICES("carrier", "service")},
	{"profile",     CONF_CHOICE, .def = SP_PROFILE_GENERIC, AT(profile),
	 CHOICES("generic", "teams-direct-routing", "operator-connect", "zoom")},
	{"interface",   CONF_NAME,   true, AT(interface)},
	{"identities",  CONF_HOSTS,  true, .min = 1, .max = SP_CONF_IDENTITIES_MAX, AT(identities)},
	{"wildcard",    CONF_BOOL,   .def = 0, AT(out.wildcard)},
	{"purpose",     CONF_CHOICE, .def = 0, AT(purpose), CHOICES("strict", "any")},
	{"ca",          CONF_FILE,   AT(out.ca)},
	{"certificate", CONF_FILE,   AT(out.client.certificate)},
	{"key",         CONF_KEY_FILE, AT(out.client.key)},
	{"targets",     CONF_TARGETS, .min = 0, .max = SP_CONF_TARGETS_MAX},
	{"domain",      CONF_HOST,   AT(out.domain)},
	{"carrier",     CONF_NAMES,  .min = 1, .max = SP_CONF_ROUTES_MAX, AT(carriers)},
	{"networks",       CONF_NETWORKS, .min = 0, .max = SP_CONF_NETWORKS_MAX, AT(out.networks)},
	{"media_networks", CONF_NETWORKS, .min = 0, .max = SP_CONF_NETWORKS_MAX, AT(out.media_networks)},
	{"crl",         CONF_FILE,   AT(out.crl)},

	{"calls",              CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.limits.calls)},
	{"calls_in",           CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.limits.calls_in)},
	{"calls_out",          CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.limits.calls_out)},
	{"calls_per_s",        CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.limits.rate.per_s)},
	{"calls_burst",        CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.limits.rate.burst)},
	{"calls_in_per_s",     CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.limits.rate_in.per_s)},
	{"calls_in_burst",     CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.limits.rate_in.burst)},
	{"calls_out_per_s",    CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.limits.rate_out.per_s)},
	{"calls_out_burst",    CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.limits.rate_out.burst)},
	{"source_calls_per_s", CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.limits.rate_source.per_s)},
	{"source_calls_burst", CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.limits.rate_source.burst)},
	{"unknown_per_minute", CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.limits.unknown_per_minute)},
	{"limit_status",       CONF_INTEGER, .min = 400, .max = 699, .def = 503, AT(limit_status)},

	{"connections",        CONF_INTEGER, .min = 1, .max = 10000, .def = 32, AT(out.connections)},
	{"target_connections", CONF_INTEGER, .min = 1, .max = 8,     .def = 2,  AT(out.target_connections)},
	{"reuse",              CONF_BOOL,    .def = 1, AT(out.reuse)},
	{"keepalive_s",        CONF_INTEGER, .or_zero = true, .min = 5, .max = 3600, .def = 90, AT(out.keepalive_s)},
	{"options_s",          CONF_INTEGER, .min = 0, .max = 86400, .def = 60, AT(out.options_s)},
	{"options_timeout_s",  CONF_INTEGER, .min = 1, .max = 60,    .def = 5,  AT(out.options_timeout_s)},
	{"idle_s",             CONF_INTEGER, .min = 0, .max = 86400, .def = 0,  AT(out.idle_s)},

	{"delayed_offer", CONF_CHOICE, .def = 0, AT(delayed_offer), CHOICES("relay", "refuse")},
	{"reliable_provisionals", CONF_CHOICE, .def = SP_USE_SUPPORTED, AT(reliable),
	 CHOICES("off", "supported", "required")},
	{"session_timer", CONF_CHOICE, .def = SP_USE_SUPPORTED, AT(timer),
	 CHOICES("off", "supported", "required")},
	{"session_expires_s", CONF_INTEGER, .min = 90, .max = 86400, .def = 1800, AT(out.timer.expires_s)},
	{"session_min_s",     CONF_INTEGER, .min = 90, .max = 86400, .def = 90,   AT(out.timer.min_s)},
	{"session_refresher", CONF_CHOICE, .def = SP_REFRESHER_ANY, AT(refresher),
	 CHOICES("any", "gateway", "peer")},
	{"session_refresh", CONF_CHOICE, .def = SP_REFRESH_AUTO, AT(refresh),
	 CHOICES("auto", "update", "invite")},
	{"transfer",    CONF_CHOICE, .def = SP_TRANSFER_REFUSE, AT(transfer),
	 CHOICES("refuse", "relay", "handle")},
	{"redirect",    CONF_CHOICE, .def = 0, AT(redirect), CHOICES("fail", "follow")},
	{"failover",    CONF_CODES, .min = 0, .max = SP_CONF_FAILOVER_MAX},
	{"response_s",     CONF_INTEGER, .min = 1, .max = 60,  .def = 4,  AT(out.failover.response_s)},
	{"progress_s",     CONF_INTEGER, .min = 0, .max = 300, .def = 20, AT(out.failover.progress_s)},
	{"failover_s",     CONF_INTEGER, .min = 1, .max = 600, .def = 30, AT(out.failover.total_s)},
	{"failover_tries", CONF_INTEGER, .min = 1, .max = 16,  .def = 4,  AT(out.failover.tries)},
	{"failover_early_media", CONF_BOOL, .def = 0, AT(out.failover.early_media)},
	{"hold",        CONF_CHOICE, .def = SP_HOLD_RELAY, AT(hold),
	 CHOICES("relay", "sendonly", "inactive")},
	{"early_media", CONF_CHOICE, .def = SP_EARLY_RELAY, AT(early_media),
	 CHOICES("relay", "ringing", "drop")},
	{"rtcp_mux",    CONF_CHOICE, .def = SP_MUX_ANSWER, AT(rtcp_mux), CHOICES("off", "answer", "offer")},
	{"rekey",       CONF_CHOICE, .def = 0, AT(rekey), CHOICES("keep", "follow")},
	{"rekey_roc",   CONF_CHOICE, .def = 0, AT(rekey_roc), CHOICES("zero", "keep")},

	{"trusted",     CONF_BOOL,   .def = 0, AT(out.trusted)},
	{"identity",    CONF_CHOICE, .def = 0, AT(identity), CHOICES("pass", "drop")},
	{"diverted",    CONF_CHOICE, .def = SP_DIVERTED_DROP, AT(diverted),
	 CHOICES("drop", "diversion", "history-info")},
	{"pass",        CONF_HEADER_NAMES, .min = 0, .max = SP_CONF_PASS_MAX, AT(pass)},
	{"headers_in",  CONF_LIST, .min = 0, .max = SP_CONF_RULES_MAX, AT(rules_in),
	 .group = &rule_group},
	{"headers_out", CONF_LIST, .min = 0, .max = SP_CONF_RULES_MAX, AT(rules_out),
	 .group = &rule_group},
	{"numbering",   CONF_GROUP, .group = &numbering_group},
	{"emergency",   CONF_DIALLED, .min = 0, .max = SP_CONF_EMERGENCY_MAX, AT(emergency)},
};

#undef AT
#define AT(field) .offset = offsetof(struct draft_number, field)

static const struct conf_key number_keys[] = {
	{"number",  CONF_STRING, true, AT(out.number)},
	{"holes",   CONF_STRINGS, .min = 0, .max = SP_CONF_HOLES_MAX, AT(holes)},
	{"trunk",   CONF_NAMES,  true, .min = 1, .max = SP_CONF_ROUTES_MAX, AT(trunks)},
	{"carrier", CONF_NAMES,  .min = 1, .max = SP_CONF_ROUTES_MAX, AT(carriers)},
	{"account", CONF_STRING, AT(out.account)},
	{"label",   CONF_STRING, AT(out.label)},
	{"enabled_from", CONF_STRING, AT(out.enabled_from)},
	{"enabled_to",   CONF_STRING, AT(out.enabled_to)},
	{"caller_id",    CONF_STRING, AT(out.caller_id)},
	{"location",     CONF_STRING, AT(out.location)},
	{"headers", CONF_HEADERS, .min = 0, .max = SP_CONF_HEADERS_MAX},
	{"headers_to_carrier", CONF_BOOL, .def = 0, AT(out.headers_to_carrier)},
};

#undef AT
#define AT(field) .offset = offsetof(struct draft_account, field)

static const struct conf_key account_keys[] = {
	{"name",        CONF_ACCOUNT, true, AT(out.name)},
	{"main_number", CONF_STRING,  AT(out.main_number)},
	{"calls",       CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.calls)},
	{"calls_per_s", CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.rate.per_s)},
	{"calls_burst", CONF_INTEGER, .min = 0, .max = 100000, .def = 0, AT(out.rate.burst)},
};

#undef AT
#define AT(field) .offset = offsetof(struct draft, field)

static const struct conf_group log_group = {TABLE(log_keys)};
static const struct conf_group limits_group = {TABLE(limits_keys), .checkh = conf_check_limits};
static const struct conf_group dns_group = {TABLE(dns_keys), .checkh = conf_check_dns};
static const struct conf_group overload_group = {TABLE(overload_keys)};
static const struct conf_group status_group = {TABLE(status_keys)};
static const struct conf_group interface_group = {
	"name", TABLE(interface_keys), .size = sizeof(struct draft_interface)};
const struct conf_group conf_trunk_group = {
	"name", TABLE(trunk_keys), .size = sizeof(struct draft_trunk),
	.preseth = conf_profile_tree, .checkh = conf_check_trunk};
static const struct conf_group number_group = {
	"number", TABLE(number_keys), .size = sizeof(struct draft_number)};
static const struct conf_group account_group = {
	"name", TABLE(account_keys), .size = sizeof(struct draft_account),
	.checkh = conf_check_account};

static const struct conf_key root_keys[] = {
	{"log",          CONF_GROUP, .group = &log_group},
	{"limits",       CONF_GROUP, .group = &limits_group},
	{"dns",          CONF_GROUP, .group = &dns_group},
	{"overload",     CONF_GROUP, .group = &overload_group},
	{"status",       CONF_GROUP, .group = &status_group},
	{"sandbox",      CONF_BOOL, .def = 1, AT(sandbox)},
	{"interfaces",   CONF_LIST, true, .min = 1, .max = SP_CONF_INTERFACES_MAX, AT(interfaces),
	 .group = &interface_group},
	{"trunks",       CONF_LIST, true, .min = 1, .max = SP_CONF_TRUNKS_MAX, AT(trunks),
	 .group = &conf_trunk_group},
	{"numbers",      CONF_LIST, .min = 0, .max = CONF_NUMBERS_MAX, AT(numbers),
	 .group = &number_group},
	{"number_files", CONF_PATHS, .min = 0, .max = CONF_NUMBER_FILES_MAX, AT(number_files)},
	{"accounts",     CONF_LIST, .min = 0, .max = SP_CONF_ACCOUNTS_MAX, AT(accounts),
	 .group = &account_group},
	{"account_files", CONF_PATHS, .min = 0, .max = CONF_NUMBER_FILES_MAX, AT(account_files)},
};

const struct conf_group conf_schema = {TABLE(root_keys)};
/* clang-format on */
