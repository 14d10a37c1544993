/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SRTP that leaves: how packets of several keys of a peer become one row of
 * indexes under one of ours, and that none of these is used twice.
 */

#include "unit/srtp_fixture.h"

enum { SSRC = 0x2bcdef01 };

#define AT(roc, seq) ((uint64_t)(roc) << 16 | (seq))
#define REFUSED(err) (UINT64_MAX - (uint64_t)(err))

struct fix {
	struct sp_srtp_out *out;
	struct ref ref;
};

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	ref_init(&f->ref, b3_master);
	f->out = out_new(b3_master, NULL);
	*state = f;

	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	mem_deref(f->out);
	free(f);

	return 0;
}

/* Under which index did this packet go out? By trying, as someone who knows the key. */
static uint64_t index_of(const struct ref *ref, const uint8_t *p, size_t n, uint32_t from)
{
	uint8_t copy[BUF];

	for (uint32_t i = 0; i < 8; i++) {
		const uint32_t roc = from + i;

		memcpy(copy, p, n);
		if (ref_unprotect(ref, copy, n, roc))
			return AT(roc, srtp_get16(p + 2));
	}
	fail_msg("not authentic under any rollover counter");

	return 0;
}

/* Send the packet of a run's index. @return the index that it got, or REFUSED() */
static uint64_t send_at(struct fix *f, uint32_t run, uint64_t index)
{
	const struct sp_srtp_place place = place_of(SSRC, run, index);
	uint8_t p[BUF], plain[BUF];
	size_t n = ref_rtp(p, SSRC, (uint16_t)index, 30), len = n;
	int err;

	memcpy(plain, p, n);
	err = sp_srtp_protect(f->out, p, &len, false, &place);
	if (err) {
		assert_memory_equal(p, plain, n);
		return REFUSED(err);
	}
	assert_int_equal(len, n + SRTP_TAG);

	return index_of(&f->ref, p, len, 0);
}

/* The first counter under a key is 0 (RFC 4568 6.4), the sequence number the peer's. */
static void test_first(void **state)
{
	struct fix *f = *state;

	assert_int_equal(send_at(f, 1, AT(77, 5000)), 5000);
	assert_int_equal(send_at(f, 1, AT(77, 5002)), 5002);
	assert_int_equal(send_at(f, 1, AT(77, 5001)), 5001); /* late */
	assert_int_equal(send_at(f, 1, AT(77, 4990)), 4990); /* before the first */
	assert_int_equal(send_at(f, 1, AT(77, 4990)), REFUSED(EALREADY));
	assert_int_equal(send_at(f, 1, AT(77, 5002 + 0x7fff)), 5002 + 0x7fff);
	assert_int_equal(send_at(f, 1, AT(78, 0)), AT(1, 0));
	assert_int_equal(send_at(f, 1, AT(76, 65535)), REFUSED(EALREADY)); /* before index 0 */
	assert_int_equal(send_at(f, 1, AT(79, 0)), AT(1, 1)); /* a gap that nobody follows */
}

/* A new run whose numbers a receiver takes for new keeps them... */
static void test_run_ahead(void **state)
{
	struct fix *f = *state;

	assert_int_equal(send_at(f, 1, 100), 100);
	assert_int_equal(send_at(f, 2, AT(5, 101)), 101);
	assert_int_equal(send_at(f, 2, AT(5, 103)), 103);
	assert_int_equal(send_at(f, 2, AT(5, 102)), 102);
	assert_int_equal(send_at(f, 3, AT(0, 103 + 0x7fff)), 103 + 0x7fff);
	assert_int_equal(send_at(f, 4, AT(9, 5)), AT(1, 5)); /* over the wrap */
	assert_int_equal(send_at(f, 4, AT(9, 6)), AT(1, 6));
	assert_int_equal(send_at(f, 4, AT(9, 4)), AT(1, 4));
}

/* ...and one whose numbers look old is moved, all of it. */
static void test_run_behind(void **state)
{
	struct fix *f = *state;

	assert_int_equal(send_at(f, 1, 100), 100);
	assert_int_equal(send_at(f, 2, 100), 101); /* the same */
	assert_int_equal(send_at(f, 2, 102), 103);
	assert_int_equal(send_at(f, 2, 101), 102);
	assert_int_equal(send_at(f, 2, 99), REFUSED(EALREADY)); /* behind its run */
	assert_int_equal(send_at(f, 3, AT(7, 104 + 0x8000)), 104);
	assert_int_equal(send_at(f, 3, AT(7, 105 + 0x8000)), 105);
	assert_int_equal(send_at(f, 4, 3), 106);
	assert_int_equal(send_at(f, 4, AT(0, 0x7fff)), 0x7fff + 103);
	assert_int_equal(send_at(f, 4, AT(0, 0xfffe)), AT(1, 101));
	assert_int_equal(send_at(f, 4, AT(0, 0xffff)), AT(1, 102));
}

/* One that was switched away from begins anew, wherever it is. */
static void test_run_back(void **state)
{
	struct fix *f = *state;

	assert_int_equal(send_at(f, 1, 1000), 1000);
	assert_int_equal(send_at(f, 2, 1001), 1001);
	assert_int_equal(send_at(f, 1, 1001), 1002);
	assert_int_equal(send_at(f, 2, 1002), 1003);
	assert_int_equal(send_at(f, 1, 1002), 1004);
	assert_int_equal(send_at(f, 1, 1003), 1005);
	assert_int_equal(send_at(f, 1, 1002), REFUSED(EALREADY));
}

/* Even were two runs of one number: what was used is not used again (section 9.1). */
static void test_used(void **state)
{
	struct fix *f = *state;

	for (uint64_t i = 10; i < 600; i++)
		assert_int_equal(send_at(f, 1, i), i);
	for (uint64_t i = 0; i < 600; i++)
		assert_int_equal(send_at(f, 1, i), REFUSED(EALREADY));
	assert_int_equal(send_at(f, 1, 600), 600);
}

/* Other SSRCs have rows of their own. */
static void test_ssrcs(void **state)
{
	struct fix *f = *state;
	uint8_t p[BUF];

	for (uint32_t i = 0; i < SP_SRTP_SSRC_MAX + 3; i++) {
		const struct sp_srtp_place place = place_of(i, 7, AT(i, 9));
		const int want = i < SP_SRTP_SSRC_MAX ? 0 : EOVERFLOW;
		size_t n = ref_rtp(p, i, 9, 20);

		assert_int_equal(sp_srtp_protect(f->out, p, &n, false, &place), want);
		if (!want)
			assert_int_equal(index_of(&f->ref, p, n, 0), 9);
		n = ref_rtcp(p, i, 1);
		assert_int_equal(sp_srtp_protect(f->out, p, &n, true, NULL), want);
		if (!want)
			assert_int_equal(ref_get32(p + n - 14), 0x80000000);
	}
}

/* A new key that is like the one before: counters go on (RFC 3711 3.3.1). */
static void test_like(void **state)
{
	struct fix *f = *state;
	struct sp_srtp_out *was;
	uint8_t p[BUF];
	size_t n;

	assert_int_equal(send_at(f, 1, AT(4, 65000)), 65000);
	assert_int_equal(send_at(f, 1, AT(5, 3)), AT(1, 3));
	n = ref_rtcp(p, SSRC, 1);
	assert_int_equal(sp_srtp_protect(f->out, p, &n, true, NULL), 0);

	was = f->out;
	f->out = out_new(b3_master, was);
	mem_deref(was);
	assert_int_equal(send_at(f, 1, AT(5, 4)), AT(1, 4));
	assert_int_equal(send_at(f, 1, AT(5, 2)), AT(1, 2));
	assert_int_equal(send_at(f, 1, AT(5, 3)), REFUSED(EALREADY)); /* the key may be the same */
	assert_int_equal(send_at(f, 2, AT(0, 2)), AT(1, 5));

	n = ref_rtcp(p, SSRC, 1); /* section 3.4: "MUST NOT be reset to zero" */
	assert_int_equal(sp_srtp_protect(f->out, p, &n, true, NULL), 0);
	assert_int_equal(ref_get32(p + n - 14), 0x80000001);

	mem_deref(f->out); /* and without, from 0 */
	f->out = out_new(b3_master, NULL);
	assert_int_equal(send_at(f, 1, AT(5, 5)), 5);
}

/* Section 9.2: the end of a key. */
static void test_limits(void **state)
{
	struct fix *f = *state;
	const uint64_t end = UINT64_C(1) << 48;
	struct srtp_out_row *row;
	struct srtcp_out_row *rtcp;
	uint8_t p[BUF];
	size_t n;

	assert_int_equal(send_at(f, 1, end), REFUSED(EKEYEXPIRED));
	assert_int_equal(send_at(f, 1, UINT64_MAX), REFUSED(EKEYEXPIRED));
	assert_int_equal(f->out->rtp_table.n, 0);

	assert_int_equal(send_at(f, 1, 1), 1);
	row = (void *)f->out->rtp_table.v;
	row->window.high = end - 2;
	row->delta = (int64_t)end - 2 - 1;
	n = ref_rtp(p, SSRC, 2, 0);
	assert_int_equal(
		sp_srtp_protect(f->out, p, &n, false, &(struct sp_srtp_place){SSRC, 1, 2, 0, 0}),
		0);
	assert_int_equal(index_of(&f->ref, p, n, UINT32_MAX - 1), end - 1);
	assert_int_equal(send_at(f, 1, 3), REFUSED(EKEYEXPIRED));
	assert_int_equal(send_at(f, 2, 9), REFUSED(EKEYEXPIRED));

	n = ref_rtcp(p, SSRC, 1);
	assert_int_equal(sp_srtp_protect(f->out, p, &n, true, NULL), 0);
	rtcp = (void *)f->out->rtcp_table.v;
	rtcp->next = 0x7fffffff;
	n = ref_rtcp(p, SSRC, 1);
	assert_int_equal(sp_srtp_protect(f->out, p, &n, true, NULL), 0);
	assert_int_equal(ref_get32(p + n - 14), 0xffffffff);
	n = ref_rtcp(p, SSRC, 1);
	assert_int_equal(sp_srtp_protect(f->out, p, &n, true, NULL), EKEYEXPIRED);
	assert_int_equal(sp_srtp_protect(f->out, p, &n, true, NULL), EKEYEXPIRED);
	assert_int_equal(n, 28);
}

static void test_alloc(void **state)
{
	struct sp_srtp_out *s = NULL;
	(void)state;

	assert_int_equal(sp_srtp_out_alloc(NULL, b3_master, NULL), EINVAL);
	assert_int_equal(sp_srtp_out_alloc(&s, NULL, NULL), EINVAL);
	assert_null(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_first),    T(test_run_ahead), T(test_run_behind),
		T(test_run_back), T(test_used),      T(test_ssrcs),
		T(test_like),     T(test_limits),    T(test_alloc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
