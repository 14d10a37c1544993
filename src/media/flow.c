/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/flow: what one direction of a stream is like, from what comes (RFC 3550
 * section 6.4.1, appendices A.3 and A.8) and from what the peer reports in RTCP.
 *
 * Loss is counted by SRTP's index, which does not wrap: what is missing between the
 * lowest and the highest of a run. A leap ahead that is faster than anybody sends is a
 * new beginning, not a loss.
 *
 * Jitter is that of A.8, in microseconds, with no sample where timestamps do not tell
 * how far apart two packets were sent:
 *  - the payload type is another: another clock, comfort noise (RFC 3389), or an event
 *    (RFC 4733 2.2.1: its timestamp is that of its beginning);
 *  - the timestamp is the same: the updates of an event, the packets of a picture. The
 *    next one is compared with the first of them;
 *  - they differ from the clock by over a second: a sender that began anew, or whose
 *    timestamps stood still while it was silent.
 */
#include <string.h>

#include "media_priv.h"

enum {
	CLOCK_DEFAULT = 8000,
	CLOCK_MIN = 1000, /* RFC 4103, text */
	CLOCK_MAX = 1000000,
	TICK_SHIFT = 20,

	RTCP_HEADER = 8, /* with the SSRC of the sender */
	SENDER_INFO = 20,
	REPORT_BLOCK = 24,
};

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t narrow(uint64_t v)
{
	return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

/* RFC 3551 section 6, tables 4 and 5 */
static uint32_t static_clock(uint8_t type)
{
	switch (type) {
	case 6:
		return 16000;
	case 10:
	case 11:
		return 44100;
	case 16:
		return 11025;
	case 17:
		return 22050;
	case 14:
		return 90000;
	default:
		return type >= 25 && type <= 34 ? 90000 : CLOCK_DEFAULT;
	}
}

static uint32_t tick_of(const struct media_flow *f, uint8_t type)
{
	uint32_t hz = static_clock(type);

	for (size_t i = 0; i < f->clockc; i++) {
		if (f->clockv[i].type == type) {
			hz = f->clockv[i].hz;
			break;
		}
	}

	return (uint32_t)(((uint64_t)1000000 << TICK_SHIFT) / hz);
}

void media_flow_clocks(struct media_flow *f, const struct sp_relay_clock *v, size_t n)
{
	f->clockc = 0;
	for (size_t i = 0; i < n && f->clockc < SP_RELAY_CLOCKS_MAX; i++) {
		if (v[i].hz >= CLOCK_MIN && v[i].hz <= CLOCK_MAX)
			f->clockv[f->clockc++] = v[i];
	}

	for (int i = 0; i < FLOW_RUNS; i++) {
		struct media_run *r = &f->runv[i];

		if (r->begun)
			r->tick = tick_of(f, r->type);
	}
}

/* What did not come is not known to be lost before the last packet came: those that
 * are late fill their hole. */
static uint64_t run_lost(const struct media_run *r)
{
	const uint64_t expected = r->high - r->low + 1;

	return r->begun && expected > r->received ? expected - r->received : 0;
}

/* The run of a packet is another than that of the one before: put it in front. */
static struct media_run *run_find(struct media_flow *f, const struct sp_srtp_place *place)
{
	struct media_run r;
	int i;

	for (i = 1; i < FLOW_RUNS; i++) {
		if (f->runv[i].begun && f->runv[i].run == place->run)
			break;
	}

	if (i < FLOW_RUNS) {
		r = f->runv[i];
	} else {
		i = FLOW_RUNS - 1;
		f->sum.lost += run_lost(&f->runv[i]);
		memset(&r, 0, sizeof(r));
		r.run = place->run;
		r.ssrc = place->ssrc;
	}

	memmove(&f->runv[1], &f->runv[0], (size_t)i * sizeof(r));
	f->runv[0] = r;

	return &f->runv[0];
}

static void run_begin(struct media_flow *f, struct media_run *r, uint64_t index)
{
	if (r->begun)
		f->sum.lost += run_lost(r);
	r->begun = true;
	r->low = index;
	r->high = index;
	r->received = 1;
}

static void run_count(struct media_flow *f, struct media_run *r, uint64_t index, uint64_t now_us)
{
	if (index > r->high) {
		const uint64_t ahead = index - r->high;

		/* over one in a millisecond */
		if (ahead > FLOW_JUMP && ahead * 1000 > now_us - r->at_us) {
			run_begin(f, r, index);
			return;
		}
		r->high = index;
	} else if (index < r->low) {
		if (r->low - index > FLOW_JUMP) /* from before the leap */
			return;
		r->low = index;
	}

	r->received++;
}

static void run_jitter(struct media_flow *f, struct media_run *r, uint32_t stamp, uint64_t now_us)
{
	const int64_t sent = (int32_t)(stamp - r->stamp) * (int64_t)r->tick;
	int64_t d;

	if (stamp == r->stamp)
		return;

	d = (int64_t)(now_us - r->at_us) - (sent >> TICK_SHIFT);
	if (d < 0)
		d = -d;

	r->stamp = stamp;
	r->at_us = now_us;
	if (d > FLOW_JUMP_US)
		return;

	r->jitter = r->jitter + (uint32_t)d - ((r->jitter + 8) >> 4);
	if (r->jitter > f->jitter_max)
		f->jitter_max = r->jitter;
}

static void touch(struct media_flow *f, uint64_t now_us)
{
	f->last_us = now_us;
	if (!f->first_us)
		f->first_us = now_us;
}

void media_flow_rtp(struct media_flow *f, const struct sp_srtp_place *place, const uint8_t *packet,
		    size_t wire, uint64_t now_us)
{
	const uint8_t type = packet[1] & 0x7f;
	const uint32_t stamp = get32(packet + 4);
	struct media_run *r = &f->runv[0];

	f->sum.rtp++;
	f->sum.rtp_bytes += wire;
	f->sum.late += place->late;
	f->sum.ssrcs += place->first;

	touch(f, now_us);
	if (f->rtp_us && now_us - f->rtp_us > f->gap_us)
		f->gap_us = now_us - f->rtp_us;
	f->rtp_us = now_us;

	if (!r->begun || r->run != place->run)
		r = run_find(f, place);

	if (r->begun)
		run_count(f, r, place->index, now_us);
	else
		run_begin(f, r, place->index);

	if (type == r->type && r->tick) {
		run_jitter(f, r, stamp, now_us);
	} else {
		r->type = type;
		r->tick = tick_of(f, type);
		r->stamp = stamp;
		r->at_us = now_us;
	}
}

/* ---- RTCP ---- */

static const struct media_run *run_of(const struct media_flow *f, uint32_t ssrc)
{
	for (int i = 0; i < FLOW_RUNS; i++) {
		if (f->runv[i].begun && f->runv[i].ssrc == ssrc)
			return &f->runv[i];
	}

	return NULL;
}

static void sender_report(struct media_flow *other, const uint8_t *p, uint64_t now_us)
{
	struct media_report *r = &other->reportv[other->reports++ % FLOW_REPORTS];

	r->ssrc = get32(p + 4);
	r->lsr = get32(p + RTCP_HEADER + 2);
	r->at_us = now_us;
}

/* RFC 3550 section 6.4.1: now - LSR - DLSR, by our own clock alone. Two reports of
 * one time are not told apart: the later one is meant. */
static void round_trip(struct media_flow *f, uint32_t source, uint32_t lsr, uint32_t dlsr,
		       uint64_t now_us)
{
	const uint64_t held = ((uint64_t)dlsr * 1000000) >> 16;
	const struct media_report *r = NULL;

	for (unsigned i = 0; lsr && i < FLOW_REPORTS; i++) {
		const struct media_report *at = &f->reportv[i];

		if (at->lsr == lsr && at->ssrc == source && (!r || at->at_us > r->at_us))
			r = at;
	}
	if (!r || now_us - r->at_us < held)
		return;

	f->sum.rtt_us = max(narrow(now_us - r->at_us - held), 1);
	f->sum.rtt_max_us = max(f->sum.rtt_max_us, f->sum.rtt_us);
}

static uint64_t positive(int32_t v)
{
	return v > 0 ? (uint64_t)v : 0;
}

/* The count is each receiver's own, and begins anew with each source. */
static void far_lost(struct media_flow *f, uint32_t reporter, uint32_t source, int32_t lost)
{
	int i;

	for (i = 0; i < FLOW_FARS; i++) {
		if (f->farv[i].begun && f->farv[i].reporter == reporter &&
		    f->farv[i].source == source)
			break;
	}
	if (i == FLOW_FARS) {
		i--;
		f->far_base += positive(f->farv[i].lost);
	}

	memmove(&f->farv[1], &f->farv[0], (size_t)i * sizeof(f->farv[0]));
	f->farv[0] = (struct media_far){reporter, source, lost, true};
}

static void report_block(struct media_flow *f, const struct media_flow *other, uint32_t reporter,
			 const uint8_t *b, uint64_t now_us)
{
	const uint32_t source = get32(b);
	const struct media_run *run = run_of(other, source);
	int32_t lost;

	if (!run)
		return;

	lost = (int32_t)(get32(b + 4) & 0xffffff);
	if (lost & 0x800000)
		lost -= 0x1000000;
	far_lost(f, reporter, source, lost);

	f->sum.far_told = true;
	f->sum.far_lost_percent = (b[4] * 100u + 128) >> 8;
	f->sum.far_jitter_us = narrow(((uint64_t)get32(b + 12) * run->tick) >> TICK_SHIFT);
	round_trip(f, source, get32(b + 16), get32(b + 20), now_us);
}

void media_flow_rtcp(struct media_flow *f, struct media_flow *other, const uint8_t *packet,
		     size_t len, uint64_t now_us)
{
	f->sum.rtcp++;
	touch(f, now_us);

	while (len >= RTCP_HEADER && packet[0] >> 6 == 2) {

		const size_t size = 4 * ((size_t)(packet[2] << 8 | packet[3]) + 1);
		const size_t blocks = packet[0] & 0x1f;
		const uint8_t type = packet[1];
		const size_t at = RTCP_HEADER + (type == RTCP_SR ? SENDER_INFO : 0u);

		if (size > len)
			return;

		if (type == RTCP_SR || type == RTCP_RR) {

			if (size < at + blocks * REPORT_BLOCK)
				return;
			if (type == RTCP_SR)
				sender_report(other, packet, now_us);
			for (size_t i = 0; i < blocks; i++)
				report_block(f, other, get32(packet + 4),
					     packet + at + i * REPORT_BLOCK, now_us);
		}

		packet += size;
		len -= size;
	}
}

void media_flow_sum(const struct media_flow *f, struct sp_relay_flow *out)
{
	*out = f->sum;

	for (int i = 0; i < FLOW_RUNS; i++)
		out->lost += run_lost(&f->runv[i]);

	out->ssrc = f->runv[0].ssrc;
	out->jitter_us = f->runv[0].jitter >> 4;
	out->jitter_max_us = f->jitter_max >> 4;
	out->gap_ms = narrow(f->gap_us / 1000);
	out->first_ms = f->first_us / 1000;
	out->last_ms = f->last_us / 1000;

	out->far_lost = f->far_base;
	for (int i = 0; i < FLOW_FARS; i++)
		out->far_lost += positive(f->farv[i].lost);
}
