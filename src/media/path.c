/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/path: the way of a media packet from one side of a call to the other.
 *
 * What arrives is verified and decrypted under the key of the peer on its side, encrypted
 * under ours for the other side, and sent from the other side's socket to where the other
 * side's peer is. Where a peer is, its SDP says first; from then on each packet that proves
 * that it comes from the peer says it (RFC 7362 latching). A packet that proves nothing
 * moves nothing, and is answered by nothing.
 *
 * No allocation, no log, no lock, no lookup: what cannot go on is counted and forgotten.
 */
#include <string.h>

#include "path_priv.h"

enum { BURST_USUAL = 4 }; /* packets at once that say nothing of more */

/* A source that has proven itself has passed the networks too: mostly it is that one. */
static bool is_foreign(const struct media_path *path, const struct sa *src)
{
	const struct sp_nets *nets = path->half->side->nets;

	return nets && !(path->proven && sa_cmp(src, &path->remote, SA_ALL)) &&
	       !sp_nets_have(nets, src);
}

/* Count a packet that ends here, by what SRTP said of it. */
static void count_refused(struct sp_relay_count *count, int err)
{
	switch (err) {
	case EACCES:
		count->unauthentic++;
		break;
	case EALREADY:
		count->duplicate++;
		break;
	case ESTALE:
		count->replayed++;
		break;
	case EKEYEXPIRED:
		count->expired++;
		break;
	case EOVERFLOW:
		count->unsent++;
		break;
	default:
		count->malformed++;
		break;
	}
}

/* What proves nothing costs the least when the kernel drops it. */
static void refuse(struct media_path *path, uint64_t now_ms)
{
	/* who was latched just now may have caught a packet of the peer's: it must not last */
	const bool stays = path->proven && now_ms - path->latched_ms >= SETTLE_MS;
	const struct sa *known = stays ? &path->remote : NULL;

	if (!media_shield_refused(&path->shield, path->fd, known, now_ms))
		return;

	path->half->flow.sum.count.shields++;
	media_shielded(path->half->media, path);
}

/*
 * The packet is authentic: its source is where the peer is. After a new address was
 * signalled what still comes from the one before does not lead back there; nor does, at
 * any time, a packet that others have overtaken, or one under a key that was followed by
 * another: that may be a fork that was not taken.
 */
static void latch(struct media_path *path, const struct sa *src, const struct sp_srtp_place *place,
		  uint64_t now_ms)
{
	const struct media_keys *keys = &path->half->keys;

	if (sa_cmp(src, &path->remote, SA_ALL)) {
		path->proven = true;
		return;
	}

	if (place->late || keys->active != keys->v[0])
		return;
	if (now_ms < path->settled_ms && sa_cmp(src, &path->left, SA_ALL))
		return;

	media_shield_drop(&path->shield, path->fd);
	path->remote = *src;
	path->proven = true;
	path->latched_ms = now_ms;
	path->half->flow.sum.count.latched++;
}

/* The path that a packet leaves on, or NULL while its peer is nowhere. */
static struct media_path *path_out(struct media_half *to, bool rtcp)
{
	struct media_path *path = &to->path[rtcp && !to->mux ? RTCP : RTP];

	return path->remote.len ? path : NULL;
}

/* From the wire to the wire, in place. @return the path that it leaves on; NULL: it ends here */
static struct media_path *relay(struct media_path *path, uint8_t *buf, size_t *len,
				const struct sa *src, uint64_t now_us)
{
	struct media_half *half = path->half, *to = half->other;
	struct sp_relay_count *count = &half->flow.sum.count;
	const uint64_t now_ms = now_us / 1000;
	const size_t wire = *len;
	struct sp_srtp_place place;
	struct media_path *out;
	bool rtcp = path->rtcp;
	int err;

	if (is_foreign(path, src)) {
		count->foreign++;
		refuse(path, now_ms);
		return NULL;
	}

	if (!half->keys.active) {
		count->early++;
		return NULL;
	}

	if (half->mux && wire > 1)
		rtcp = sp_is_rtcp(buf);

	err = wire > SP_RELAY_PACKET_MAX
		      ? EBADMSG
		      : media_keys_unprotect(&half->keys, buf, len, rtcp, now_ms, &place);
	if (err) {
		count_refused(count, err);
		refuse(path, now_ms);
		return NULL;
	}

	half->heard_ms = now_ms;
	latch(path, src, &place, now_ms);
	if (rtcp)
		media_flow_rtcp(&half->flow, &to->flow, buf, *len, now_us);
	else
		media_flow_rtp(&half->flow, &place, buf, wire, now_us);

	out = path_out(to, rtcp);
	if (!out) {
		count->early++;
		return NULL;
	}

	if (sp_srtp_protect(to->out, buf, len, rtcp, &place)) {
		count->unsent++;
		return NULL;
	}

	return out;
}

/* Send the first n packets of the batch; one that the kernel refuses ends, the rest go on. */
static void send_batch(struct sp_media *m, const struct media_path *out, unsigned n,
		       struct sp_relay_count *count)
{
	for (unsigned i = 0; i < n;) {
		struct mmsghdr *msg = &m->out.msg[i];
		int sent;

		if (n - i == 1)
			sent = sendmsg(out->fd, &msg->msg_hdr, 0) < 0 ? 0 : 1;
		else
			sent = sendmmsg(out->fd, msg, n - i, 0);

		for (int k = 0; k < sent; k++, i++) {
			count->relayed++;
			count->bytes += m->wire[i];
		}
		if (sent < 1) {
			count->unsent++;
			i++;
		}
	}
}

static void out_add(struct sp_media *m, unsigned i, struct media_path *out, uint8_t *buf,
		    size_t len, size_t wire)
{
	m->out.iov[i] = (struct iovec){buf, len};
	m->out.msg[i].msg_hdr.msg_name = &out->remote.u.sa;
	m->out.msg[i].msg_hdr.msg_namelen = out->remote.len;
	m->wire[i] = wire;
}

/* Asks for as many as came last time, and grows: an empty look costs as much as a packet. */
static unsigned receive(struct media_path *path)
{
	struct sp_media *m = path->half->media;
	int n;

	n = recvmmsg(path->fd, m->in.msg, path->burst, MSG_TRUNC, NULL);
	if (n <= 0)
		return 0;

	if ((unsigned)n < path->burst)
		path->burst = (unsigned)n;
	else if (path->burst < SP_RELAY_BURST)
		path->burst *= 2;

	return (unsigned)n;
}

bool media_path_read(struct media_path *path, uint64_t now_us)
{
	struct sp_media *m = path->half->media;
	struct sp_relay_count *count = &path->half->flow.sum.count;
	struct media_path *last = NULL;
	const unsigned asked = path->burst, n = receive(path);
	unsigned waiting = 0;

	for (unsigned i = 0; i < n; i++) {
		struct msghdr *hdr = &m->in.msg[i].msg_hdr;
		const size_t wire = m->in.msg[i].msg_len;
		struct media_path *out;
		size_t len = wire;

		m->src[i].len = hdr->msg_namelen;
		hdr->msg_namelen = sizeof(m->src[i].u);

		out = relay(path, m->buf[i], &len, &m->src[i], now_us);
		if (!out)
			continue;

		if (out != last && waiting) { /* RTCP among RTP, on one port here and two there */
			send_batch(m, last, waiting, count);
			waiting = 0;
		}
		out_add(m, waiting++, out, m->buf[i], len, wire);
		last = out;
	}

	if (waiting)
		send_batch(m, last, waiting, count);

	return n == asked && n > BURST_USUAL;
}
