/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Datagrams into an SRTP session and through a relay. The first octet of the
 * input chooses RTP or RTCP, and whether the rest goes in as it is or signed
 * first, as from a peer that holds the key and means harm.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include "../../src/media/media_priv.h"

enum { ROOM = SP_RELAY_PACKET_MAX + 2 * SP_SRTP_ROOM };

static const uint8_t key[SP_SRTP_KEY_SIZE] = "a key of sixteen, and its salt";

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* What is protected comes back as it was; anything else is refused in peace.
 * Leaves in buf what goes over the wire. */
static void session_run(uint8_t *buf, size_t *len, bool rtcp, bool sign)
{
	struct sp_srtp *in = NULL, *out = NULL;
	uint8_t copy[ROOM], plain[ROOM];
	const size_t n = *len;
	size_t back;

	check(!sp_srtp_alloc(&in, key, SP_SRTP_IN) && !sp_srtp_alloc(&out, key, SP_SRTP_OUT));

	memcpy(plain, buf, n);
	sign = sign && !sp_srtp_protect(out, buf, len, rtcp);
	check(*len <= n + SP_SRTP_ROOM);

	back = *len;
	memcpy(copy, buf, back);
	if (!sp_srtp_unprotect(in, copy, &back, rtcp) || sign)
		check(back == n && !memcmp(copy, plain, n) && sign);

	mem_deref(in);
	mem_deref(out);
}

static struct sp_relay *relay_new(struct sa *to)
{
	struct sp_loop *loop = NULL;
	struct sp_ports *ports = NULL;
	struct sp_relay *r = NULL;
	struct sa peer;

	check(!sp_loop_alloc_fake(&loop, 0) && !sa_set_str(to, "127.0.77.20", 0));
	check(!sp_ports_alloc(&ports, to, 20000, 40000));
	check(!sp_relay_alloc(&r, loop, (struct sp_ports *[2]){ports, ports}, NULL, NULL));
	check(!sp_relay_add(NULL, r) && !sa_set_str(&peer, "127.0.77.21", 9));
	for (int side = 0; side < 2; side++)
		check(!sp_relay_remote(r, 0, (enum sp_side)side, &peer, &peer, key));
	sa_set_port(to, sp_relay_port(r, 0, SP_SIDE_CALLER));

	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sp_relay *relay;
	static struct sa to;
	static int fd;
	uint8_t buf[ROOM];
	size_t len;
	bool rtcp;

	if (!size || size > SP_RELAY_PACKET_MAX + 8)
		return 0;

	if (!relay) {
		check(!sp_media_init());
		relay = relay_new(&to);
		fd = socket(AF_INET, SOCK_DGRAM, 0);
	}

	rtcp = data[0] & 1;
	len = size - 1;
	memcpy(buf, data + 1, len);
	session_run(buf, &len, rtcp, data[0] & 2);

	if (data[0] & 4) {
		sa_set_port(&to, (uint16_t)(sp_relay_port(relay, 0, SP_SIDE_CALLER) + rtcp));
		(void)sendto(fd, buf, len, 0, &to.u.sa, to.len);
		media_relay_readable(relay, 0, SP_SIDE_CALLER, rtcp);
	}

	return 0;
}
