/* SPDX-License-Identifier: BSD-3-Clause
 *
 * conf/: the parts of the configuration that say how much, how long and how
 * often. docs/configuration.md has all keys.
 */
#ifndef SALLYPORT_CONF_LIMITS_H
#define SALLYPORT_CONF_LIMITS_H

#include "sallyport/conf_common.h"

enum { SP_CONF_FAILOVER_MAX = 16, SP_CONF_ACCOUNTS_MAX = 10000 };

struct sp_conf_limits {
	unsigned calls;                        /**< at once, in all                              */
	unsigned connections;                  /**< accepted at once, in all                     */
	unsigned connections_per_source;       /**< accepted at once from one address            */
	unsigned handshakes;                   /**< TLS handshakes in progress, per interface    */
	struct sp_conf_rate handshakes_source; /**< new connections of one address       */
	unsigned message_s;       /**< from a message's first byte to its last         */
	unsigned first_message_s; /**< from "up" to the first message on an accepted one */
	unsigned ring_s;          /**< from INVITE to its final response (timer C)  */
	unsigned media_timeout_s; /**< no authentic media from a side; 0: off       */
	unsigned port_rest_s;     /**< a media port pair is not used again so soon; 0: off */
	unsigned drain_s;         /**< from SIGTERM to the end of calls; 0: no limit */
	struct sp_conf_rate account_rate; /**< of an account that has no entry in `accounts` */
	unsigned account_calls;           /**< at once, likewise; 0: no limit                */
};

/** An account of the number table as written in the file; number/ checks and keeps it. */
struct sp_conf_account {
	struct sp_conf_src src;
	unsigned index; /**< in "accounts" of the file */
	const char *name;
	const char *main_number; /**< NULL: not given */
	unsigned calls;          /**< at once; 0: no limit */
	struct sp_conf_rate rate;
};

struct sp_conf_dns {
	const char *servers; /**< "ADDRESS:PORT,..."; NULL: those of /etc/resolv.conf */
	unsigned ttl_min_s, ttl_max_s;
};

/** Beyond any of these new calls are refused; 0: not looked at. */
struct sp_conf_overload {
	unsigned lag_ms;        /**< lateness of the event loop                */
	unsigned cpu_percent;   /**< of one core, used by this process         */
	unsigned memory_mb;     /**< resident                                  */
	unsigned ports_percent; /**< of the media ports of an interface        */
};

/** When a new call gives a target up (RFC 3263 4.3). */
struct sp_conf_failover {
	uint16_t codev[SP_CONF_FAILOVER_MAX]; /**< final responses that do it            */
	size_t codec;
	unsigned response_s; /**< no response at all for so long                   */
	unsigned progress_s; /**< nothing beyond 100 for so long; 0: wait for ring_s */
	unsigned total_s;    /**< since the call came; then no further is tried    */
	unsigned tries;      /**< INVITEs in all, the first one too, all trunks    */
	bool early_media;    /**< also after a provisional with a description      */
};

/** On new calls; 0: none of its own. */
struct sp_conf_trunk_limits {
	unsigned calls, calls_in, calls_out; /**< at once; in: made by the trunk          */
	struct sp_conf_rate rate, rate_in, rate_out;
	struct sp_conf_rate rate_source; /**< made by the trunk, each address that it has */
	unsigned unknown_per_minute;     /**< calls to (service: from) unknown numbers   */
	uint16_t status;                 /**< with what a call is refused (503)           */
};

#endif
