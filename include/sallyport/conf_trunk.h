/* SPDX-License-Identifier: BSD-3-Clause
 *
 * conf/: the part of the configuration that describes one trunk. What a key
 * does not say, the trunk's profile says; docs/configuration.md has them all.
 */
#ifndef SALLYPORT_CONF_TRUNK_H
#define SALLYPORT_CONF_TRUNK_H

#include "sallyport/base_util.h"
#include "sallyport/conf_limits.h"
#include "sallyport/conf_rule.h"

enum {
	SP_CONF_IDENTITIES_MAX = 32,
	SP_CONF_TARGETS_MAX = 16,
	SP_CONF_PASS_MAX = 32, /**< names of headers in `pass`            */
	SP_CONF_EMERGENCY_MAX = 32,
	SP_CONF_ROUTES_MAX = 8,     /**< trunks that are tried one after the other */
	SP_CONF_NETWORKS_MAX = 64,  /**< of one list                               */
	SP_CONF_DIVERSIONS_MAX = 10 /**< entries of Diversion or History-Info sent */
};

enum sp_conf_kind { SP_TRUNK_CARRIER, SP_TRUNK_SERVICE };

enum sp_conf_profile {
	SP_PROFILE_GENERIC,
	SP_PROFILE_TEAMS_DIRECT_ROUTING,
	SP_PROFILE_OPERATOR_CONNECT,
	SP_PROFILE_ZOOM
};

/** An extension of SIP towards a trunk (RFC 3262, RFC 4028). */
enum sp_conf_use { SP_USE_OFF, SP_USE_SUPPORTED, SP_USE_REQUIRED };

/** REFER, and INVITE with Replaces, from the trunk (RFC 3515, 3891, 5589). */
enum sp_conf_transfer { SP_TRANSFER_REFUSE, SP_TRANSFER_RELAY, SP_TRANSFER_HANDLE };

/** Who is asked to refresh a session when the peer leaves it to us. */
enum sp_conf_refresher { SP_REFRESHER_ANY, SP_REFRESHER_GATEWAY, SP_REFRESHER_PEER };

/** With what we refresh; auto: UPDATE when the peer allows it, else re-INVITE. */
enum sp_conf_refresh { SP_REFRESH_AUTO, SP_REFRESH_UPDATE, SP_REFRESH_INVITE };

/** How hold is told to the trunk: as the other side wrote it, or as this. */
enum sp_conf_hold { SP_HOLD_RELAY, SP_HOLD_SENDONLY, SP_HOLD_INACTIVE };

/** 18x with a description from the trunk: as it is; as 180 without it; not at all. */
enum sp_conf_early_media { SP_EARLY_RELAY, SP_EARLY_RINGING, SP_EARLY_DROP };

/** In which header the trunk is told who diverted a call. */
enum sp_conf_diverted { SP_DIVERTED_DROP, SP_DIVERTED_DIVERSION, SP_DIVERTED_HISTORY_INFO };

/** How numbers are written to a trunk. */
enum sp_conf_format { SP_FORMAT_E164, SP_FORMAT_NATIONAL, SP_FORMAT_INTERNATIONAL };

/** RTCP on RTP's port (RFC 5761): never; where the peer offers it; offered by us, too. */
enum sp_conf_mux { SP_MUX_OFF, SP_MUX_ANSWER, SP_MUX_OFFER };

struct sp_conf_timer {
	enum sp_conf_use use;
	unsigned expires_s; /**< Session-Expires that we ask for       */
	unsigned min_s;     /**< Min-SE: less is refused with 422 (90) */
	enum sp_conf_refresher refresher;
	enum sp_conf_refresh refresh;
};

/** Numbers of a trunk; all strings are digits, "+" allowed in front, "" for none. */
struct sp_conf_numbering {
	const char *strip, *add;          /**< taken off, then put before, what comes in */
	const char *country;              /**< "44": national numbers belong there       */
	const char *national_prefix;      /**< "0"                                       */
	const char *international_prefix; /**< "00"                                      */
	enum sp_conf_format format;       /**< of what goes out                          */
	const char *strip_out, *add_out;  /**< then taken off, and put before            */
	bool user_phone;                  /**< ";user=phone" on E.164 numbers            */
};

/** With a port, or as a literal: just there. Else what SRV says of the name (RFC 3263 4.2). */
struct sp_conf_target {
	const char *host; /**< name, "_sip._tls.NAME", or address literal */
	uint16_t port;    /**< 5061 if not given       */
	bool port_given;  /**< it was written, not assumed */
	struct sp_conf_src src;
};

/** The name that a target is the service of: "_sip._tls.example.com" of "example.com". */
const char *sp_conf_target_name(const char *host);

struct sp_conf_trunk {
	const char *name;
	struct sp_conf_src src;
	enum sp_conf_kind kind;
	enum sp_conf_profile profile;
	unsigned interface; /**< index into sp_conf.interfacev                */
	const char *const *identityv;
	size_t identityc;
	bool wildcard;
	bool check_purpose;         /**< purpose = "strict" (default) | "any" */
	bool refuse_delayed;        /**< delayed_offer = "relay" (default) | "refuse" */
	struct sp_conf_path ca;     /**< path NULL: the public roots */
	struct sp_conf_pair client; /**< overrides the interface's; path NULL: not given */
	struct sp_conf_target targetv[SP_CONF_TARGETS_MAX];
	size_t targetc;     /**< may be 0: the peer connects to us */
	const char *domain; /**< host in From/To/request URI towards it; NULL: the target's */
	uint16_t carrierv[SP_CONF_ROUTES_MAX]; /**< service trunks: its carriers, best first */
	size_t carrierc;
	struct sp_conf_trunk_limits limits;
	struct sp_nets networks;       /**< where it may connect from           */
	struct sp_nets media_networks; /**< where its media may come from       */
	enum sp_conf_mux rtcp_mux;     /**< "off" | "answer" (default) | "offer"       */
	bool rekey_follow;             /**< rekey = "keep" (default) | "follow": a peer's new
					    key, or new address, makes us change ours too  */
	bool rekey_roc_keep;           /**< rekey_roc = "zero" (default) | "keep"          */
	struct sp_conf_path crl;       /**< path NULL: revocation is not looked at */
	unsigned connections;          /**< most accepted connections at once */
	unsigned target_connections;   /**< to each target, opened ahead           */
	bool reuse;                    /**< its connections serve requests to it (RFC 5923) */
	unsigned keepalive_s;          /**< CRLF CRLF on silent ones (RFC 5626); 0: never   */
	unsigned options_s;            /**< OPTIONS to each target this often; 0: never */
	unsigned options_timeout_s;    /**< unanswered after this                   */
	unsigned idle_s; /**< accepted connections without a message; 0: never closed */

	enum sp_conf_use reliable; /**< reliable_provisionals (RFC 3262) */
	struct sp_conf_timer timer;
	enum sp_conf_transfer transfer;
	bool follow_redirects; /**< redirect = "fail" (default) | "follow" */
	struct sp_conf_failover failover;
	enum sp_conf_hold hold;
	enum sp_conf_early_media early_media;

	bool trusted;       /**< of our trust domain (RFC 3325 2.4)              */
	bool pass_identity; /**< identity = "pass" (default) | "drop" (RFC 8224) */
	enum sp_conf_diverted diverted;
	const char *const *passv; /**< headers of the other side that may go to this trunk */
	size_t passc;
	const struct sp_conf_rule *rules_inv, *rules_outv;
	size_t rules_inc, rules_outc;
	struct sp_conf_numbering numbering;
	const char *const *emergencyv; /**< as dialled by this trunk: "112" */
	size_t emergencyc;
};

/** %H handler: the trunk's targets, with commas between them, or that it has none. */
int sp_conf_targets_print(struct re_printf *pf, const struct sp_conf_trunk *trunk);

#endif
