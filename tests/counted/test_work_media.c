/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of one packet beside as many sources as a key may have (RFC 3711 3.2.3), of RTCP
 * with as many reports as a packet holds (RFC 3550 6.1, 6.4), and of one more pair of
 * ports beside those that are taken.
 */
#include <unistd.h>
#include "media_priv.h"
#include "unit/srtp_fixture.h"
#include "work.h"

enum { PACKETS = 64, RTCP_FROM = 256, RTCP_TO = 32 * 1024, US = 1000000 };

/* Ports are chosen by chance: the work of one is that of many, divided. */
enum { PAIRS = 25000, TAKES = 256 };

/* ---- SSRCs ---- */

struct stream {
	struct sp_srtp_in *in;
	struct sp_srtp_out *out;
	struct ref ref;
};

/* @return what unprotecting said */
static int packet(struct stream *s, uint32_t ssrc, uint16_t seq, bool forged)
{
	uint8_t p[BUF] = {0};
	size_t len = rtp_wire(&s->ref, p, ssrc, seq, 20);
	struct sp_srtp_place place;
	int err;

	if (forged)
		p[len - 1] ^= 1;
	work_on();
	err = sp_srtp_unprotect(s->in, p, &len, false, 0, false, &place);
	if (!err)
		err = sp_srtp_protect(s->out, p, &len, false, &place);
	work_off();

	return err;
}

/* n sources speak in turn; each packet of another one, so none is found where it was last. */
static void sources_work(size_t n, void *arg)
{
	const bool *forged = arg;
	struct stream s;

	ref_init(&s.ref, b3_master);
	s.in = in_new(b3_master);
	s.out = out_new(b3_master, NULL);
	for (uint32_t i = 0; i < n; i++)
		(void)packet(&s, i, 1, false);
	(void)work_taken();
	for (uint32_t i = 0; i < PACKETS; i++)
		(void)packet(&s, *forged ? 0x80000000 + i : (uint32_t)(i * 7 % n), 2, *forged);
	mem_deref(s.in);
	mem_deref(s.out);
}

/* Past SP_SRTP_SSRC_MAX sources it is no dearer: packets of more are refused. */
static void sources(void **state)
{
	bool forged = false;
	uint64_t few, most;

	(void)state;
	(void)work_taken();
	sources_work(1, &forged);
	few = work_taken();
	sources_work(SP_SRTP_SSRC_MAX, &forged);
	most = work_taken();
	assert_in_range(most / PACKETS, 1, few / PACKETS + 2 * 8 * SP_SRTP_SSRC_MAX);
	work_constant("sources", SP_SRTP_SSRC_MAX, 16 * SP_SRTP_SSRC_MAX, sources_work, &forged);
	forged = true;
	work_constant("forged", SP_SRTP_SSRC_MAX, 16 * SP_SRTP_SSRC_MAX, sources_work, &forged);
}

/* ---- RTCP ---- */

struct shape {
	uint8_t first, type; /* of each packet of the compound */
	size_t size;         /* 0: as long as can be */
};

static void rtcp_work(size_t n, void *arg)
{
	const struct shape *shape = arg;
	struct media_flow *f = calloc(2, sizeof(*f));
	uint8_t *p = calloc(1, n);

	for (size_t at = 0; at + 8 <= n;) {
		const size_t size = min(shape->size ? shape->size : n, n - at) & ~(size_t)3;

		p[at] = shape->first;
		p[at + 1] = shape->type;
		p[at + 2] = (uint8_t)((size / 4 - 1) >> 8);
		p[at + 3] = (uint8_t)(size / 4 - 1);
		for (size_t i = at + 4; i < at + size; i++)
			p[i] = (uint8_t)(i * 131);
		at += size;
	}
	for (uint32_t i = 0; i < FLOW_RUNS; i++) {
		const struct sp_srtp_place place = {.ssrc = i, .run = i, .index = 1, .first = true};
		const uint8_t rtp[12] = {0x80};

		media_flow_rtp(&f[1], &place, rtp, sizeof(rtp), US);
	}
	work_on();
	media_flow_rtcp(&f[0], &f[1], p, n, 2 * US);
	work_off();
	free(p);
	free(f);
}

static void rtcp(void **state)
{
	static const struct shape v[] = {
		{0x80, 201, 8}, {0x80, 200, 28}, {0x9f, 201, 752}, {0x9f, 200, 772},
		{0x80, 202, 8}, {0x81, 203, 4},  {0x9f, 201, 0},   {0x80, 204, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		assert_in_range(work_linear("rtcp", RTCP_FROM, RTCP_TO, rtcp_work,
					    (void *)(uintptr_t)&v[i]),
				1, (uint64_t)RTCP_TO * 20);
}

/* RTP headers: CSRCs and an extension as long as they say (RFC 3550 5.1, 5.3.1). */
static void rtp_work(size_t n, void *arg)
{
	uint8_t p[12] = {0x9f};
	uint8_t *buf = calloc(1, n);
	(void)arg;

	memcpy(buf, p, sizeof(p));
	work_on();
	(void)srtp_rtp_head(buf, n, SRTP_TAG);
	(void)srtp_rtcp_ok(buf, n, SRTP_TAG);
	work_off();
	free(buf);
}

static void rtp(void **state)
{
	(void)state;
	work_constant("rtp", 128, 64 * 1024, rtp_work, NULL);
}

/* ---- ports ---- */

static void ports_work(size_t n, void *arg)
{
	struct sp_ports *p;
	struct sa addr;
	uint16_t port;
	int fd[2];
	(void)arg;

	assert_int_equal(sa_set_str(&addr, "127.0.78.1", 0), 0);
	assert_int_equal(sp_ports_alloc(&p, &addr, 10000, 59999), 0);
	sp_ports_rest(p, 1000);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(media_ports_take(p, 1000, &port, fd), 0);
		(void)close(fd[0]);
		(void)close(fd[1]);
	}
	work_on();
	for (unsigned i = 0; i < TAKES; i++) {
		assert_int_equal(media_ports_take(p, 1000, &port, fd), 0);
		(void)close(fd[0]);
		(void)close(fd[1]);
		media_ports_give(p, 1000, port);
	}
	work_off();
	mem_deref(p);
}

/* Most that are tried are free; later two of three are not; in the end nearly all are taken
 * and the sets are counted, 64 pairs at a time. */
static void ports(void **state)
{
	uint64_t few;

	(void)state;
	few = work_constant("ports", 256, 4096, ports_work, NULL);
	ports_work(16384, NULL);
	assert_in_range(work_taken(), 1, 6 * few);
	ports_work(PAIRS - 20, NULL);
	assert_in_range(work_taken() / TAKES, 1, 30 * PAIRS / 64 * 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources),
		cmocka_unit_test(rtcp),
		cmocka_unit_test(rtp),
		cmocka_unit_test(ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
