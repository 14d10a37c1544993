/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/relay: the relay of a call as an object: streams come, learn where their peers
 * are, and go. A stream has two sides, a side has two sockets; how packets go between
 * them is path.c.
 */
#include <string.h>
#include <openssl/crypto.h>

#include "sallyport/base_util.h"
#include "path_priv.h"

enum { LATE_MS = 1000 }; /* more, and a timer says that nobody listened */

struct stream {
	struct media_half half[2];
};

struct watch {
	uint32_t timeout_ms; /* 0: not watched, or reported */
	uint64_t since_ms;
};

struct sp_relay {
	struct sp_media *media;
	struct sp_ports *ports[2];
	struct media_side side[2];
	struct stream *streams[SP_RELAY_STREAMS_MAX];
	size_t nstreams;
	struct watch watch[2];
	struct sp_timer timer;
	sp_relay_silent_h *silenth;
	void *arg;
};

/* Close the pair and forget the keys; what was counted stays. */
static void half_close(struct media_half *half)
{
	for (int i = RTP; i <= RTCP; i++) {
		struct media_path *path = &half->path[i];

		media_unwatch(path);
		path->remote.len = 0;
		path->signalled.len = 0;
		path->left.len = 0;
		path->proven = false;
		memset(&path->shield, 0, sizeof(path->shield));
	}

	if (half->ports) {
		media_ports_give(half->ports, sp_loop_now_ms(half->media->loop), half->port);
		half->ports = mem_deref(half->ports);
	}

	media_keys_close(&half->keys);
	half->out = mem_deref(half->out);
	half->mux = false;
}

static int key_renew(struct media_half *half, const struct sp_srtp_out *like)
{
	uint8_t key[SP_SRTP_KEY_SIZE];
	struct sp_srtp_out *out = NULL;
	int err;

	sp_random(key, sizeof(key));
	err = sp_srtp_out_alloc(&out, key, like);
	if (!err) {
		mem_deref(half->out);
		half->out = out;
	}
	OPENSSL_cleanse(key, sizeof(key));

	return err;
}

static int half_open(struct media_half *half, struct sp_ports *ports)
{
	int fd[2], err;

	err = key_renew(half, NULL);
	if (err)
		return err;

	err = media_ports_take(ports, sp_loop_now_ms(half->media->loop), &half->port, fd);
	if (err)
		return err;

	half->ports = mem_ref(ports);
	for (int i = RTP; i <= RTCP; i++) {
		half->path[i].fd = fd[i];
		half->path[i].burst = 1;
	}
	for (int i = RTP; i <= RTCP && !err; i++)
		err = media_watch(half->media, &half->path[i]);

	return err;
}

static void stream_destructor(void *arg)
{
	struct stream *st = arg;

	for (int side = 0; side < 2; side++) {
		half_close(&st->half[side]);
		media_half_leave(&st->half[side]);
	}
}

/* On failure nothing is left open. */
static int stream_open(struct stream *st, struct sp_ports *const ports[2])
{
	int err = 0;

	for (int side = 0; side < 2 && !err; side++)
		err = half_open(&st->half[side], ports[side]);

	for (int side = 0; side < 2 && err; side++)
		half_close(&st->half[side]);

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
		struct media_half *half = &st->half[side];

		half->media = r->media;
		half->side = &r->side[side];
		half->other = &st->half[!side];
		list_append(&r->media->halves, &half->le, half);
		for (int i = RTP; i <= RTCP; i++) {
			half->path[i].fd = -1;
			half->path[i].rtcp = i == RTCP;
			half->path[i].half = half;
		}
	}

	err = stream_open(st, r->ports);
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
	mem_deref(r->media);
}

int sp_relay_alloc(struct sp_relay **rp, struct sp_media *m, struct sp_ports *const ports[2],
		   sp_relay_silent_h *silenth, void *arg)
{
	struct sp_relay *r;

	if (!rp || !m || !ports || !ports[0] || !ports[1])
		return EINVAL;

	r = mem_zalloc(sizeof(*r), relay_destructor);
	if (!r)
		return ENOMEM;

	r->media = mem_ref(m);
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
		err = stream_open(r->streams[i], r->ports);
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
static struct media_half *half_of(const struct sp_relay *r, size_t stream, enum sp_side side)
{
	struct media_half *half;

	if (!r || stream >= r->nstreams)
		return NULL;

	half = &r->streams[stream]->half[side];

	return half->ports ? half : NULL;
}

uint16_t sp_relay_port(const struct sp_relay *r, size_t stream, enum sp_side side)
{
	const struct media_half *half = half_of(r, stream, side);

	return half ? half->port : 0;
}

const uint8_t *sp_relay_key(const struct sp_relay *r, size_t stream, enum sp_side side)
{
	const struct media_half *half = half_of(r, stream, side);

	return half ? sp_srtp_out_key(half->out) : NULL;
}

int sp_relay_rekey(struct sp_relay *r, size_t stream, enum sp_side side, bool keep_roc)
{
	struct media_half *half = half_of(r, stream, side);

	if (!half)
		return EINVAL;

	return key_renew(half, keep_roc ? half->out : NULL);
}

/* A new address is a new start, also for latching. "0.0.0.0" (RFC 3264
 * section 8.4, old style hold) means that nothing is to be sent. */
static void destination_set(struct media_path *path, const struct sa *addr, uint64_t now_ms)
{
	if (path->signalled.len && sa_cmp(&path->signalled, addr, SA_ALL))
		return;

	path->left = path->remote;
	path->settled_ms = now_ms + SETTLE_MS;
	path->signalled = *addr;
	path->remote = *addr;
	path->proven = false;
	if (sa_is_any(addr))
		path->remote.len = 0;
	media_shield_drop(&path->shield, path->fd);
	list_unlink(&path->le);
}

/*
 * No peer has a key of ours: what we send would be authentic when it comes back (RFC 3711
 * 9.1), and between two such peers it would go round without end.
 */
static bool is_own_key(const struct sp_relay *r, const uint8_t key[SP_SRTP_KEY_SIZE])
{
	for (size_t i = 0; i < r->nstreams; i++) {
		for (int side = 0; side < 2; side++) {
			const uint8_t *own = sp_relay_key(r, i, (enum sp_side)side);

			if (own && !CRYPTO_memcmp(own, key, SP_SRTP_KEY_SIZE))
				return true;
		}
	}

	return false;
}

int sp_relay_remote(struct sp_relay *r, size_t stream, enum sp_side side,
		    const struct sp_relay_remote *remote)
{
	struct media_half *half = half_of(r, stream, side);
	uint64_t now;
	int af, err;

	if (!half || !remote || remote->clockc > SP_RELAY_CLOCKS_MAX)
		return EINVAL;

	af = media_ports_af(half->ports);
	if (sa_af(&remote->rtp) != af || !sa_port(&remote->rtp))
		return EINVAL;
	if (!remote->mux && (sa_af(&remote->rtcp) != af || !sa_port(&remote->rtcp)))
		return EINVAL;
	if (is_own_key(r, remote->srtp.key))
		return EINVAL;

	err = media_keys_tell(&half->keys, &remote->srtp);
	if (err)
		return err;

	now = sp_loop_now_ms(r->media->loop);
	half->mux = remote->mux;
	if (remote->wide)
		media_ports_wide(half->path[RTP].fd);
	destination_set(&half->path[RTP], &remote->rtp, now);
	if (!remote->mux)
		destination_set(&half->path[RTCP], &remote->rtcp, now);
	media_flow_clocks(&half->flow, remote->clockv, remote->clockc);

	return 0;
}

int sp_relay_inherit(struct sp_relay *r, size_t stream, enum sp_side side,
		     const struct sp_relay *from, size_t from_stream, enum sp_side from_side)
{
	const struct media_half *old = half_of(from, from_stream, from_side);
	struct media_half *half = half_of(r, stream, side);

	if (!half || !old)
		return EINVAL;

	if (!half->keys.active)
		media_keys_share(&half->keys, &old->keys);

	return 0;
}

int sp_relay_networks(struct sp_relay *r, enum sp_side side, const struct sp_nets *nets,
		      void *owner)
{
	struct media_side *s;
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

	half_close(&r->streams[stream]->half[SP_SIDE_CALLER]);
	half_close(&r->streams[stream]->half[SP_SIDE_CALLEE]);
}

/* When side last proved to be there, or began to be watched. */
static uint64_t heard_ms(const struct sp_relay *r, int side)
{
	uint64_t ms = r->watch[side].since_ms;

	for (size_t i = 0; i < r->nstreams; i++)
		ms = max(ms, r->streams[i]->half[side].heard_ms);

	return ms;
}

static void watch_handler(void *arg);

static void watch_start(struct sp_relay *r)
{
	struct sp_loop *loop = r->media->loop;
	const uint64_t now = sp_loop_now_ms(loop);
	uint64_t due = UINT64_MAX;

	for (int side = 0; side < 2; side++) {
		if (r->watch[side].timeout_ms)
			due = min(due, heard_ms(r, side) + r->watch[side].timeout_ms);
	}

	if (due == UINT64_MAX)
		sp_timer_cancel(&r->timer);
	else
		sp_timer_start(loop, &r->timer, due > now ? due - now : 0, watch_handler, r);
}

/* The handler may release the relay; it then still exists until the turn ends.
 * It may also drop the last reference: ours lasts until we are through. */
static void watch_handler(void *arg)
{
	struct sp_relay *r = mem_ref(arg);
	const uint64_t now = sp_loop_now_ms(r->media->loop);

	/* A process that was stopped, or a machine that was paused, has not listened either: what
	 * came may still wait in the sockets, and who is there gets the time to say so. */
	if (now > r->timer.due_ms + LATE_MS)
		r->watch[SP_SIDE_CALLER].since_ms = r->watch[SP_SIDE_CALLEE].since_ms = now;

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
	r->watch[side].since_ms = sp_loop_now_ms(r->media->loop);
	watch_start(r);
}

void sp_relay_count(const struct sp_relay *r, enum sp_side side, struct sp_relay_count *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; r && i < r->nstreams; i++)
		sp_relay_count_add(out, &r->streams[i]->half[side].flow.sum.count);
}

int sp_relay_flow(const struct sp_relay *r, size_t stream, enum sp_side side,
		  struct sp_relay_flow *out)
{
	if (!r || stream >= r->nstreams || !out)
		return EINVAL;

	media_flow_sum(&r->streams[stream]->half[side].flow, out);

	return 0;
}

void media_relay_readable(struct sp_relay *r, size_t stream, enum sp_side side, bool rtcp)
{
	struct media_half *half = half_of(r, stream, side);

	if (half)
		media_path_read(&half->path[rtcp ? RTCP : RTP], sp_loop_now_us(half->media->loop));
}
