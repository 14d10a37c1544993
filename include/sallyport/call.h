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
	SP_CALL_ID_SIZE = 17,     /**< the id that a call's log lines share, and NUL   */
	SP_CALL_RETRY_AFTER_S = 5 /**< told to callers that are refused for a limit    */
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

/** Called, once, each time the number of calls falls to zero. */
typedef void(sp_calls_idle_h)(void *arg);
void sp_calls_idle(struct sp_calls *cs, sp_calls_idle_h *h, void *arg);

/** Handlers for the SIP layer; arg is the struct sp_calls. */
void sp_calls_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg);
sp_sip_shed_h sp_calls_shed; /**< overload */
void sp_calls_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg);

#endif
