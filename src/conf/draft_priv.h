/* SPDX-License-Identifier: BSD-3-Clause
 *
 * conf/, private: the schema, which says what keys there are, and the drafts,
 * which the reader fills along it. Offsets in the schema point into drafts.
 */
#ifndef SALLYPORT_CONF_DRAFT_PRIV_H
#define SALLYPORT_CONF_DRAFT_PRIV_H

#include "sallyport/conf.h"

struct config_setting_t; /* libconfig's */
struct conf_reader;

/* schema.c */
enum conf_type {
	CONF_INTEGER,             /**< int, or unsigned         */
	CONF_BOOL,                /**< bool                     */
	CONF_CHOICE,              /**< int, index into choicev  */
	CONF_STRING,              /**< const char *             */
	CONF_NAME,                /**< const char *             */
	CONF_HOST,                /**< const char *, DNS name   */
	CONF_HOST_ADDRESS,        /**< const char *             */
	CONF_ADDRESS,             /**< struct sa, port 0        */
	CONF_FILE,                /**< struct sp_conf_path      */
	CONF_KEY_FILE,            /**< struct sp_conf_path      */
	CONF_PATHS,               /**< struct draft_list of struct sp_conf_path */
	CONF_HOSTS,               /**< struct draft_list of const char *        */
	CONF_PORTS,               /**< int[2]                   */
	CONF_TARGETS,             /**< struct draft_trunk       */
	CONF_HEADERS,             /**< struct draft_number      */
	CONF_DIGITS,              /**< const char *             */
	CONF_PLUS_DIGITS,         /**< const char *, "+" allowed in front       */
	CONF_DIALLED,             /**< struct draft_list of const char *        */
	CONF_CODES,               /**< struct draft_trunk       */
	CONF_NAMES,               /**< struct draft_list of const char *        */
	CONF_STRINGS,             /**< struct draft_list of const char *        */
	CONF_NETWORKS,            /**< struct sp_nets           */
	CONF_SERVERS,             /**< struct draft_list of const char *        */
	CONF_ACCOUNT,             /**< const char *, as number entries have it  */
	CONF_SOCKET,              /**< struct sp_conf_path, path "" for none    */
	CONF_HEADER_NAMES,        /**< struct draft_list of const char *        */
	CONF_HEADER_WRITTEN_NAME, /**< const char *        */
	CONF_HEADER_READ_NAME,    /**< const char *        */
	CONF_TEMPLATE,            /**< const char *             */
	CONF_METHODS,             /**< struct draft_rule        */
	CONF_STATUSES,            /**< struct draft_rule        */
	CONF_GROUP,               /**< into the same draft      */
	CONF_LIST                 /**< struct draft_list of drafts */
};

struct conf_group;

struct conf_key {
	const char *name;
	enum conf_type type;
	bool required;
	bool or_zero; /**< of an integer: 0 is possible too, below min */
	int min, max; /**< of an integer, or how many elements or digits */
	int def;      /**< of an integer, bool or choice */
	size_t offset;
	const char *const *choicev; /**< ends in NULL */
	const struct conf_group *group;
};

/** Members that are read before those of the file, which have the last word. */
typedef const struct config_setting_t *(conf_preset_h)(struct conf_reader *rd,
						       const struct config_setting_t *s);
/** What must hold between the members of s; the key path is that of s. */
typedef void(conf_check_h)(struct conf_reader *rd, const struct config_setting_t *s, void *draft);

struct conf_group {
	const char *label; /**< the key that names an element of a list of these, or NULL */
	const struct conf_key *keyv;
	size_t keyc;
	size_t size; /**< of a list element's draft */
	conf_preset_h *preseth;
	conf_check_h *checkh;
};

extern const struct conf_group conf_schema;
extern const struct conf_group conf_trunk_group;

/* Drafts: what the tables' offsets point into. */
struct draft_list {
	void *v;
	size_t c;
};

struct draft_head {
	const struct config_setting_t *setting;
	struct sp_conf_src src;
	bool bad; /**< it had a mistake */
};

struct draft_interface {
	struct draft_head head;
	struct sp_conf_interface out;
	int sip_port, ports[2];
};

struct draft_rule {
	struct draft_head head;
	struct sp_conf_rule out;
	int action;
};

struct draft_trunk {
	struct draft_head head;
	struct sp_conf_trunk out;
	const char *interface;
	int limit_status;
	struct draft_list carriers, identities, pass, emergency, rules_in, rules_out;
	int kind, profile, purpose, delayed_offer;
	int reliable, timer, refresher, refresh;
	int transfer, redirect, hold, early_media, identity, diverted, format;
	int rtcp_mux, rekey, rekey_roc;
};

struct draft_number {
	struct draft_head head;
	struct sp_conf_number out;
	struct draft_list trunks, carriers, holes;
};

struct draft_account {
	struct draft_head head;
	struct sp_conf_account out;
};

struct draft {
	int level, numbers_shown;
	struct sp_conf_limits limits;
	struct sp_conf_dns dns;
	struct sp_conf_overload overload;
	bool sandbox;
	struct sp_conf_path status_socket; /**< path NULL: not given */
	struct draft_list dns_servers;
	struct draft_list interfaces, trunks, numbers, number_files, accounts, account_files;
};

#endif
