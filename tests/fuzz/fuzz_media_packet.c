/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Datagrams into a relay. The first octet of the input chooses RTP or RTCP, on
 * a port of their own or on one for both, and whether the rest goes in as it is
 * or signed first, as from a peer that holds the key and means harm.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include "../../src/media/media_priv.h"
#include "../../src/media/srtp_priv.h"

enum { ROOM = SP_RELAY_PACKET_MAX + 2 * SP_SRTP_ROOM };

static const uint8_t key[SP_SRTP_KEY_SIZE] = "a key of sixteen, and its salt";

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* Sign it if it can be. What is signed comes back as it was; nothing else comes through.
 * Leaves in buf what goes over the wire. */
static void session_run(uint8_t *buf, size_t *len, bool rtcp, bool sign)
{
	const struct sp_srtp_params params = {.key = "a key of sixteen, and its salt"};
	struct sp_srtp_place place = {.run = 1}, back;
	struct sp_srtp_out *out = NULL;
	struct sp_srtp_in *in = NULL;
	uint8_t copy[ROOM], plain[ROOM];
	const size_t n = *len;
	size_t wire;

	check(!sp_srtp_in_alloc(&in, &params) && !sp_srtp_out_alloc(&out, key, NULL));
	if (n >= SRTP_HEADER) {
		place.ssrc = srtp_get32(buf + 8);
		place.index = srtp_get16(buf + 2);
	}

	memcpy(plain, buf, n);
	sign = sign && !sp_srtp_protect(out, buf, len, rtcp, &place);
	check(*len <= n + SP_SRTP_ROOM);

	wire = *len;
	memcpy(copy, buf, wire);
	if (!sp_srtp_unprotect(in, copy, &wire, rtcp, 0, false, &back))
		check(sign && wire == n && !memcmp(copy, plain, n));
	else
		check(!sign || *len > SRTP_PACKET_MAX);

	mem_deref(in);
	mem_deref(out);
}

static struct sp_relay *relay_new(struct sa *to)
{
	struct sp_relay_remote remote = {.srtp = {.key = "a key of sixteen, and its salt"}};
	struct sp_loop *loop = NULL;
	struct sp_media *media = NULL;
	struct sp_ports *ports = NULL;
	struct sp_relay *r = NULL;
	struct sa peer;

	check(!sp_loop_alloc_fake(&loop, 0) && !sa_set_str(to, "127.0.77.20", 0));
	check(!sp_media_alloc(&media, loop) && !sp_ports_alloc(&ports, to, 20000, 40000));
	check(!sp_relay_alloc(&r, media, (struct sp_ports *[2]){ports, ports}, NULL, NULL));
	check(!sp_relay_add(NULL, r) && !sp_relay_add(NULL, r));
	check(!sa_set_str(&peer, "127.0.77.21", 9));
	remote.rtp = remote.rtcp = peer;
	for (size_t stream = 0; stream < 2; stream++) { /* the second with RTCP on RTP's ports */
		remote.mux = stream;
		for (int side = 0; side < 2; side++)
			check(!sp_relay_remote(r, stream, (enum sp_side)side, &remote));
	}

	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sp_relay *relay;
	static struct sa to;
	static int fd;
	uint8_t buf[ROOM];
	size_t len, stream;
	bool rtcp, mux;

	if (!size || size > SP_RELAY_PACKET_MAX + 8)
		return 0;

	if (!relay) {
		relay = relay_new(&to);
		fd = socket(AF_INET, SOCK_DGRAM, 0);
	}

	rtcp = data[0] & 1;
	mux = data[0] & 8;
	stream = mux;
	len = size - 1;
	memcpy(buf, data + 1, len);
	session_run(buf, &len, rtcp, data[0] & 2);

	if (data[0] & 4) {
		const bool port = rtcp && !mux;

		sa_set_port(&to, (uint16_t)(sp_relay_port(relay, stream, SP_SIDE_CALLER) + port));
		(void)sendto(fd, buf, len, 0, &to.u.sa, to.len);
		media_relay_readable(relay, stream, SP_SIDE_CALLER, port);
	}

	return 0;
}
