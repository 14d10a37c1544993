/* SPDX-License-Identifier: BSD-3-Clause
 *
 * RTCP of an authentic peer, which may still be anything: both directions of a stream,
 * each with a packet or two before it. The input is packets one after the other, each
 * behind two octets: its length, and who sends it how much later.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/media/media_priv.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_sum(const struct media_flow *f)
{
	struct sp_relay_flow s;

	media_flow_sum(f, &s);
	check(s.rtt_us <= s.rtt_max_us && s.far_lost_percent <= 100 && s.lost == 0);
	check(s.far_told || (!s.far_lost && !s.far_jitter_us && !s.rtt_us));
	check(s.first_ms <= s.last_ms && s.rtp == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sp_relay_clock clock = {96, 48000};
	static const uint8_t rtp[12] = {0x80, 96};
	struct media_flow flow[2];
	uint64_t now = 1000000;

	memset(flow, 0, sizeof(flow));
	for (uint32_t i = 0; i < 4; i++) {

		const struct sp_srtp_place place = {
			.ssrc = 0x31313131 * (1 + i), .run = i, .index = i, .first = true};

		media_flow_clocks(&flow[i / 2], &clock, i % 2);
		media_flow_rtp(&flow[i / 2], &place, rtp, sizeof(rtp), now);
	}

	while (size >= 2) {

		const size_t n = data[0] < size - 2 ? data[0] : size - 2;
		const int side = data[1] & 1;
		uint8_t *packet = malloc(n ? n : 1); /* nothing behind it */

		check(packet);
		memcpy(packet, data + 2, n);
		now += (uint64_t)(data[1] >> 1) * 30000;
		media_flow_rtcp(&flow[side], &flow[!side], packet, n, now);
		free(packet);

		check_sum(&flow[0]);
		check_sum(&flow[1]);
		data += 2 + n;
		size -= 2 + n;
	}

	return 0;
}
