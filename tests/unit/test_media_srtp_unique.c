/* SPDX-License-Identifier: BSD-3-Clause
 *
 * No index of an SSRC is used twice under one key of ours (RFC 3711 9.1),
 * whatever the peer's keys, forks and sequence numbers do, and a receiver that
 * guesses as RFC 3711's appendix A says understands every packet.
 */
#include "unit/srtp_fixture.h"
#include "unit/srtp_stock.h"

enum {
	STEPS = 120000,
	SSRCS = 3,
	LEGS = 4,
	LATE = 12,
	INDEXES = 1 << 24, /* that are recorded; then a new key comes */
	MARGIN = 1 << 17,
};

/* One key of the peer, from which the same SSRCs may come as from others. */
struct leg {
	struct ref ref;
	struct sp_srtp_in *in;
	uint64_t index[SSRCS];
};

/* A packet on its way to us. */
struct late {
	struct leg *leg; /* NULL: none */
	uint32_t ssrc;
	uint64_t index;
	unsigned key; /* of the leg, counted */
};

/* Who gets it: appendix A, and a record of all indexes. */
struct receiver {
	struct ref ref;
	bool known[SSRCS];
	uint64_t high[SSRCS];
	uint8_t *used[SSRCS];
	srtp_t stock; /* NULL where counters went on, which it cannot be told */
};

struct world {
	struct leg legs[LEGS];
	unsigned keys[LEGS];
	struct late late[LATE];
	struct sp_srtp_out *out;
	struct receiver to;
	unsigned sent, refused, moved, rekeyed;
};

static void leg_rekey(struct world *w, unsigned i)
{
	struct leg *leg = &w->legs[i];
	uint8_t key[SP_SRTP_KEY_SIZE];

	sp_random(key, sizeof(key));
	ref_init(&leg->ref, key);
	mem_deref(leg->in);
	leg->in = in_new(key);
	w->keys[i]++;
	if (dice(2)) /* else its numbers go on */
		return;
	for (int k = 0; k < SSRCS; k++)
		leg->index[k] = (uint64_t)dice(3) << 16 | (dice(2) ? dice(400) : dice(65536));
}

static void out_rekey(struct world *w, bool like)
{
	struct sp_srtp_out *was = w->out;
	uint8_t key[SP_SRTP_KEY_SIZE];

	sp_random(key, sizeof(key));
	w->out = out_new(key, like ? was : NULL);
	mem_deref(was);
	ref_init(&w->to.ref, key);
	if (w->to.stock)
		if (w->to.stock)
			srtp_dealloc(w->to.stock);
	w->to.stock = like ? NULL : stock_new(key, false);
	for (int i = 0; i < SSRCS; i++) {
		memset(w->to.used[i], 0, INDEXES / 8);
		w->to.known[i] = w->to.known[i] && like;
	}
	w->rekeyed++;
}

static uint32_t guess(const struct receiver *r, uint32_t ssrc, uint16_t seq)
{
	const uint32_t roc = (uint32_t)(r->high[ssrc] >> 16);
	const int latest = (int)(r->high[ssrc] & 0xffff);

	if (!r->known[ssrc])
		return 0;
	if (latest < 32768)
		return seq - latest > 32768 ? roc - 1 : roc;

	return latest - 32768 > seq ? roc + 1 : roc;
}

static void packet_out(struct world *w, const uint8_t *p, size_t n, uint32_t ssrc,
		       const uint8_t *plain, size_t plain_len)
{
	const uint16_t seq = srtp_get16(p + 2);
	struct receiver *r = &w->to;
	const uint64_t index = (uint64_t)guess(r, ssrc, seq) << 16 | seq;
	uint8_t copy[BUF];
	size_t len = n;

	memcpy(copy, p, n);
	assert_int_equal(ref_unprotect(&r->ref, copy, n, (uint32_t)(index >> 16)), plain_len);
	assert_memory_equal(copy, plain, 2);
	assert_memory_equal(copy + 4, plain + 4, plain_len - 4);
	w->moved += srtp_get16(plain + 2) != seq;

	assert_in_range(index, 0, INDEXES - 1);
	assert_false(r->used[ssrc][index / 8] >> index % 8 & 1);
	r->used[ssrc][index / 8] |= (uint8_t)(1 << index % 8);
	assert_true(!r->known[ssrc] || index + SRTP_WINDOW > r->high[ssrc]);
	r->high[ssrc] = r->known[ssrc] ? max(r->high[ssrc], index) : index;
	r->known[ssrc] = true;

	if (r->stock) {
		memcpy(copy, p, n);
		assert_int_equal(stock_unprotect(r->stock, copy, &len, false), 0);
		assert_int_equal(len, plain_len);
	}
	if (r->high[ssrc] > INDEXES - MARGIN)
		out_rekey(w, false);
}

static void packet_arrive(struct world *w, const struct late *l)
{
	uint8_t p[BUF], plain[BUF];
	struct sp_srtp_place place;
	const size_t plain_len = ref_rtp(plain, l->ssrc, (uint16_t)l->index, 10);
	size_t n = rtp_wire(&l->leg->ref, p, l->ssrc, l->index, 10);

	if (sp_srtp_unprotect(l->leg->in, p, &n, false, 0, true, &place))
		return;

	if (!dice(1000)) /* numbers of runs that meet by chance */
		place.run = 0;
	if (sp_srtp_protect(w->out, p, &n, false, &place)) {
		w->refused++;
		return;
	}
	w->sent++;
	packet_out(w, p, n, l->ssrc, plain, plain_len);
}

static void step(struct world *w, unsigned *leg)
{
	struct late *l = &w->late[dice(LATE)];

	if (!dice(40))
		*leg = dice(LEGS);
	if (!dice(2000))
		leg_rekey(w, *leg);
	if (!dice(4000))
		out_rekey(w, dice(2));

	/* a packet of a key that is gone does not arrive */
	if (l->leg && l->key == w->keys[l->leg - w->legs]) {
		packet_arrive(w, l);
		if (!dice(20))
			packet_arrive(w, l);
	}

	l->leg = &w->legs[*leg];
	l->key = w->keys[*leg];
	l->ssrc = dice(SSRCS);
	l->leg->index[l->ssrc] += dice(500) ? 1 : dice(90000);
	l->index = l->leg->index[l->ssrc];
}

static void test_unique(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned leg = 0;
	(void)state;

	for (int i = 0; i < SSRCS; i++)
		w->to.used[i] = calloc(1, INDEXES / 8);
	for (unsigned i = 0; i < LEGS; i++)
		leg_rekey(w, i);
	out_rekey(w, false);
	for (int i = 0; i < STEPS; i++)
		step(w, &leg);

	assert_true(w->sent > STEPS / 2);
	assert_true(w->refused > 100 && w->moved > 1000 && w->rekeyed > 10);

	if (w->to.stock)
		srtp_dealloc(w->to.stock);
	for (unsigned i = 0; i < LEGS; i++)
		mem_deref(w->legs[i].in);
	for (int i = 0; i < SSRCS; i++)
		free(w->to.used[i]);
	mem_deref(w->out);
	free(w);
}

static int setup(void **state)
{
	(void)state;

	return srtp_init() ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;

	return srtp_shutdown() ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unique),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
