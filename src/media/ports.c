/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/ports: the port pairs of an interface (RFC 3550 section 11: RTP on an
 * even port, RTCP on the next one).
 *
 * A pair is chosen at random, so that nobody can guess where the next call's
 * media will arrive: uniformly from all that are free, also when few are. A
 * pair given back, to which a peer may still be sending, rests first. Rest is
 * told by two sets of bits, pairs given back in this period and in the one
 * before; when a period ends, the older set is forgotten. So a pair costs
 * three bits, and there is no list to walk when time passes.
 */
#include <string.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <unistd.h>
#include <sys/socket.h>

#include "sallyport/base_util.h"
#include "media_priv.h"

enum {
	RANDOM_TRIES = 8, /* then the free ones are counted */
	BIND_TRIES = 64,  /* pairs found taken by other processes, per call */
	WORD = 64,
};

/*
 * What a socket may hold (SO_RCVBUF). The kernel doubles it, and counts what a packet
 * takes in its memory: 832 octets for up to 184 on the wire, 1,280 for up to 500, 2,304 for
 * 1,000 and more (Linux 6.18 on loopback; a network card's driver may take 2,304 for all).
 * So this is 39 packets of G.711, 0.8 s of a voice, or 14 from such a card, 280 ms: more
 * than a stall of the loop, or what a radio sends at once after a pause.
 *
 * The kernel's own 208 KiB are 256 packets. They would not save one in an overload, but
 * make all others late: of 400 calls at 1.5 times what one core can relay, the 99th
 * percentile is 130 ms with this, and 570 ms with that.
 */
enum {
	ROOM_VOICE = 16 * 1024,
	ROOM_WIDE = 208 * 1024, /* 184 packets of 1,200 octets, a large picture; usual rmem_max */
};

struct sp_ports {
	struct sa addr;
	uint16_t first; /* RTP port of pair 0 */
	int tos;        /* octet of the IP header, -1: the kernel's own */
	unsigned total;
	unsigned used;
	unsigned words;
	uint64_t refused;
	uint64_t hurried;
	uint32_t rest_ms;
	uint64_t period_ms; /* when the period began */
	uint64_t *taken, *resting_now, *resting_before;
	uint64_t bits[]; /* the three sets */
};

/* Which pairs may be chosen: the better ones first. */
enum choice { RESTED, RESTING_LONG, RESTING, CHOICES };

int sp_ports_alloc(struct sp_ports **pp, const struct sa *addr, uint16_t min, uint16_t max)
{
	struct sp_ports *p;
	unsigned first, total, words;

	if (!pp || !addr || !min || max <= min)
		return EINVAL;
	if (sa_af(addr) != AF_INET && sa_af(addr) != AF_INET6)
		return EINVAL;

	first = min + (min & 1u);
	total = first < max ? (max + 1u - first) / 2 : 0;
	if (!total)
		return EINVAL;

	words = (total + WORD - 1) / WORD;
	p = mem_zalloc(sizeof(*p) + 3 * words * sizeof(p->bits[0]), NULL);
	if (!p)
		return ENOMEM;

	p->addr = *addr;
	p->first = (uint16_t)first;
	p->total = total;
	p->words = words;
	p->tos = -1;
	p->taken = p->bits;
	p->resting_now = p->bits + words;
	p->resting_before = p->bits + 2 * words;
	*pp = p;

	return 0;
}

static void wipe(const struct sp_ports *p, uint64_t *set)
{
	memset(set, 0, p->words * sizeof(set[0]));
}

void sp_ports_rest(struct sp_ports *p, uint32_t rest_ms)
{
	p->rest_ms = rest_ms;
	if (!rest_ms) {
		wipe(p, p->resting_now);
		wipe(p, p->resting_before);
	}
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

uint64_t sp_ports_hurried(const struct sp_ports *p)
{
	return p ? p->hurried : 0;
}

int media_ports_af(const struct sp_ports *p)
{
	return sa_af(&p->addr);
}

static bool has(const uint64_t *set, unsigned i)
{
	return set[i / WORD] >> (i % WORD) & 1;
}

static void put(uint64_t *set, unsigned i)
{
	set[i / WORD] |= UINT64_C(1) << (i % WORD);
}

static void drop(uint64_t *set, unsigned i)
{
	set[i / WORD] &= ~(UINT64_C(1) << (i % WORD));
}

static unsigned popcount(uint64_t set)
{
	return (unsigned)__builtin_popcountll(set);
}

static unsigned lowest(uint64_t set)
{
	return (unsigned)__builtin_ctzll(set);
}

/* Has a period ended since the last call, or more than one? */
static void turn_over(struct sp_ports *p, uint64_t now_ms)
{
	uint64_t *oldest = p->resting_before;

	if (!p->rest_ms || now_ms < p->period_ms || now_ms - p->period_ms < p->rest_ms)
		return;

	if (now_ms - p->period_ms >= 2 * (uint64_t)p->rest_ms)
		wipe(p, p->resting_now);
	wipe(p, oldest);
	p->resting_before = p->resting_now;
	p->resting_now = oldest;
	p->period_ms = now_ms - (now_ms - p->period_ms) % p->rest_ms;
}

/* The pairs of word w that a choice is made from. */
static uint64_t eligible(const struct sp_ports *p, enum choice choice, unsigned w)
{
	const unsigned left = p->total - w * WORD;
	uint64_t set = ~p->taken[w];

	if (left < WORD)
		set &= (UINT64_C(1) << left) - 1;

	switch (choice) {
	case RESTED:
		return set & ~p->resting_now[w] & ~p->resting_before[w];
	case RESTING_LONG:
		return set & p->resting_before[w];
	default:
		return set & p->resting_now[w];
	}
}

/*
 * One of those that a choice has, each as likely as any other. When the first tries
 * meet none, which is rare unless most pairs are taken, they are counted by words: 512 at most.
 * @return false when there is none
 */
static bool choose(const struct sp_ports *p, enum choice choice, unsigned *ip)
{
	unsigned n = 0, w;
	uint64_t set;

	for (int k = 0; k < RANDOM_TRIES && choice == RESTED; k++) {
		*ip = sp_random_below(p->total);
		if (eligible(p, choice, *ip / WORD) >> (*ip % WORD) & 1)
			return true;
	}

	for (w = 0; w < p->words; w++)
		n += popcount(eligible(p, choice, w));
	if (!n)
		return false;

	/* the n-th of them */
	n = sp_random_below(n);
	set = eligible(p, choice, w = 0);
	while (n >= popcount(set)) {
		n -= popcount(set);
		set = eligible(p, choice, ++w);
	}
	while (n--)
		set &= set - 1;
	*ip = w * WORD + lowest(set);

	return true;
}

/* The one after i, round the end; i itself when there is no other. */
static unsigned next(const struct sp_ports *p, enum choice choice, unsigned i)
{
	const unsigned from = (i + 1) % p->total;
	unsigned w = from / WORD;
	uint64_t set = eligible(p, choice, w) & (UINT64_MAX << (from % WORD));

	for (unsigned n = 0; !set && n < p->words; n++) {
		w = (w + 1) % p->words;
		set = eligible(p, choice, w);
	}

	return set ? w * WORD + lowest(set) : i;
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

static void room_set(int fd, int octets)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
}

void media_ports_wide(int fd)
{
	room_set(fd, ROOM_WIDE);
}

static int socket_open(int *fdp, const struct sp_ports *p, uint16_t port)
{
	struct sa local = p->addr;
	int fd, err;

	fd = socket(sa_af(&local), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;

	mark(fd, sa_af(&local), p->tos);
	room_set(fd, ROOM_VOICE);
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

/* Open any pair of a choice; those that other processes hold are passed over.
 * @return ENOSPC when there is none */
static int choice_open(const struct sp_ports *p, enum choice choice, unsigned *binds, unsigned *ip,
		       int fd[2])
{
	unsigned begin;
	int err;

	if (!choose(p, choice, &begin))
		return ENOSPC;

	*ip = begin;
	while (*binds < BIND_TRIES) {

		err = pair_open(p, *ip, fd);
		if (err != EADDRINUSE)
			return err;

		++*binds;
		*ip = next(p, choice, *ip);
		if (*ip == begin)
			break;
	}

	return ENOSPC;
}

int media_ports_take(struct sp_ports *p, uint64_t now_ms, uint16_t *port, int fd[2])
{
	unsigned i = 0, binds = 0;
	enum choice choice;
	int err = ENOSPC;

	turn_over(p, now_ms);
	for (choice = RESTED; choice < CHOICES && err == ENOSPC && p->used < p->total; choice++)
		err = choice_open(p, choice, &binds, &i, fd);

	if (err == ENOSPC)
		p->refused++;
	if (err)
		return err;

	if (has(p->resting_now, i) || has(p->resting_before, i))
		p->hurried++;
	put(p->taken, i);
	drop(p->resting_now, i);
	drop(p->resting_before, i);
	p->used++;
	*port = (uint16_t)(p->first + 2 * i);

	return 0;
}

void media_ports_give(struct sp_ports *p, uint64_t now_ms, uint16_t port)
{
	const unsigned i = (port - p->first) / 2u;

	if (port < p->first || i >= p->total || !has(p->taken, i))
		return;

	turn_over(p, now_ms);
	drop(p->taken, i);
	if (p->rest_ms)
		put(p->resting_now, i);
	p->used--;
}
