/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Datagrams into a relay. The first octet of the input chooses RTP or RTCP, on
 * a port of their own or on one for both, and whether the rest goes in as it is
 * or signed first, as from a peer that holds the key and means harm. What goes
 * into the relay is counted once, and goes on only when it was signed.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include "../../src/media/media_priv.h"
#include "../../src/media/srtp_priv.h"

enum { ROOM = SP_RELAY_PACKET_MAX + 2 * SP_SRTP_ROOM };

#define LOCAL "127.0.77.20"

static const uint8_t key[SP_SRTP_KEY_SIZE] = "a key of sixteen, and its salt";

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* Sign it if it can be. What is signed comes back as it was; nothing else comes through.
 * Leaves in buf what goes over the wire. @return is it signed? */
static bool session_run(uint8_t *buf, size_t *len, bool rtcp, bool sign)
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

	return sign;
}

static uint64_t counted(const struct sp_relay_count *c)
{
	return c->relayed + c->malformed + c->unauthentic + c->duplicate + c->replayed +
	       c->expired + c->early + c->unsent + c->foreign;
}

/* To a port of the caller's side, and in as the loop takes it from there. */
static void relay_run(struct sp_relay *relay, size_t stream, bool port, const uint8_t *buf,
		      size_t len, bool is_signed)
{
	static int fd = -1;
	struct sp_relay_count was, is;
	struct sa to;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM, 0);
	check(!sa_set_str(&to, LOCAL, sp_relay_port(relay, stream, SP_SIDE_CALLER) + port));
	sp_relay_count(relay, SP_SIDE_CALLER, &was);
	check(sendto(fd, buf, len, 0, &to.u.sa, to.len) == (ssize_t)len);
	media_relay_readable(relay, stream, SP_SIDE_CALLER, port);
	sp_relay_count(relay, SP_SIDE_CALLER, &is);
	check(counted(&is) == counted(&was) + 1);
	check(is_signed || is.relayed == was.relayed);
}

static struct sp_relay *relay_new(void)
{
	struct sp_relay_remote remote = {.srtp = {.key = "a key of sixteen, and its salt"}};
	struct sp_loop *loop = NULL;
	struct sp_media *media = NULL;
	struct sp_ports *ports = NULL;
	struct sp_relay *r = NULL;
	struct sa local, peer;

	check(!sp_loop_alloc_fake(&loop, 0) && !sa_set_str(&local, LOCAL, 0));
	check(!sp_media_alloc(&media, loop) && !sp_ports_alloc(&ports, &local, 20000, 40000));
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
	uint8_t buf[ROOM];
	bool rtcp, mux, is_signed;
	size_t len;

	if (!size || size > SP_RELAY_PACKET_MAX + 8)
		return 0;

	if (!relay)
		relay = relay_new();

	rtcp = data[0] & 1;
	mux = data[0] & 8;
	len = size - 1;
	memcpy(buf, data + 1, len);
	is_signed = session_run(buf, &len, rtcp, data[0] & 2);
	if (data[0] & 4)
		relay_run(relay, mux, rtcp && !mux, buf, len, is_signed);

	return 0;
}
