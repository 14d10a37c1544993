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
	{"calls",                  CONF_INTEGER, .min = 1,  .max = 100000, .def = 2000, AT(calls)},
	{"connections",            CONF_INTEGER, .min = 1,  .max = 100000, .def = 1000, AT(connections)},
	{"connections_per_source", CONF_INTEGER, .min = 1,  .max = 100000, .def = 20,   AT(connections_per_source)},
	{"handshakes",             CONF_INTEGER, .min = 1,  .max = 10000,  .def = 64,   AT(handshakes)},
	{"first_message_s",        CONF_INTEGER, .min = 1,  .max = 3600,   .def = 10,   AT(first_message_s)},
	{"ring_s",                 CONF_INTEGER, .min = 10, .max = 3600,   .def = 180,  AT(ring_s)},
	{"media_timeout_s",        CONF_INTEGER, .min = 0,  .max = 86400,  .def = 60,   AT(media_timeout_s)},
	{"drain_s",                CONF_INTEGER, .min = 0,  .max = 86400,  .def = 300,  AT(drain_s)},
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
#define AT(field) .offset = offsetof(struct draft_trunk, field)

static const struct conf_key trunk_keys[] = {
	{"name",        CONF_NAME,   true, AT(out.name)},
	{"kind",        CONF_CHOICE, true, .def = -1 /* not known */, AT(kind),
	 CHOICES("carrier", "service")},
	{"interface",   CONF_NAME,   true, AT(interface)},
	{"identities",  CONF_HOSTS,  true, .min = 1, .max = SP_CONF_IDENTITIES_MAX, AT(identities)},
	{"wildcard",    CONF_BOOL,   .def = 0, AT(out.wildcard)},
	{"purpose",     CONF_CHOICE, .def = 0, AT(purpose), CHOICES("strict", "any")},
	{"delayed_offer", CONF_CHOICE, .def = 0, AT(delayed_offer), CHOICES("relay", "refuse")},
	{"ca",          CONF_FILE,   AT(out.ca)},
	{"certificate", CONF_FILE,   AT(out.client.certificate)},
	{"key",         CONF_KEY_FILE, AT(out.client.key)},
	{"targets",     CONF_TARGETS, .min = 0, .max = SP_CONF_TARGETS_MAX},
	{"domain",      CONF_HOST,   AT(out.domain)},
	{"carrier",     CONF_NAME,   AT(carrier)},
	{"calls",       CONF_INTEGER, .min = 0, .max = 100000, .def = 0,  AT(calls)},
	{"connections", CONF_INTEGER, .min = 1, .max = 10000,  .def = 32, AT(connections)},
	{"options_s",   CONF_INTEGER, .min = 0, .max = 86400,  .def = 60, AT(options_s)},
	{"idle_s",      CONF_INTEGER, .min = 0, .max = 86400,  .def = 0,  AT(idle_s)},
};

#undef AT
#define AT(field) .offset = offsetof(struct draft_number, field)

static const struct conf_key number_keys[] = {
	{"number",  CONF_STRING, true, AT(out.number)},
	{"trunk",   CONF_STRING, true, AT(out.trunk)},
	{"carrier", CONF_STRING, AT(out.carrier)},
	{"account", CONF_STRING, AT(out.account)},
	{"headers", CONF_HEADERS, .min = 0, .max = SP_CONF_HEADERS_MAX},
	{"headers_to_carrier", CONF_BOOL, .def = 0, AT(out.headers_to_carrier)},
};

#undef AT
#define AT(field) .offset = offsetof(struct draft, field)

static const struct conf_group log_group = {TABLE(log_keys)};
static const struct conf_group limits_group = {TABLE(limits_keys)};
static const struct conf_group interface_group = {
	"name", TABLE(interface_keys), .size = sizeof(struct draft_interface)};
static const struct conf_group trunk_group = {
	"name", TABLE(trunk_keys), .size = sizeof(struct draft_trunk)};
static const struct conf_group number_group = {
	"number", TABLE(number_keys), .size = sizeof(struct draft_number)};

static const struct conf_key root_keys[] = {
	{"log",          CONF_GROUP, .group = &log_group},
	{"limits",       CONF_GROUP, .group = &limits_group},
	{"interfaces",   CONF_LIST, true, .min = 1, .max = SP_CONF_INTERFACES_MAX, AT(interfaces),
	 .group = &interface_group},
	{"trunks",       CONF_LIST, true, .min = 1, .max = SP_CONF_TRUNKS_MAX, AT(trunks),
	 .group = &trunk_group},
	{"numbers",      CONF_LIST, .min = 0, .max = CONF_NUMBERS_MAX, AT(numbers),
	 .group = &number_group},
	{"number_files", CONF_FILES, .min = 0, .max = CONF_NUMBER_FILES_MAX, AT(number_files)},
};

const struct conf_group conf_schema = {TABLE(root_keys)};
/* clang-format on */
