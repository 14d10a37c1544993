/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNS for tests: messages written octet by octet, and a zone of a few records
 * that answers questions with them.
 */
#ifndef SALLYPORT_TEST_DNS_FIXTURE_H
#define SALLYPORT_TEST_DNS_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sallyport/base_log.h"
#include "dns_inner.h"

enum {
	ZONE_MAX = 128,
	ZONE_SILENT = 255, /* as the rcode of a record: no answer at all */
	RCODE_FORMERR = 1,
	RCODE_SERVFAIL = 2,
	RCODE_NXDOMAIN = 3
};

/** A message in the making. */
struct dnsmsg {
	uint8_t p[16384];
	size_t n;
};

static inline void msg_octet(struct dnsmsg *m, unsigned v)
{
	assert_true(m->n < sizeof(m->p));
	m->p[m->n++] = (uint8_t)v;
}

static inline void msg_u16(struct dnsmsg *m, unsigned v)
{
	msg_octet(m, v >> 8);
	msg_octet(m, v);
}

static inline void msg_u32(struct dnsmsg *m, uint32_t v)
{
	msg_u16(m, v >> 16);
	msg_u16(m, v & 0xffff);
}

/** "a.b", "" or "." for the root; never compressed. */
static inline void msg_name(struct dnsmsg *m, const char *name)
{
	while (*name && strcmp(name, ".") != 0) {
		const size_t len = strcspn(name, ".");

		msg_octet(m, (unsigned)len);
		for (size_t i = 0; i < len; ++i)
			msg_octet(m, (uint8_t)name[i]);
		name += len + (name[len] == '.');
	}
	msg_octet(m, 0);
}

/** Header and question; records are counted as they come. */
static inline void msg_begin(struct dnsmsg *m, const char *name, uint16_t type)
{
	m->n = 0;
	msg_u16(m, 0x1234);
	msg_u16(m, 0x8180);
	msg_u16(m, 1);
	msg_u16(m, 0);
	msg_u32(m, 0);
	msg_name(m, name);
	msg_u16(m, type);
	msg_u16(m, 1);
}

/** @return where its length stands, for msg_end() */
static inline size_t msg_record(struct dnsmsg *m, const char *owner, uint16_t type, uint32_t ttl)
{
	if (!++m->p[7])
		++m->p[6];
	msg_name(m, owner);
	msg_u16(m, type);
	msg_u16(m, 1);
	msg_u32(m, ttl);
	msg_u16(m, 0);
	return m->n - 2;
}

static inline void msg_end(struct dnsmsg *m, size_t at)
{
	m->p[at] = (uint8_t)((m->n - at - 2) >> 8);
	m->p[at + 1] = (uint8_t)(m->n - at - 2);
}

static inline void msg_addr(struct dnsmsg *m, const char *owner, uint16_t type, uint32_t ttl,
			    const char *addr)
{
	const size_t at = msg_record(m, owner, type, ttl), len = type == DNS_TYPE_A ? 4 : 16;
	uint8_t a[16];

	assert_int_equal(inet_pton(type == DNS_TYPE_A ? AF_INET : AF_INET6, addr, a), 1);
	for (size_t i = 0; i < len; ++i)
		msg_octet(m, a[i]);
	msg_end(m, at);
}

static inline void msg_cname(struct dnsmsg *m, const char *owner, uint32_t ttl, const char *name)
{
	const size_t at = msg_record(m, owner, DNS_TYPE_CNAME, ttl);

	msg_name(m, name);
	msg_end(m, at);
}

static inline void msg_srv(struct dnsmsg *m, const char *owner, uint32_t ttl, unsigned priority,
			   unsigned weight, unsigned port, const char *target)
{
	const size_t at = msg_record(m, owner, DNS_TYPE_SRV, ttl);

	msg_u16(m, priority);
	msg_u16(m, weight);
	msg_u16(m, port);
	msg_name(m, target);
	msg_end(m, at);
}

/** A record, or how the question for it fails. */
struct zone_record {
	char name[DNS_HOST_SIZE], data[DNS_HOST_SIZE];
	uint16_t type;
	uint32_t ttl;
	unsigned priority, weight, port, rcode;
};

struct zone {
	struct zone_record v[ZONE_MAX];
	size_t n;
};

static inline struct zone_record *zone_add(struct zone *z, const char *name, uint16_t type,
					   uint32_t ttl, const char *data)
{
	struct zone_record *r = &z->v[z->n++];

	assert_true(z->n <= ZONE_MAX);
	memset(r, 0, sizeof(*r));
	snprintf(r->name, sizeof(r->name), "%s", name);
	snprintf(r->data, sizeof(r->data), "%s", data);
	r->type = type;
	r->ttl = ttl;
	return r;
}

static inline void zone_a(struct zone *z, const char *name, uint32_t ttl, const char *addr)
{
	zone_add(z, name, strchr(addr, ':') ? DNS_TYPE_AAAA : DNS_TYPE_A, ttl, addr);
}

static inline void zone_srv(struct zone *z, const char *name, uint32_t ttl, unsigned priority,
			    unsigned weight, unsigned port, const char *target)
{
	struct zone_record *r = zone_add(z, name, DNS_TYPE_SRV, ttl, target);

	r->priority = priority;
	r->weight = weight;
	r->port = port;
}

/** Questions of this name and type get this rcode, or ZONE_SILENT. */
static inline void zone_fails(struct zone *z, const char *name, uint16_t type, unsigned rcode)
{
	zone_add(z, name, type, 0, "")->rcode = rcode;
}

static inline void zone_write(struct dnsmsg *m, const struct zone_record *r)
{
	if (r->type == DNS_TYPE_SRV)
		msg_srv(m, r->name, r->ttl, r->priority, r->weight, r->port, r->data);
	else if (r->type == DNS_TYPE_CNAME)
		msg_cname(m, r->name, r->ttl, r->data);
	else
		msg_addr(m, r->name, r->type, r->ttl, r->data);
}

/** The zone's answer. @return its rcode, or ZONE_SILENT */
static inline unsigned zone_answer(const struct zone *z, struct dnsmsg *m, const char *name,
				   uint16_t type)
{
	const char *owner = name;
	unsigned rcode = RCODE_NXDOMAIN;

	msg_begin(m, name, type);
	for (size_t i = 0; i < z->n; ++i) {
		const struct zone_record *r = &z->v[i];

		if (strcasecmp(r->name, owner) != 0)
			continue;
		if (rcode == RCODE_NXDOMAIN)
			rcode = 0;
		if (r->rcode && r->type == type)
			rcode = r->rcode;
		else if (!r->rcode && (r->type == type || r->type == DNS_TYPE_CNAME))
			zone_write(m, r);
		if (r->type == DNS_TYPE_CNAME)
			owner = r->data;
	}
	m->p[3] = (uint8_t)(0x80 | (rcode & 0x0f));
	return rcode;
}

/** The last lines of the log. */
struct dns_log {
	char line[64][512];
	size_t n;
};

static inline void dns_log_sink(enum sp_log_level level, const char *line, void *arg)
{
	struct dns_log *log = arg;
	(void)level;

	snprintf(log->line[log->n++ % 64], sizeof(log->line[0]), "%s", line);
}

static inline unsigned dns_logged(const struct dns_log *log, const char *part)
{
	unsigned n = 0;

	for (size_t i = 0; i < log->n && i < 64; ++i)
		n += strstr(log->line[i], part) != NULL;
	return n;
}

/** "192.0.2.1:5061 10/20 host, ..." */
static inline const char *dns_text(const struct dns_name *n)
{
	static char text[8192];
	size_t count, len = 0;
	const struct dns_place *p = dns_places(n, &count);

	*text = '\0';
	for (size_t i = 0; i < count; ++i) {
		re_snprintf(text + len, sizeof(text) - len, "%s%J %u/%u %s", i ? ", " : "",
			    &p[i].addr, p[i].priority, p[i].weight, p[i].host);
		len = strlen(text);
	}
	return text;
}

#endif
