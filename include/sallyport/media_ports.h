/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/: the UDP ports of an interface.
 */
#ifndef SALLYPORT_MEDIA_PORTS_H
#define SALLYPORT_MEDIA_PORTS_H

#include <re.h>

/** The ports of one interface: even RTP port, RTCP above it, chosen at random. */
struct sp_ports;

/** @param min,max inclusive; @return 0, EINVAL, ENOMEM. Relays keep it alive. */
int sp_ports_alloc(struct sp_ports **pp, const struct sa *addr, uint16_t min, uint16_t max);

/**
 * A pair that was given back rests for so long, and at most twice as long, before it is
 * taken again; as long as there are others. 0: not at all.
 */
void sp_ports_rest(struct sp_ports *p, uint32_t rest_ms);

/** Mark media sent from ports opened from now on with this DSCP (RFC 2474); -1: do not. */
void sp_ports_dscp(struct sp_ports *p, int dscp);

/** Port pairs in use, and in all. */
unsigned sp_ports_used(const struct sp_ports *p);
unsigned sp_ports_total(const struct sp_ports *p);

/** How often a pair was wanted and none was free, and how often one had to end its rest early. */
uint64_t sp_ports_refused(const struct sp_ports *p);
uint64_t sp_ports_hurried(const struct sp_ports *p);

#endif
