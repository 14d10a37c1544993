/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/relay: the way of a media packet from one side of a call to the other.
 *
 * A stream has four sockets: RTP and RTCP on the caller's and the callee's
 * side. Each is a path: what arrives on it is verified and decrypted under the
 * key of the peer on its side, encrypted under ours for the other side, and
 * sent from the other side's socket to where the other side's peer is.
 *
 * Where a peer is, its SDP says first; from then on each packet that proves
 * that it comes from the peer says it (RFC 7362 latching). A packet that
 * proves nothing moves nothing.
 */
#include <string.h>
#include <openssl/crypto.h>
#include <sys/socket.h>

#include "sallyport/base_util.h"
#include "media_priv.h"

enum { RTP, RTCP };

/* Where the media of one side may come from. */
struct side {
	const struct sp_nets *nets; /* NULL: anywhere */
	void *owner;                /* of nets        */
};

/* One socket, with all that a packet needs on its way. */
struct path {
	int fd;
	bool rtcp;
	struct sp_srtp *in;  /* the peer's key; NULL until it is known. Its half's. */
	struct sp_srtp *out; /* our key towards remote. Its half's.                 */
	struct path *other;  /* the same protocol on the other side                 */
	const struct side *side;
	struct sp_loop *loop;
	struct sa remote; /* where the peer is; len 0 until that is known */
	bool proven;      /* authentic packets came from remote           */
	uint64_t last_ms; /* last authentic packet                        */
	struct sp_relay_count count;
};

/* One side of a stream. */
struct half {
	struct path path[2];
	struct sp_ports *ports; /* NULL when the pair is not open */
	uint16_t port;
	struct sp_srtp *in, *out;
	struct sa signalled[2]; /* as sp_relay_remote() was last told */
	uint8_t local_key[SP_SRTP_KEY_SIZE];
	uint8_t remote_key[SP_SRTP_KEY_SIZE];
};

struct stream {
	struct half half[2];
};

struct watch {
	uint32_t timeout_ms; /* 0: not watched, or reported */
	uint64_t since_ms;
};

struct sp_relay {
	struct sp_loop *loop;
	struct sp_ports *ports[2];
	struct side side[2];
	struct stream *streams[SP_RELAY_STREAMS_MAX];
	size_t nstreams;
	struct watch watch[2];
	struct sp_timer timer;
	sp_relay_silent_h *silenth;
	void *arg;
};

/* Count a packet that ends here, by what the SRTP session said. */
static void count_refused(struct sp_relay_count *count, int err)
{
	switch (err) {
	case EACCES:
		count->unauthentic++;
		break;
	case EALREADY:
		count->replayed++;
		break;
	default:
		count->malformed++;
		break;
	}
}

/* A source that has proven itself has passed the networks too: mostly it is that one. */
static bool is_foreign(const struct path *path, const struct sa *src)
{
	return path->side->nets && !(path->proven && sa_cmp(src, &path->remote, SA_ALL)) &&
	       !sp_nets_have(path->side->nets, src);
}

/*
 * The packet path, from recvfrom() to sendto(): no allocation, no log, no
 * lock, no lookup. What cannot go on is counted and forgotten.
 */
static void relay_receive(struct path *path)
{
	uint8_t buf[SP_RELAY_PACKET_MAX + SP_SRTP_ROOM];
	const uint64_t now = sp_loop_now_ms(path->loop);
	struct path *to = path->other;
	struct sa src;
	ssize_t n;
	size_t len;
	int err;

	for (int i = 0; i < SP_RELAY_BURST; i++) {

		src.len = sizeof(src.u);
		n = recvfrom(path->fd, buf, SP_RELAY_PACKET_MAX, MSG_TRUNC, &src.u.sa, &src.len);
		if (n < 0) {
			/* an earlier packet of ours met a closed port */
			if (errno == ECONNREFUSED || errno == EINTR)
				continue;
			break;
		}

		if (is_foreign(path, &src)) {
			path->count.foreign++;
			continue;
		}

		if (n > SP_RELAY_PACKET_MAX) {
			path->count.malformed++;
			continue;
		}

		if (!path->in) {
			path->count.early++;
			continue;
		}

		len = (size_t)n;
		err = sp_srtp_unprotect(path->in, buf, &len, path->rtcp);
		if (err) {
			count_refused(&path->count, err);
			continue;
		}

		path->last_ms = now;
		if (!sa_cmp(&src, &path->remote, SA_ALL)) {
			path->remote = src;
			path->count.latched++;
		}
		path->proven = true;

		if (!to->remote.len) {
			path->count.early++;
			continue;
		}

		if (sp_srtp_protect(to->out, buf, &len, path->rtcp) ||
		    sendto(to->fd, buf, len, 0, &to->remote.u.sa, to->remote.len) < 0) {
			path->count.unsent++;
			continue;
		}

		path->count.relayed++;
		path->count.bytes += (uint64_t)n;
	}
}

static void receive_handler(int flags, void *arg)
{
	(void)flags;

	relay_receive(arg);
}

/* Close the pair and forget the keys; the counters stay. */
static void half_close(struct half *half, struct sp_loop *loop)
{
	for (int i = RTP; i <= RTCP; i++) {
		struct path *path = &half->path[i];

		sp_loop_close(loop, path->fd);
		path->fd = -1;
		path->in = NULL;
		path->out = NULL;
		path->remote.len = 0;
		path->proven = false;
	}

	if (half->ports) {
		media_ports_give(half->ports, half->port);
		half->ports = mem_deref(half->ports);
	}

	half->in = mem_deref(half->in);
	half->out = mem_deref(half->out);
	OPENSSL_cleanse(half->local_key, sizeof(half->local_key));
	OPENSSL_cleanse(half->remote_key, sizeof(half->remote_key));
}

static int half_open(struct half *half, struct sp_loop *loop, struct sp_ports *ports)
{
	int fd[2], err;

	sp_random(half->local_key, sizeof(half->local_key));
	err = sp_srtp_alloc(&half->out, half->local_key, SP_SRTP_OUT);
	if (err)
		return err;

	err = media_ports_take(ports, &half->port, fd);
	if (err)
		return err;

	half->ports = mem_ref(ports);
	for (int i = RTP; i <= RTCP; i++) {
		half->path[i].fd = fd[i];
		half->path[i].out = half->out;
		half->signalled[i].len = 0;
	}

	for (int i = RTP; i <= RTCP && !err; i++)
		err = sp_loop_listen(loop, fd[i], FD_READ, receive_handler, &half->path[i]);

	return err;
}

static void stream_destructor(void *arg)
{
	struct stream *st = arg;

	for (int side = 0; side < 2; side++)
		half_close(&st->half[side], st->half[side].path[RTP].loop);
}

/* On failure nothing is left open. */
static int stream_open(struct stream *st, struct sp_loop *loop, struct sp_ports *const ports[2])
{
	int err = 0;

	for (int side = 0; side < 2 && !err; side++)
		err = half_open(&st->half[side], loop, ports[side]);

	for (int side = 0; side < 2 && err; side++)
		half_close(&st->half[side], loop);

	return err;
}

static int stream_alloc(struct stream **stp, struct sp_relay *r)
{
	struct stream *st;
	int err;

	st = mem_zalloc(sizeof(*st), stream_destructor);
	if (!st)
		return ENOMEM;

	for (int side = 0; side < 2; side++) {
		for (int i = RTP; i <= RTCP; i++) {
			struct path *path = &st->half[side].path[i];

			path->fd = -1;
			path->rtcp = i == RTCP;
			path->loop = r->loop;
			path->side = &r->side[side];
			path->other = &st->half[!side].path[i];
		}
	}

	err = stream_open(st, r->loop, r->ports);
	if (err)
		mem_deref(st);
	else
		*stp = st;

	return err;
}

static void relay_destructor(void *arg)
{
	struct sp_relay *r = arg;

	sp_timer_cancel(&r->timer);
	for (size_t i = 0; i < r->nstreams; i++)
		mem_deref(r->streams[i]);
	for (int side = 0; side < 2; side++) {
		mem_deref(r->side[side].owner);
		mem_deref(r->ports[side]);
	}
}

int sp_relay_alloc(struct sp_relay **rp, struct sp_loop *loop, struct sp_ports *const ports[2],
		   sp_relay_silent_h *silenth, void *arg)
{
	struct sp_relay *r;

	if (!rp || !loop || !ports || !ports[0] || !ports[1])
		return EINVAL;

	r = mem_zalloc(sizeof(*r), relay_destructor);
	if (!r)
		return ENOMEM;

	r->loop = loop;
	r->ports[SP_SIDE_CALLER] = mem_ref(ports[SP_SIDE_CALLER]);
	r->ports[SP_SIDE_CALLEE] = mem_ref(ports[SP_SIDE_CALLEE]);
	r->silenth = silenth;
	r->arg = arg;
	*rp = r;

	return 0;
}

/* A peer may add and drop media as often as it likes: ended streams are used again. */
int sp_relay_add(size_t *stream, struct sp_relay *r)
{
	size_t i;
	int err;

	if (!r)
		return EINVAL;

	for (i = 0; i < r->nstreams; i++) {
		if (!r->streams[i]->half[SP_SIDE_CALLER].ports)
			break;
	}
	if (i >= SP_RELAY_STREAMS_MAX)
		return EOVERFLOW;

	if (i < r->nstreams)
		err = stream_open(r->streams[i], r->loop, r->ports);
	else
		err = stream_alloc(&r->streams[i], r);
	if (err)
		return err;

	if (i == r->nstreams)
		r->nstreams++;
	if (stream)
		*stream = i;

	return 0;
}

size_t sp_relay_streams(const struct sp_relay *r)
{
	return r ? r->nstreams : 0;
}

/* NULL when there is no such stream, or it is ended. */
static struct half *half_of(const struct sp_relay *r, size_t stream, enum sp_side side)
{
	struct half *half;

	if (!r || stream >= r->nstreams)
		return NULL;

	half = &r->streams[stream]->half[side];

	return half->ports ? half : NULL;
}

uint16_t sp_relay_port(const struct sp_relay *r, size_t stream, enum sp_side side)
{
	const struct half *half = half_of(r, stream, side);

	return half ? half->port : 0;
}

const uint8_t *sp_relay_key(const struct sp_relay *r, size_t stream, enum sp_side side)
{
	const struct half *half = half_of(r, stream, side);

	return half ? half->local_key : NULL;
}

/* A new address is a new start, also for latching. "0.0.0.0" (RFC 3264
 * section 8.4, old style hold) means that nothing is to be sent. */
static void destination_set(struct half *half, int i, const struct sa *addr)
{
	if (half->signalled[i].len && sa_cmp(&half->signalled[i], addr, SA_ALL))
		return;

	half->signalled[i] = *addr;
	half->path[i].remote = *addr;
	half->path[i].proven = false;
	if (sa_is_any(addr))
		half->path[i].remote.len = 0;
}

int sp_relay_remote(struct sp_relay *r, size_t stream, enum sp_side side, const struct sa *rtp,
		    const struct sa *rtcp, const uint8_t key[SP_SRTP_KEY_SIZE])
{
	struct half *half = half_of(r, stream, side);
	struct sp_srtp *in;
	int af, err;

	if (!half || !key || !rtp || !rtcp)
		return EINVAL;

	af = media_ports_af(half->ports);
	if (sa_af(rtp) != af || sa_af(rtcp) != af || !sa_port(rtp) || !sa_port(rtcp))
		return EINVAL;

	/* RFC 4568 section 7.1.4: a new key starts at rollover counter 0 */
	if (!half->in || CRYPTO_memcmp(half->remote_key, key, SP_SRTP_KEY_SIZE)) {

		err = sp_srtp_alloc(&in, key, SP_SRTP_IN);
		if (err)
			return err;

		mem_deref(half->in);
		half->in = in;
		half->path[RTP].in = in;
		half->path[RTCP].in = in;
		memcpy(half->remote_key, key, SP_SRTP_KEY_SIZE);
	}

	destination_set(half, RTP, rtp);
	destination_set(half, RTCP, rtcp);

	return 0;
}

int sp_relay_networks(struct sp_relay *r, enum sp_side side, const struct sp_nets *nets,
		      void *owner)
{
	struct side *s;
	void *old;

	if (!r)
		return EINVAL;

	s = &r->side[side];
	old = s->owner;
	s->nets = nets && nets->c ? nets : NULL;
	s->owner = s->nets ? mem_ref(owner) : NULL;
	mem_deref(old);

	/* who passed the old networks must pass the new ones */
	for (size_t i = 0; i < r->nstreams; i++) {
		r->streams[i]->half[side].path[RTP].proven = false;
		r->streams[i]->half[side].path[RTCP].proven = false;
	}

	return 0;
}

void sp_relay_end(struct sp_relay *r, size_t stream)
{
	if (!r || stream >= r->nstreams)
		return;

	half_close(&r->streams[stream]->half[SP_SIDE_CALLER], r->loop);
	half_close(&r->streams[stream]->half[SP_SIDE_CALLEE], r->loop);
}

/* When side last proved to be there, or began to be watched. */
static uint64_t heard_ms(const struct sp_relay *r, int side)
{
	uint64_t ms = r->watch[side].since_ms;

	for (size_t i = 0; i < r->nstreams; i++) {
		const struct half *half = &r->streams[i]->half[side];

		ms = max(ms, half->path[RTP].last_ms);
		ms = max(ms, half->path[RTCP].last_ms);
	}

	return ms;
}

static void watch_handler(void *arg);

static void watch_start(struct sp_relay *r)
{
	const uint64_t now = sp_loop_now_ms(r->loop);
	uint64_t due = UINT64_MAX;

	for (int side = 0; side < 2; side++) {
		if (r->watch[side].timeout_ms)
			due = min(due, heard_ms(r, side) + r->watch[side].timeout_ms);
	}

	if (due == UINT64_MAX)
		sp_timer_cancel(&r->timer);
	else
		sp_timer_start(r->loop, &r->timer, due > now ? due - now : 0, watch_handler, r);
}

/* The handler may release the relay; it then still exists until the turn ends.
 * It may also drop the last reference: ours lasts until we are through. */
static void watch_handler(void *arg)
{
	struct sp_relay *r = mem_ref(arg);
	const uint64_t now = sp_loop_now_ms(r->loop);

	for (int side = 0; side < 2; side++) {

		const uint32_t timeout = r->watch[side].timeout_ms;

		if (!timeout || heard_ms(r, side) + timeout > now)
			continue;

		r->watch[side].timeout_ms = 0;
		if (r->silenth && mem_nrefs(r) > 1)
			r->silenth((enum sp_side)side, r->arg);
	}

	if (mem_nrefs(r) > 1)
		watch_start(r);
	mem_deref(r);
}

void sp_relay_watch(struct sp_relay *r, enum sp_side side, uint32_t timeout_ms)
{
	if (!r)
		return;

	r->watch[side].timeout_ms = timeout_ms;
	r->watch[side].since_ms = sp_loop_now_ms(r->loop);
	watch_start(r);
}

static void count_add(struct sp_relay_count *sum, const struct sp_relay_count *c)
{
	sum->relayed += c->relayed;
	sum->bytes += c->bytes;
	sum->malformed += c->malformed;
	sum->unauthentic += c->unauthentic;
	sum->replayed += c->replayed;
	sum->early += c->early;
	sum->unsent += c->unsent;
	sum->latched += c->latched;
	sum->foreign += c->foreign;
}

void sp_relay_count(const struct sp_relay *r, enum sp_side side, struct sp_relay_count *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; r && i < r->nstreams; i++) {
		const struct half *half = &r->streams[i]->half[side];

		count_add(out, &half->path[RTP].count);
		count_add(out, &half->path[RTCP].count);
	}
}

void media_relay_readable(struct sp_relay *r, size_t stream, enum sp_side side, bool rtcp)
{
	struct half *half = half_of(r, stream, side);

	if (half)
		relay_receive(&half->path[rtcp ? RTCP : RTP]);
}
