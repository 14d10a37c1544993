/* SPDX-License-Identifier: BSD-3-Clause
 *
 * trunk/: what there is to see of trunks, for the status output and metrics.
 */
#ifndef SALLYPORT_TRUNK_STATUS_H
#define SALLYPORT_TRUNK_STATUS_H

#include "sallyport/trunk.h"

enum sp_target_state { SP_TARGET_UNKNOWN, SP_TARGET_UP, SP_TARGET_PROBING, SP_TARGET_DOWN };

/** "unknown", "up", "probing", "down" */
const char *sp_target_state_name(enum sp_target_state state);

/** All of it is valid until the loop's next turn only. */
struct sp_target_status {
	const char *label;     /**< "sbc1.example.net:5061"; of SRV: the name that it gave   */
	const char *entry;     /**< the target as the configuration writes it                */
	const struct sa *addr; /**< NULL: the name has never been found                    */
	enum sp_target_state state;
	const char *why;           /**< of down and probing; "" else                             */
	uint64_t since_ms;         /**< how long it has been in this state                       */
	unsigned priority, weight; /**< RFC 2782; priority 0 for what is no SRV            */
	unsigned connections;      /**< that are up; accepted ones that it may use (RFC 5923) too */
	unsigned pending;          /**< requests in progress on them                             */
	unsigned busy_s;           /**< left of a Retry-After                                    */
	uint64_t picked;           /**< calls sent there                                         */
	uint64_t failures;         /**< connects, OPTIONS and calls without answer               */
	unsigned options_ms;       /**< how long the last OPTIONS took                           */
};

struct sp_trunk_status {
	bool active;
	unsigned calls_in, calls_out; /**< now; in: made by the trunk */
	unsigned emergency;           /**< of calls_in                */
	unsigned accepted;            /**< connections that the peer opened */
	unsigned picks;               /**< calls that wait for a connection */
	uint64_t begun_in, begun_out;
	uint64_t unknown; /**< calls to (of a service: from) numbers that the table does not know */
	/** What its limits refused: see sp_trunk_limit_name(). */
	uint64_t refused[SP_TRUNK_LIMITS];
	uint64_t conns_refused;
	uint64_t messages_refused; /**< connections closed for what they sent */
};

void sp_trunk_status(const struct sp_trunk *t, struct sp_trunk_status *out);

typedef void(sp_trunk_target_h)(const struct sp_target_status *tg, void *arg);
/** Each target of the configuration as DNS has it now; one without address for a name unknown. */
void sp_trunk_targets(const struct sp_trunk *t, sp_trunk_target_h *h, void *arg);

#endif
