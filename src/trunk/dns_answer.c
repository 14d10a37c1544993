/* SPDX-License-Identifier: BSD-3-Clause
 *
 * PURE: the octets of a DNS answer (RFC 1035 4.1) into the SRV, A or AAAA
 * records that answer the question, with their TTL, which c-ares's own parsers
 * do not tell for SRV.
 *
 * Whoever can send a packet can write these octets. A malformed answer is
 * refused as a whole; records that belong to another name, and names that are
 * no host names, are passed over. Nothing is allocated, and the work is bounded
 * by DNS_ANSWERS_MAX and DNS_CNAMES_MAX, not by what the answer says.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dns_inner.h"

enum {
	HEADER_SIZE = 12,
	QUESTION_TAIL = 4,
	NAME_OCTETS_MAX = 255, /* RFC 1035 2.3.4 */
	POINTERS_MAX = 128,    /* of one name, which has no more labels */
	FLAG_RESPONSE = 0x80,
	FLAG_TRUNCATED = 0x02,
	RCODE_MASK = 0x0f,
	RCODE_NXDOMAIN = 3
};

struct msg {
	const uint8_t *p;
	size_t len, pos;
};

struct record {
	char owner[DNS_HOST_SIZE];
	uint16_t type, class;
	uint32_t ttl;
	size_t data, len; /* within the message */
};

/* What a name that is no host name is read as; the name of no question is like it. */
static const char no_host[] = "?";

static_assert((int)DNS_ADDRS_MAX <= (int)DNS_SRV_MAX, "recordv has room for either");

static uint16_t u16_at(const struct msg *m, size_t pos)
{
	return (uint16_t)(m->p[pos] << 8 | m->p[pos + 1]);
}

static uint32_t u32_at(const struct msg *m, size_t pos)
{
	return (uint32_t)u16_at(m, pos) << 16 | u16_at(m, pos + 2);
}

/* Host names, and the underscores of services (RFC 2782). */
static bool is_host_octet(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/*
 * Read the name at m->pos and go on behind it. A pointer (RFC 1035 4.1.4) must
 * point to before the place where the reading of this name last began, so the
 * reading ends; and there are no more of them than there could be labels, or each
 * name of a large message could cost thousands of steps. The root is "".
 */
static int read_name(struct msg *m, char name[DNS_HOST_SIZE])
{
	size_t pos = m->pos, begin = m->pos, end = 0, n = 0, octets = 1, pointers = 0;
	bool host = true;

	for (;;) {
		uint8_t len;

		if (pos >= m->len)
			return EBADMSG;
		len = m->p[pos];
		if (!len)
			break;
		if ((len & 0xc0) == 0xc0) {
			if (pos + 2 > m->len || ++pointers > POINTERS_MAX)
				return EBADMSG;
			if (!end)
				end = pos + 2;
			pos = u16_at(m, pos) & 0x3fff;
			if (pos >= begin)
				return EBADMSG;
			begin = pos;
			continue;
		}
		octets += len + 1u;
		if (len & 0xc0 || octets > NAME_OCTETS_MAX || pos + 1 + len > m->len)
			return EBADMSG;
		if (n)
			name[n++] = '.';
		for (size_t i = 1; i <= len; ++i) {
			host = host && is_host_octet(m->p[pos + i]);
			name[n++] = (char)m->p[pos + i];
		}
		pos += 1u + len;
	}

	name[n] = '\0';
	if (!host)
		memcpy(name, no_host, sizeof(no_host));
	m->pos = end ? end : pos + 1;
	return 0;
}

/* Read the record at m->pos and go on behind it. */
static int read_record(struct msg *m, struct record *rr)
{
	enum { FIXED = 10 };
	int err = read_name(m, rr->owner);

	if (err)
		return err;
	if (m->len - m->pos < FIXED)
		return EBADMSG;
	rr->type = u16_at(m, m->pos);
	rr->class = u16_at(m, m->pos + 2);
	rr->ttl = u32_at(m, m->pos + 4);
	if (rr->ttl > INT32_MAX) /* RFC 2181 8 */
		rr->ttl = 0;
	rr->len = u16_at(m, m->pos + 8);
	rr->data = m->pos + FIXED;
	if (rr->len > m->len - rr->data)
		return EBADMSG;
	m->pos = rr->data + rr->len;
	return 0;
}

/* A name in the data of a record: it has to end there. */
static int read_name_in(const struct msg *m, const struct record *rr, size_t offset,
			char name[DNS_HOST_SIZE])
{
	struct msg in = {m->p, m->len, rr->data + offset};
	int err = read_name(&in, name);

	return err ? err : in.pos == rr->data + rr->len ? 0 : EBADMSG;
}

/** Neither "any" (which would be ourselves), multicast nor broadcast. */
bool dns_addr_usable(const struct sa *addr)
{
	if (sa_af(addr) == AF_INET)
		return sa_in(addr) >> 24 != 0 && sa_in(addr) < 0xe0000000;
	if (sa_af(addr) == AF_INET6)
		return !sa_is_any(addr) && addr->u.in6.sin6_addr.s6_addr[0] != 0xff;
	return false;
}

/* Best first; equal ones stay in the order of the answer. */
static void insert_srv(struct dns_answer *a, const struct dns_record *r)
{
	size_t i = a->recordc;

	while (i && a->recordv[i - 1].priority > r->priority)
		--i;
	if (i >= DNS_SRV_MAX)
		return;
	if (a->recordc < DNS_SRV_MAX)
		++a->recordc;
	memmove(&a->recordv[i + 1], &a->recordv[i], (a->recordc - i - 1) * sizeof(*r));
	a->recordv[i] = *r;
}

static int take_srv(struct dns_answer *a, const struct msg *m, const struct record *rr)
{
	enum { FIXED = 6 };
	struct dns_record r = {0};
	int err;

	if (rr->len <= FIXED)
		return EBADMSG;
	r.priority = u16_at(m, rr->data);
	r.weight = u16_at(m, rr->data + 2);
	r.port = u16_at(m, rr->data + 4);
	err = read_name_in(m, rr, FIXED, r.host);
	if (err)
		return err;

	if (!*r.host)
		a->unavailable = true;
	else if (r.port && strcmp(r.host, no_host) != 0)
		insert_srv(a, &r);
	return 0;
}

static int take_addr(struct dns_answer *a, const struct msg *m, const struct record *rr)
{
	struct dns_record r = {0};

	if (rr->len != (rr->type == DNS_TYPE_A ? 4u : 16u))
		return EBADMSG;
	if (rr->type == DNS_TYPE_A)
		sa_set_in(&r.addr, u32_at(m, rr->data), 0);
	else
		sa_set_in6(&r.addr, m->p + rr->data, 0);

	for (size_t i = 0; i < a->recordc; ++i)
		if (sa_cmp(&a->recordv[i].addr, &r.addr, SA_ADDR))
			return 0;
	if (dns_addr_usable(&r.addr) && a->recordc < DNS_ADDRS_MAX)
		a->recordv[a->recordc++] = r;
	return 0;
}

/* The records from m->pos on that are this name's; *aliased gets where a CNAME leads. */
static int collect(struct dns_answer *a, const char *name, uint16_t type, struct msg m,
		   unsigned count, char aliased[DNS_HOST_SIZE])
{
	int err = 0;

	*aliased = '\0';
	while (count-- && !err) {
		struct record rr;

		err = read_record(&m, &rr);
		if (err || rr.class != DNS_CLASS_IN || str_casecmp(rr.owner, name))
			continue;
		if (rr.type == DNS_TYPE_CNAME)
			err = read_name_in(&m, &rr, 0, aliased);
		else if (rr.type == type)
			err = type == DNS_TYPE_SRV ? take_srv(a, &m, &rr) : take_addr(a, &m, &rr);
		else
			continue;
		if (rr.ttl < a->ttl_s)
			a->ttl_s = rr.ttl;
	}
	return err;
}

/* Go to the records of the answer; ENOENT when DNS says that there is no such name. */
static int open_answer(struct msg *m, unsigned *count)
{
	char question[DNS_HOST_SIZE];
	unsigned rcode;

	if (m->len < HEADER_SIZE || !(m->p[2] & FLAG_RESPONSE) || m->p[2] & FLAG_TRUNCATED)
		return EBADMSG;
	rcode = m->p[3] & RCODE_MASK;
	if (rcode)
		return rcode == RCODE_NXDOMAIN ? ENOENT : EIO;
	if (u16_at(m, 4) != 1)
		return EBADMSG;
	*count = u16_at(m, 6);
	if (*count > DNS_ANSWERS_MAX)
		*count = DNS_ANSWERS_MAX;

	m->pos = HEADER_SIZE;
	if (read_name(m, question) || m->len - m->pos < QUESTION_TAIL)
		return EBADMSG;
	m->pos += QUESTION_TAIL;
	return 0;
}

/**
 * @param name what was asked, without a dot at its end
 * @param type DNS_TYPE_SRV, _A or _AAAA
 * @return 0: records, or a->unavailable; ENOENT: there are none; EBADMSG: malformed;
 *         EIO: the server's own error
 */
int dns_answer_parse(struct dns_answer *a, const char *name, uint16_t type, const uint8_t *p,
		     size_t len)
{
	struct msg m = {p, len, 0};
	char current[DNS_HOST_SIZE], aliased[DNS_HOST_SIZE];
	unsigned count, aliases = 0;
	int err;

	memset(a, 0, sizeof(*a));
	a->ttl_s = INT32_MAX;
	if (str_len(name) >= sizeof(current))
		return ENOENT;
	str_ncpy(current, name, sizeof(current));

	err = open_answer(&m, &count);
	while (!err) {
		err = collect(a, current, type, m, count, aliased);
		if (err || !*aliased || a->recordc)
			break;
		if (++aliases > DNS_CNAMES_MAX || !strcmp(aliased, no_host))
			err = EBADMSG;
		memcpy(current, aliased, sizeof(current));
	}
	if (err)
		return err;

	a->unavailable = a->unavailable && !a->recordc;
	return a->recordc || a->unavailable ? 0 : ENOENT;
}
