/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/: the back-to-back user agent (RFC 7092). A call has two legs and a
 * relay; docs/architecture.md draws who owns what, src/call/table.c is the
 * state machine.
 */
#ifndef SALLYPORT_CALL_H
#define SALLYPORT_CALL_H

#include "sallyport/base_overload.h"
#include "sallyport/conf.h"
#include "sallyport/media.h"
#include "sallyport/number.h"
#include "sallyport/sip_transaction.h"
#include "sallyport/trunk.h"

enum {
	SP_CALL_ID_SIZE = 17,      /**< the id that a call's log lines share, and NUL   */
	SP_CALL_RETRY_AFTER_S = 5, /**< told to callers that are refused for a limit    */
	SP_CALL_ONE_WAY_MS = 5000  /**< so long after the answer both sides have spoken */
};

/**
 * What calls are made with: one snapshot of the configuration, made by app/
 * (a mem object). A call keeps the one it began with.
 */
struct sp_call_env {
	struct sp_conf *conf;
	struct sp_number_table *numbers;
	struct sp_trunk **trunkv; /**< as conf->trunkv     */
	struct sp_ports **portsv; /**< as conf->interfacev */
};

struct sp_calls;

struct sp_calls_count {
	uint64_t begun;    /**< INVITEs that became a call    */
	uint64_t answered; /**< of them                       */
	uint64_t failed;   /**< of them, those that ended without an answer */
	uint64_t refused;  /**< INVITEs that became no call   */
	uint64_t silent;   /**< ended for want of media       */
	uint64_t one_way;  /**< ended after SP_CALL_ONE_WAY_MS or more with media one way only */
	size_t now;        /**< calls at this moment          */
	size_t emergency;  /**< emergency calls of them, which limits.calls leaves out */
	size_t dialogs;    /**< dialogs that messages can find, early ones too */
	size_t relays;     /**< media relays open             */
};

int sp_calls_alloc(struct sp_calls **cp, struct sp_loop *loop, struct sp_sip *sip);

/** New calls use env from now on (referenced). */
void sp_calls_env(struct sp_calls *cs, struct sp_call_env *env);

/** Ask this before each new call (referenced). NULL: all are let in. */
void sp_calls_overload(struct sp_calls *cs, struct sp_overload *o);

/** New calls are refused with 503 from now on. */
void sp_calls_drain(struct sp_calls *cs);

/** Hang up every call: BYE or CANCEL to both legs. */
void sp_calls_end(struct sp_calls *cs);

void sp_calls_count(const struct sp_calls *cs, struct sp_calls_count *out);

/** Packets of all calls, those that are over too. Looks at every stream there is. */
void sp_calls_media(const struct sp_calls *cs, struct sp_relay_count *out);

/** One call as it is now. What this points to is the call's own. */
struct sp_call_report {
	const char *id, *state;
	const char *trunk[2]; /**< by enum sp_side; "": none yet                       */
	struct pl number[2];  /**< for sp_log_number(); NULL: not known, withheld      */
	uint64_t age_ms;      /**< since its INVITE                                    */
	uint64_t talk_ms;     /**< since its answer; 0: not answered                   */
	bool emergency;
	const char *media;            /**< which way it has come, as the log says it */
	const struct sp_relay *relay; /**< NULL: none, or none any more              */
};

/** Which calls have been told; all zero at first. */
struct sp_call_cursor {
	uint64_t told, last;
};

/** @return false when this one was enough */
typedef bool(sp_call_report_h)(const struct sp_call_report *r, void *arg);

/**
 * Tell of further calls, the oldest first, up to the latest at the first time: in slices,
 * over as many turns as it takes. Those that end in between are left out.
 * @return false when there are no more
 */
bool sp_calls_report(const struct sp_calls *cs, struct sp_call_cursor *cursor, sp_call_report_h *h,
		     void *arg);

/** Called, once, each time the number of calls falls to zero. */
typedef void(sp_calls_idle_h)(void *arg);
void sp_calls_idle(struct sp_calls *cs, sp_calls_idle_h *h, void *arg);

/** Handlers for the SIP layer; arg is the struct sp_calls. */
void sp_calls_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg);
sp_sip_shed_h sp_calls_shed; /**< overload */
void sp_calls_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg);

#endif
