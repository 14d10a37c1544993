/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/ports: the port pairs of an interface (RFC 3550 section 11: RTP on an
 * even port, RTCP on the next one).
 *
 * A pair is chosen at random, so that nobody can guess where the next call's
 * media will arrive, and so that a pair just given back, to which a peer may
 * still be sending, is rarely the next one taken. When random choice meets
 * only taken pairs, a scan finds what is left.
 */
#include <netinet/in.h>
#include <netinet/ip.h>
#include <unistd.h>
#include <sys/socket.h>

#include "sallyport/base_util.h"
#include "media_priv.h"

enum {
	RANDOM_TRIES = 8,
	BIND_TRIES = 64, /* pairs found taken by other processes, per call */
};

struct sp_ports {
	struct sa addr;
	uint16_t first; /* RTP port of pair 0 */
	int tos;        /* octet of the IP header, -1: the kernel's own */
	unsigned total;
	unsigned used;
	uint64_t refused;
	uint8_t map[]; /* one bit per pair: taken */
};

int sp_ports_alloc(struct sp_ports **pp, const struct sa *addr, uint16_t min, uint16_t max)
{
	struct sp_ports *p;
	unsigned first, total;

	if (!pp || !addr || !min || max <= min)
		return EINVAL;
	if (sa_af(addr) != AF_INET && sa_af(addr) != AF_INET6)
		return EINVAL;

	first = min + (min & 1u);
	total = first < max ? (max + 1u - first) / 2 : 0;
	if (!total)
		return EINVAL;

	p = mem_zalloc(sizeof(*p) + (total + 7) / 8, NULL);
	if (!p)
		return ENOMEM;

	p->addr = *addr;
	p->first = (uint16_t)first;
	p->total = total;
	p->tos = -1;
	*pp = p;

	return 0;
}

void sp_ports_dscp(struct sp_ports *p, int dscp)
{
	p->tos = dscp < 0 ? -1 : (dscp & 0x3f) << 2;
}

unsigned sp_ports_used(const struct sp_ports *p)
{
	return p ? p->used : 0;
}

unsigned sp_ports_total(const struct sp_ports *p)
{
	return p ? p->total : 0;
}

uint64_t sp_ports_refused(const struct sp_ports *p)
{
	return p ? p->refused : 0;
}

int media_ports_af(const struct sp_ports *p)
{
	return sa_af(&p->addr);
}

static bool is_taken(const struct sp_ports *p, unsigned i)
{
	return p->map[i / 8] & (1u << (i % 8));
}

static void flip(struct sp_ports *p, unsigned i)
{
	p->map[i / 8] = (uint8_t)(p->map[i / 8] ^ (1u << (i % 8)));
}

/* Marking is a wish: a kernel that refuses it costs priority, not the call. */
static void mark(int fd, int af, int tos)
{
	if (tos < 0)
		return;
	if (AF_INET6 == af)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	else
		(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

static int socket_open(int *fdp, const struct sp_ports *p, uint16_t port)
{
	struct sa local = p->addr;
	int fd, err;

	fd = socket(sa_af(&local), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;

	mark(fd, sa_af(&local), p->tos);
	sa_set_port(&local, port);
	if (bind(fd, &local.u.sa, local.len) < 0) {
		err = errno;
		(void)close(fd);
		return err;
	}

	*fdp = fd;

	return 0;
}

/* On failure fd is left as it was. */
static int pair_open(const struct sp_ports *p, unsigned i, int fd[2])
{
	uint16_t port = (uint16_t)(p->first + 2 * i);
	int rtp, rtcp, err;

	err = socket_open(&rtp, p, port);
	if (err)
		return err;

	err = socket_open(&rtcp, p, (uint16_t)(port + 1));
	if (err) {
		(void)close(rtp);
		return err;
	}

	fd[0] = rtp;
	fd[1] = rtcp;

	return 0;
}

int media_ports_take(struct sp_ports *p, uint16_t *port, int fd[2])
{
	unsigned i = 0, binds = 0;
	int err = ENOSPC;

	if (p->used >= p->total)
		goto out;

	for (unsigned n = 0; n < RANDOM_TRIES + p->total && binds < BIND_TRIES; n++) {

		i = n <= RANDOM_TRIES ? sp_random_below(p->total) : (i + 1) % p->total;
		if (is_taken(p, i))
			continue;

		err = pair_open(p, i, fd);
		if (err != EADDRINUSE)
			goto out;

		++binds;
		err = ENOSPC;
	}

out:
	if (!err) {
		flip(p, i);
		p->used++;
		*port = (uint16_t)(p->first + 2 * i);
	} else if (err == ENOSPC) {
		p->refused++;
	}

	return err;
}

void media_ports_give(struct sp_ports *p, uint16_t port)
{
	const unsigned i = (port - p->first) / 2u;

	if (port < p->first || i >= p->total || !is_taken(p, i))
		return;

	flip(p, i);
	p->used--;
}
