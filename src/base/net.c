/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Networks: which addresses a peer may come from. Addresses of IPv4 that the
 * system shows as IPv6 (RFC 4291 section 2.5.5.2) are what they stand for, so
 * that a list says the same for every kind of socket.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include <sallyport/base_util.h>

enum { BITS4 = 32, BITS6 = 128, MAPPED_BITS = BITS6 - BITS4, ADDR_SIZE = 64 };

static const uint8_t mapped[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};

/* An address as its bytes. @return how many bits these have, 0: it is none */
static unsigned to_bytes(uint8_t out[BITS6 / 8], const struct sa *addr)
{
	uint32_t v4;

	switch (sa_af(addr)) {
	case AF_INET:
		v4 = htonl(sa_in(addr));
		memcpy(out, &v4, sizeof(v4));
		return BITS4;
	case AF_INET6:
		sa_in6(addr, out);
		if (memcmp(out, mapped, sizeof(mapped)))
			return BITS6;
		memmove(out, out + sizeof(mapped), BITS4 / 8);
		return BITS4;
	default:
		return 0;
	}
}

static void from_bytes(struct sa *addr, const uint8_t *bytes, unsigned size)
{
	uint32_t v4;

	if (size == BITS6) {
		sa_set_in6(addr, bytes, 0);
		return;
	}
	memcpy(&v4, bytes, sizeof(v4));
	sa_set_in(addr, ntohl(v4), 0);
}

/* Clear what stands behind the first bits. @return was there anything? */
static bool clear_behind(uint8_t *bytes, unsigned size, unsigned bits)
{
	bool some = false;

	for (unsigned i = bits; i < size; i++) {
		const uint8_t bit = (uint8_t)(0x80 >> (i % 8));

		some |= (bytes[i / 8] & bit) != 0;
		bytes[i / 8] &= (uint8_t)~bit;
	}

	return some;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	const uint8_t mask = (uint8_t)(0xff00 >> (bits % 8));

	return !memcmp(a, b, bits / 8) && (!mask || !((a[bits / 8] ^ b[bits / 8]) & mask));
}

/* A zone ("fe80::1%eth0") is of one link, not of a network. */
static int parse_addr(struct sa *addr, const struct pl *text)
{
	char buf[ADDR_SIZE];

	if (!text->l || text->l >= sizeof(buf) || pl_strchr(text, '%'))
		return EINVAL;
	(void)pl_strcpy(text, buf, sizeof(buf));

	return sa_set_str(addr, buf, 0) ? EINVAL : 0;
}

int sp_net_parse(struct sp_net *net, const struct pl *text)
{
	struct pl addr, tail = PL_INIT;
	uint8_t bytes[BITS6 / 8];
	const char *slash;
	unsigned size, max;
	uint32_t bits;
	struct sa sa;

	if (!net || !text || !text->p)
		return EINVAL;

	addr = *text;
	slash = pl_strchr(text, '/');
	if (slash) {
		addr.l = (size_t)(slash - text->p);
		tail = (struct pl){.p = slash + 1, .l = text->l - addr.l - 1};
	}
	if (parse_addr(&sa, &addr))
		return EINVAL;
	size = to_bytes(bytes, &sa);
	/* by the text: libre makes IPv4 of a mapped one itself */
	max = pl_strchr(&addr, ':') ? BITS6 : BITS4;
	bits = max;
	if (slash && sp_u32(&bits, &tail, max))
		return EINVAL;

	/* "::ffff:192.0.2.0/120" is 192.0.2.0/24 */
	if (size != max && bits < MAPPED_BITS)
		return EINVAL;
	net->bits = size != max ? bits - MAPPED_BITS : bits;

	if (clear_behind(bytes, size, net->bits)) {
		from_bytes(&net->addr, bytes, size);
		return ERANGE;
	}
	from_bytes(&net->addr, bytes, size);

	return 0;
}

bool sp_nets_have(const struct sp_nets *nets, const struct sa *addr)
{
	uint8_t bytes[BITS6 / 8], of[BITS6 / 8];
	unsigned size;

	if (!nets || !nets->c)
		return true;

	size = addr ? to_bytes(bytes, addr) : 0;
	for (size_t i = 0; size && i < nets->c; i++) {
		const struct sp_net *n = &nets->v[i];

		if (to_bytes(of, &n->addr) == size && n->bits <= size &&
		    same_bits(bytes, of, n->bits))
			return true;
	}

	return false;
}
