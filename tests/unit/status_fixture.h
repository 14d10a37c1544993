/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A struct app_status made by hand, and printed as a whole.
 */
#ifndef SALLYPORT_TEST_STATUS_FIXTURE_H
#define SALLYPORT_TEST_STATUS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* see src/app/status_json.c */
#define JSON_STRING RE_JSON_STRING
#define JSON_NULL RE_JSON_NULL
#include <re.h>
#undef JSON_STRING
#undef JSON_NULL

#include "app_status_priv.h"

/** What a peer could get into an error text: line breaks, an escape sequence, quotes, no UTF-8. */
#define HOSTILE "a\"b\\c\nd\re\x1b[31m\xff\xc0\x80}\xe2\x82\xac"

struct made {
	struct app_status status; /* first */
	char (*namev)[32];
};

static inline void made_destructor(void *arg)
{
	struct made *m = arg;

	mem_deref(m->status.interfacev);
	mem_deref(m->status.trunkv);
	mem_deref(m->status.targetv);
	mem_deref(m->status.certv);
	mem_deref(m->status.callv);
	mem_deref(m->status.flowv);
	mem_deref(m->namev);
}

static inline void make_target(struct app_status_target *tg, const char *trunk, size_t i)
{
	*tg = (struct app_status_target){
		.trunk = trunk,
		.label = "sbc.example.net:5061",
		.entry = "example.net",
		.address = i ? "192.0.2.2" : "192.0.2.1",
		.state = i ? "down" : "up",
		.why = i ? "no connection: Connection refused" : "",
		.twin = i > 1,
		.up = !i,
		.since_ms = 61500,
		.priority = 10,
		.weight = 5,
		.connections = 2,
		.pending = 1,
		.busy_s = i ? 30 : 0,
		.picked = 7,
		.failures = i,
		.options_ms = i ? 0 : 12,
	};
}

static inline void make_interface(struct app_status *s)
{
	s->interfacev = mem_zalloc(sizeof(*s->interfacev), NULL);
	s->interfacec = 1;
	s->interfacev[0] = (struct app_status_interface){
		.name = "core",
		.advertise = "core.example",
		.media_advertise = "203.0.113.1",
		.port_min = 20000,
		.port_max = 20999,
		.pairs = 500,
		.pairs_used = 6,
		.pairs_hurried = 3,
		.failed = 4,
		.handshakes_max = 256,
	};
	assert_int_equal(sa_set_str(&s->interfacev[0].sip, "2001:db8::1", 5061), 0);
	assert_int_equal(sa_set_str(&s->interfacev[0].media, "192.0.2.9", 0), 0);
}

/** An interface, trunks with targets each, a certificate. Free with mem_deref(). */
static inline struct app_status *status_make(size_t trunks, size_t targets)
{
	struct made *m = mem_zalloc(sizeof(*m), made_destructor);
	struct app_status *s = &m->status;

	s->gateway = (struct app_status_gateway){
		.version = "1.2.3",
		.conf = "/etc/sallyport/sallyport.conf",
		.phase = "running",
		.pid = 42,
		.now_s = 1769850904,
		.start_s = 1769764503,
		.uptime_s = 86401,
		.load_ok = 1,
		.loaded_s = 1769764504,
		.resident_bytes = 64 << 20,
		.cpu_ms = 12345,
		.calls = 3,
		.calls_max = 400,
		.begun = 10,
		.answered = 6,
		.failed = 1,
		.refused = 2,
		.lag_ms = 7,
		.share_milli = 1000,
		.overload_cause = "",
	};
	make_interface(s);

	m->namev = mem_zalloc((trunks + 1) * sizeof(*m->namev), NULL);
	s->trunkv = mem_zalloc((trunks + 1) * sizeof(*s->trunkv), NULL);
	s->targetv = mem_zalloc((trunks * targets + 1) * sizeof(*s->targetv), NULL);
	for (size_t i = 0; i < trunks; i++) {
		struct app_status_trunk *t = &s->trunkv[s->trunkc++];

		snprintf(m->namev[i], sizeof(m->namev[i]), "trunk-%zu", i);
		*t = (struct app_status_trunk){
			.name = m->namev[i],
			.kind = "carrier",
			.interface = "core",
			.profile = "generic",
			.first_target = s->targetc,
			.targets = targets,
			.up = 1,
			.calls_in = 2,
			.calls_out = 1,
		};
		t->limit[SP_TRUNK_LIMIT_CALLS_IN] = 20;
		t->refused[SP_TRUNK_LIMIT_RATE] = 5;
		for (size_t k = 0; k < targets; k++)
			make_target(&s->targetv[s->targetc++], t->name, k);
	}
	s->certv = mem_zalloc(sizeof(*s->certv), NULL);
	s->certc = 1;
	s->certv[0] = (struct app_status_cert){
		.file = "/etc/sallyport/core.crt",
		.kind = "certificate",
		.subject = "CN=core.example",
		.names = "DNS:core.example",
		.use = "interface core",
		.expires_s = 1772442904,
		.days_left = 30,
	};
	status_measure(s);

	return s;
}

/** All strings that others may have written are HOSTILE. */
static inline struct app_status *status_make_hostile(void)
{
	struct app_status *s = status_make(1, 1);

	s->gateway.version = s->gateway.conf = s->gateway.overload_cause = HOSTILE;
	s->gateway.overloaded = 1;
	s->interfacev[0].name = s->interfacev[0].advertise = HOSTILE;
	s->interfacev[0].media_advertise = HOSTILE;
	s->trunkv[0].name = s->trunkv[0].kind = s->trunkv[0].interface = HOSTILE;
	s->trunkv[0].profile = HOSTILE;
	s->targetv[0].trunk = s->targetv[0].label = s->targetv[0].entry = HOSTILE;
	s->targetv[0].address = s->targetv[0].why = s->targetv[0].state = HOSTILE;
	s->certv[0].file = s->certv[0].subject = s->certv[0].names = s->certv[0].use =
		s->certv[0].kind = HOSTILE;
	status_measure(s);

	return s;
}

/** A slice of a listing, with room for STATUS_CALLS: calls of two streams, but the first. */
static inline struct app_status *status_make_calls(size_t calls)
{
	struct made *m = mem_zalloc(sizeof(*m), made_destructor);
	struct app_status *s = &m->status;

	s->gateway.now_s = 1769850904;
	s->name_width = 7;
	s->callc = calls;
	s->callv = mem_zalloc(STATUS_CALLS * sizeof(*s->callv), NULL);
	s->flowv = mem_zalloc(4 * STATUS_CALLS * sizeof(*s->flowv), NULL);
	m->namev = mem_zalloc(STATUS_CALLS * sizeof(*m->namev), NULL);
	for (size_t i = 0; i < STATUS_CALLS; i++) {
		snprintf(m->namev[i], sizeof(m->namev[i]), "call-%011zu", i);
		s->callv[i] = (struct app_status_call){
			.id = m->namev[i],
			.state = "up",
			.from = "carrier",
			.to = "service",
			.caller = "+44163296****",
			.callee = "",
			.media = i ? "both ways" : "one way, from the caller only",
			.age_ms = 90061999,
			.talk_ms = 61000,
			.first_flow = i ? 4 * i - 2 : 0,
			.flows = i ? 4 : 2,
		};
	}
	for (size_t i = 0; i < 4 * STATUS_CALLS; i++) {
		s->flowv[i] = (struct app_status_flow){
			.side = i % 2 ? "callee" : "caller",
			.stream = (i + 2) / 2 % 2,
			.packets = 3000 + i,
			.bytes = 516000,
			.rtcp = 12,
			.lost = 4,
			.late = 3,
			.duplicate = 2,
			.unauthentic = 1,
			.jitter_us = 1250,
			.jitter_max_us = 12345,
			.gap_ms = 61,
			.idle_ms = 20,
		};
	}
	s->flowc = calls ? 4 * calls - 2 : 0;

	return s;
}

/** All pieces, one after the other, with a NUL. Free with mem_deref(). */
static inline char *status_print(const struct status_printer *p, const struct app_status *s,
				 size_t *largest)
{
	struct mbuf *mb = mbuf_alloc(1024);
	const size_t n = p->pieces(s);
	char *text = NULL;

	for (size_t i = 0; i < n; i++) {
		const size_t before = mb->end;

		assert_int_equal(p->piece(mb, s, i), 0);
		if (largest && mb->end - before > *largest)
			*largest = mb->end - before;
	}
	/* what is not there prints nothing */
	{
		const size_t before = mb->end;

		assert_int_equal(p->piece(mb, s, n), 0);
		assert_int_equal(p->piece(mb, s, SIZE_MAX), 0);
		assert_int_equal(mb->end, before);
	}
	mb->pos = 0;
	assert_int_equal(mbuf_strdup(mb, &text, mb->end), 0);
	mem_deref(mb);

	return text;
}

/** The text has this line. */
static inline void expect_line(const char *text, const char *line)
{
	const size_t n = strlen(line);

	for (const char *p = text; (p = strstr(p, line)); p++) {
		if ((p == text || p[-1] == '\n') && p[n] == '\n')
			return;
	}
	fail_msg("no line \"%s\" in:\n%s", line, text);
}

#endif
