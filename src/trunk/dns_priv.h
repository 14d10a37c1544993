/* SPDX-License-Identifier: BSD-3-Clause
 *
 * trunk/: names of targets, and where they lead (RFC 3263 4.2, RFC 2782).
 *
 * A name is watched: looked up at once, again shortly before what is known of
 * it expires, and after a failure with a growing delay. The last good answer
 * stays when later look-ups fail, or find that there is no such name any more;
 * only SRV's "." (RFC 2782: no such service here) takes it away. Literal
 * addresses are names that are known at once and for good.
 */
#ifndef SALLYPORT_TRUNK_DNS_PRIV_H
#define SALLYPORT_TRUNK_DNS_PRIV_H

#include <re.h>

#include "sallyport/base_loop.h"

enum {
	DNS_PLACES_MAX = 32, /**< addresses that one name may lead to, with SRV      */
	DNS_HOST_SIZE = 254, /**< RFC 1035 2.3.4: 253 octets as text, and NUL         */
	DNS_SRV_MAX = 16,    /**< SRV records used, the best first                  */
	DNS_RETRY_MIN_S = 2, /**< after a failed look-up, doubling up to ...          */
	DNS_RETRY_MAX_S = 60
};

/** One place where calls may be sent. */
struct dns_place {
	struct sa addr;            /**< with its port */
	char host[DNS_HOST_SIZE];  /**< SRV's target, else the name itself */
	uint16_t priority, weight; /**< 0, 0 for what is no SRV */
};

struct dns; /**< the resolver */

/** Settings of the resolver; servers NULL: those of /etc/resolv.conf. Copied. */
struct dns_conf {
	const char *servers; /**< "127.0.0.1:5353,[::1]:53" */
	unsigned ttl_min_s, ttl_max_s;
};

/** @return 0, EINVAL (servers), ENOMEM */
int dns_alloc(struct dns **dp, struct sp_loop *loop, const struct dns_conf *conf);

/** Change the settings, if they differ; look-ups in progress finish on the old ones, and all
 * names are looked up again within a second. @return as dns_alloc() */
int dns_conf_set(struct dns *d, const struct dns_conf *conf);

/** A name that is watched. mem_deref() stops it; then h is not called any more. */
struct dns_name;

/** Something has changed: places, or whether the last look-up went well. From the loop. */
typedef void(dns_name_h)(struct dns_name *n, void *arg);

/**
 * Watch a name.
 * @param host  name, literal address, or a name that begins with "_": an SRV name as it is
 * @param port  of addresses; not used where SRV gives one
 * @param srv   look for SRV first: "_sips._tcp.", then "_sip._tls.", then addresses
 *              (RFC 3263 4.2); false: addresses only. Never for literals.
 * @param h     called once soon after in any case, from the loop, then at each change
 */
int dns_watch(struct dns_name **np, struct dns *d, const char *host, uint16_t port, bool srv,
	      dns_name_h *h, void *arg);

/**
 * Where it leads now: by priority, then in the order of the answer. Only
 * addresses that this machine has a route to, unless it has to none of them.
 * Valid until the next turn of the loop.
 */
const struct dns_place *dns_places(const struct dns_name *n, size_t *count);

/** Why the last look-up failed, for people; "" when it went well (or none has ended). Of several
 * hosts of SRV one may have failed: places are then partly earlier ones. */
const char *dns_why(const struct dns_name *n);

/** false until the first look-up has ended, well or not. */
bool dns_looked_up(const struct dns_name *n);

/** Look it up now, unless that is under way or was done in the last DNS_RETRY_MIN_S: its
 * places all fail. */
void dns_again(struct dns_name *n);

/** Seconds until what is known expires; 0: nothing is known, or it has (the last good answer). */
unsigned dns_ttl_s(const struct dns_name *n);

#endif
