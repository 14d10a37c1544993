/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/shield: a socket under a flood.
 *
 * A packet that proves nothing costs its receiving and a tag's computing; a hundred
 * thousand in a second cost the calls. While one comes, a classic BPF program
 * on the socket (SO_ATTACH_FILTER, no privilege needed) lets through only what comes from
 * the source that has proven itself. The kernel runs it before it queues the packet: what
 * it refuses takes neither the room of what is good nor our time.
 *
 * It is a thing of economy alone: what it lets through still has to be authentic.
 */
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/filter.h>

#include "media_priv.h"

enum {
	SECOND_MS = 1000,
	IPV4_SOURCE = 12, /* where in its header (RFC 791) */
	IPV6_SOURCE = 8,  /* RFC 8200 */
	INSNS_MAX = 12,   /* two for each of up to 5 words, two to return */
};

/* The program so far: each check jumps over what is left when it fails. */
struct program {
	struct sock_filter v[INSNS_MAX];
	unsigned short c;
};

static void insn(struct program *g, unsigned code, uint32_t k)
{
	g->v[g->c++] = (struct sock_filter)BPF_STMT((unsigned short)code, k);
}

/* Go on if so many octets at an offset are value. */
static void expect(struct program *g, unsigned size, uint32_t offset, uint32_t value)
{
	insn(g, BPF_LD | BPF_ABS | size, offset);
	insn(g, BPF_JMP | BPF_JEQ | BPF_K, value);
}

static void finish(struct program *g)
{
	insn(g, BPF_RET | BPF_K, UINT32_MAX); /* the whole packet */
	insn(g, BPF_RET | BPF_K, 0);
	for (unsigned i = 0; i < g->c; i++) {
		if (BPF_CLASS(g->v[i].code) == BPF_JMP)
			g->v[i].jf = (uint8_t)(g->c - i - 2);
	}
}

/*
 * A filter of a UDP socket sees the packet from its UDP header on; SKF_NET_OFF leads to
 * the IP header. An IPv6 socket may have IPv4 packets, too (RFC 4291 2.5.5.2).
 */
static void program_write(struct program *g, const struct sa *source)
{
	const uint32_t net = (uint32_t)SKF_NET_OFF;
	uint8_t octets[16];
	uint32_t word;

	g->c = 0;
	expect(g, BPF_H, 0, sa_port(source));

	if (sa_af(source) == AF_INET) {
		expect(g, BPF_W, net + IPV4_SOURCE, sa_in(source));
	} else {
		const bool mapped = IN6_IS_ADDR_V4MAPPED(&source->u.in6.sin6_addr);

		memcpy(octets, &source->u.in6.sin6_addr, sizeof(octets));
		for (uint32_t i = mapped ? 12 : 0; i < sizeof(octets); i += 4) {
			memcpy(&word, octets + i, sizeof(word));
			expect(g, BPF_W, net + (mapped ? IPV4_SOURCE : IPV6_SOURCE + i),
			       ntohl(word));
		}
	}

	finish(g);
}

static bool attach(int fd, const struct sa *source)
{
	struct sock_fprog fprog;
	struct program g;

	program_write(&g, source);
	fprog = (struct sock_fprog){.len = g.c, .filter = g.v};

	return !setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof(fprog));
}

bool media_shield_refused(struct media_shield *s, int fd, const struct sa *known, uint64_t now_ms)
{
	if (s->up)
		return false;

	if (now_ms - s->since_ms >= SECOND_MS) {
		s->since_ms = now_ms;
		s->refused = 0;
	}
	if (++s->refused < SHIELD_FLOOD)
		return false;

	/* if the kernel has no room for a filter, it is asked again after as many more */
	s->refused = 0;
	if (!known || !attach(fd, known))
		return false;

	s->up = true;
	s->since_ms = now_ms;

	return true;
}

void media_shield_check(struct media_shield *s, int fd, uint64_t now_ms)
{
	if (s->up && now_ms - s->since_ms >= SHIELD_HOLD_MS)
		media_shield_drop(s, fd);
}

void media_shield_drop(struct media_shield *s, int fd)
{
	const int unused = 0;

	if (s->up)
		(void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));

	memset(s, 0, sizeof(*s));
}
