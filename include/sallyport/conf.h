/* SPDX-License-Identifier: BSD-3-Clause
 *
 * conf/: the configuration file into one immutable, typed, checked value.
 * docs/configuration.md describes every key; the schema tables of src/conf/
 * are the one place that knows names, types, ranges and defaults.
 */
#ifndef SALLYPORT_CONF_H
#define SALLYPORT_CONF_H

#include <re.h>

#include "sallyport/base_log.h"
#include "sallyport/conf_trunk.h"

enum {
	SP_CONF_INTERFACES_MAX = 32,
	SP_CONF_TRUNKS_MAX = 1024,
	SP_CONF_HEADERS_MAX = 100,  /**< custom headers of one number entry */
	SP_CONF_HOLES_MAX = 64,     /**< of one block of numbers            */
	SP_CONF_MISTAKES_MAX = 1000 /**< reported in one go; the rest is counted */
};

/** Everything that is wrong, in the order found. */
struct sp_report;

int sp_report_alloc(struct sp_report **rp);

/** Add a mistake. key, value and mend are copied; value may be NULL. mend: re_printf format. */
void sp_report_add(struct sp_report *r, const struct sp_conf_src *src, const char *key,
		   const char *value, const char *mend, ...);

/** Add a note: worth saying at --check, not a mistake. */
void sp_report_note(struct sp_report *r, const struct sp_conf_src *src, const char *key,
		    const char *value, const char *text, ...);

/** As new: without memory files seem to be what they are not, so what was found is not so. */
void sp_report_clear(struct sp_report *r);

unsigned sp_report_mistakes(const struct sp_report *r);

/** Calls h with each line, "FILE:LINE: KEY = VALUE: MEND" (notes: "FILE:LINE: note: ..."). */
typedef void(sp_report_line_h)(bool mistake, const char *line, void *arg);
void sp_report_print(const struct sp_report *r, sp_report_line_h *h, void *arg);

struct sp_conf_interface {
	const char *name;
	struct sp_conf_src src;
	struct sa sip;              /**< listen address and port                      */
	const char *sip_advertise;  /**< host name or address in Via, Contact, From; v6 in [] */
	struct sp_conf_pair server; /**< shown to those who connect to us             */
	struct sp_conf_pair client; /**< shown when we connect; the server's if not given */
	struct sa media;            /**< bind address of media, port unused           */
	struct sa media_advertise;  /**< in SDP; the bind address if not given        */
	uint16_t port_min, port_max;
	int dscp; /**< -1: not set; media packets        */
};

struct sp_conf_header {
	const char *name, *value;
};

/** A number entry as written in the file; number/ checks and keeps it. */
struct sp_conf_number {
	struct sp_conf_src src;
	unsigned index;                       /**< in "numbers" of the file */
	const char *number, *account, *label; /**< NULL: not given, as below */
	const char *enabled_from, *enabled_to, *caller_id, *location;
	const char *const *holev;
	size_t holec;
	const char *trunkv[SP_CONF_ROUTES_MAX], *carrierv[SP_CONF_ROUTES_MAX]; /**< best first */
	size_t trunkc, carrierc;
	bool headers_to_carrier;
	const struct sp_conf_header *headerv;
	size_t headerc;
};

struct sp_conf {
	const char *file;
	const struct sp_conf_interface *interfacev;
	size_t interfacec;
	const struct sp_conf_trunk *trunkv;
	size_t trunkc;
	const struct sp_conf_number *numberv;
	size_t numberc;
	const struct sp_conf_path *number_filev, *account_filev; /**< files or directories */
	size_t number_filec, account_filec;
	const struct sp_conf_account *accountv;
	size_t accountc;
	struct sp_conf_limits limits;
	struct sp_conf_dns dns;
	struct sp_conf_overload overload;
	struct sp_conf_path status_socket; /**< path NULL: none */
	enum sp_log_level log_level;
	bool log_full_numbers;
	bool sandbox; /**< of system calls; at the start only */
};

/**
 * Read and check the file. Everything wrong goes into the report; what needs
 * other rooms (certificates, number entries) the caller checks afterwards.
 * @param cp set, also when there are mistakes, if the file could be parsed at all
 * @return 0, EINVAL (mistakes), errno of opening the file (also reported), ENOMEM
 */
int sp_conf_load(struct sp_conf **cp, const char *file, struct sp_report *r);

/**
 * A setting of a trunk that is in force, as the file would write it.
 * @param key    "hold", "numbering.country"
 * @param value  NULL: it is not set
 * @param origin "FILE:LINE", "profile NAME" or "default"
 */
typedef void(sp_conf_setting_h)(const char *trunk, const char *key, const char *value,
				const char *origin, void *arg);

/**
 * Read the file once more and tell every setting of every trunk, in the order
 * of the schema. For `--check --verbose`: a snapshot does not keep where its
 * values come from.
 * @return 0, EINVAL (mistakes: nothing is told), errno of opening the file, ENOMEM
 */
int sp_conf_settings(const char *file, sp_conf_setting_h *h, void *arg);

/** The name that word was probably meant to be, or NULL. */
const char *sp_conf_near(const char *word, const char *const *namev, size_t namec);

#endif
