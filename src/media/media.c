/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/media: the sockets of all relays in an epoll set of their own.
 *
 * In the loop's set each ready socket would be served in each turn, and a turn of 20,000
 * sockets would keep signalling waiting. The inner set hands out its sockets in rounds:
 * those that were served go behind those that were not, so a turn can end early and the
 * next one goes on where it ended. It costs a system call for a turn, not for a packet.
 *
 * Where packets come one by one, each wakes the process, and that costs as much as all
 * that is done with it. So when they come faster than every SP_MEDIA_TICK_US, the set is
 * not waited for but looked into at that pace; when few come, it is waited for again. With
 * 400 calls that halves the processor time, for at most 0.4 ms of a packet's way.
 */
#include <string.h>
#include <openssl/crypto.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "path_priv.h"

enum {
	EVENTS = 16,           /* sockets between two looks at the clock: 1 ms in the worst case */
	PACE_MAX = 8,          /* times in a row that decide between waiting and ticking         */
	PACE_PRESSED = -10000, /* after a socket filled within a tick                 */
};

/* Paths neither end nor begin while these events are served: nothing here calls back.
 * @return sockets that were served */
static unsigned serve(struct sp_media *m)
{
	struct epoll_event ev[EVENTS];
	uint64_t now = sp_loop_now_us(m->loop);
	const uint64_t until = now + SP_MEDIA_TURN_US;
	unsigned served = 0;
	bool again;
	int n;

	m->pressed = false;
	do {
		bool more = false;

		n = epoll_wait(m->epfd, ev, EVENTS, 0);
		for (int i = 0; i < n; i++) {
			more |= media_path_read(ev[i].data.ptr, now);
			now = sp_loop_now_us(m->loop);
			served++;
		}
		m->pressed |= more;
		again = n == EVENTS || more;
	} while (again && now < until);

	m->served_us = now;

	return served;
}

static void ready(int flags, void *arg);

/* @param us time between ticks; 0: no more */
static int ticks_set(const struct sp_media *m, long us)
{
	const struct itimerspec its = {.it_interval.tv_nsec = us * 1000,
				       .it_value.tv_nsec = us * 1000};

	return timerfd_settime(m->tick_fd, 0, &its, NULL) ? errno : 0;
}

static bool read_tick(const struct sp_media *m)
{
	uint64_t count;

	return read(m->tick_fd, &count, sizeof(count)) == (ssize_t)sizeof(count);
}

/* Back to waiting, unless there is no memory for it: then after the next tick. */
static void ticks_end(struct sp_media *m, int pace)
{
	if (sp_loop_listen(m->loop, m->epfd, FD_READ, ready, m)) {
		m->pace = 1;
		return;
	}

	(void)ticks_set(m, 0);
	m->ticking = false;
	m->pace = pace;
}

/* One packet or none in a tick: waiting for it would cost no more. A burst on one socket,
 * or a flood: its room is less than a tick's packets. */
static void tick(int flags, void *arg)
{
	struct sp_media *m = arg;
	const bool few = read_tick(m) && serve(m) <= 1;
	(void)flags;

	if (m->pressed)
		ticks_end(m, PACE_PRESSED);
	else if (!few)
		m->pace = PACE_MAX;
	else if (!--m->pace)
		ticks_end(m, 0);
}

static void ready(int flags, void *arg)
{
	struct sp_media *m = arg;
	const uint64_t before = m->served_us;
	(void)flags;

	(void)serve(m);
	if (m->served_us - before >= SP_MEDIA_TICK_US) {
		m->pace = min(m->pace, 0);
		return;
	}

	if (++m->pace < PACE_MAX || ticks_set(m, SP_MEDIA_TICK_US))
		return;
	sp_loop_unlisten(m->loop, m->epfd);
	m->ticking = true;
}

static void fd_end(const struct sp_media *m, int fd)
{
	if (fd < 0)
		return;

	sp_loop_unlisten(m->loop, fd);
	(void)close(fd);
}

static void destructor(void *arg)
{
	struct sp_media *m = arg;

	sp_timer_cancel(&m->timer);
	list_clear(&m->shielded);
	fd_end(m, m->epfd);
	fd_end(m, m->tick_fd);
	OPENSSL_cleanse(m->buf, sizeof(m->buf)); /* what was said last */
}

static void batch_init(struct sp_media *m)
{
	for (size_t i = 0; i < SP_RELAY_BURST; i++) {
		struct msghdr *in = &m->in.msg[i].msg_hdr, *out = &m->out.msg[i].msg_hdr;

		m->in.iov[i] = (struct iovec){m->buf[i], SP_RELAY_PACKET_MAX};
		in->msg_name = &m->src[i].u.sa;
		in->msg_namelen = sizeof(m->src[i].u);
		in->msg_iov = &m->in.iov[i];
		out->msg_iov = &m->out.iov[i];
		in->msg_iovlen = out->msg_iovlen = 1;
	}
}

int sp_media_alloc(struct sp_media **mp, struct sp_loop *loop)
{
	struct sp_media *m;
	int err;

	if (!mp || !loop)
		return EINVAL;

	m = mem_zalloc(sizeof(*m), destructor);
	if (!m)
		return ENOMEM;

	m->loop = loop;
	batch_init(m);
	m->epfd = epoll_create1(EPOLL_CLOEXEC);
	m->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	err = m->epfd < 0 || m->tick_fd < 0 ? errno : 0;
	if (!err)
		err = sp_loop_listen(loop, m->epfd, FD_READ, ready, m);
	if (!err)
		err = sp_loop_listen(loop, m->tick_fd, FD_READ, tick, m);
	if (err)
		mem_deref(m);
	else
		*mp = m;

	return err;
}

int media_watch(struct sp_media *m, struct media_path *path)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = path};

	return epoll_ctl(m->epfd, EPOLL_CTL_ADD, path->fd, &ev) ? errno : 0;
}

void media_unwatch(struct media_path *path)
{
	list_unlink(&path->le);
	if (path->fd < 0)
		return;

	(void)close(path->fd); /* which takes it out of the set, too */
	path->fd = -1;
}

void sp_relay_count_add(struct sp_relay_count *sum, const struct sp_relay_count *c)
{
	sum->relayed += c->relayed;
	sum->bytes += c->bytes;
	sum->malformed += c->malformed;
	sum->unauthentic += c->unauthentic;
	sum->duplicate += c->duplicate;
	sum->replayed += c->replayed;
	sum->expired += c->expired;
	sum->early += c->early;
	sum->unsent += c->unsent;
	sum->latched += c->latched;
	sum->foreign += c->foreign;
	sum->shields += c->shields;
}

void media_half_leave(struct media_half *half)
{
	list_unlink(&half->le);
	sp_relay_count_add(&half->media->count, &half->flow.sum.count);
}

void sp_media_count(const struct sp_media *m, struct sp_relay_count *out)
{
	*out = m->count;
	for (const struct le *le = list_head(&m->halves); le; le = le->next) {
		const struct media_half *half = le->data;

		sp_relay_count_add(out, &half->flow.sum.count);
	}
}

static void shields_check(void *arg)
{
	struct sp_media *m = arg;
	const uint64_t now = sp_loop_now_ms(m->loop);
	struct le *le = list_head(&m->shielded);

	while (le) {
		struct media_path *path = le->data;

		le = le->next;
		media_shield_check(&path->shield, path->fd, now);
		if (!path->shield.up)
			list_unlink(&path->le);
	}

	if (list_head(&m->shielded))
		sp_timer_start(m->loop, &m->timer, SHIELD_HOLD_MS / 4, shields_check, m);
}

/* Nobody but the known source is heard now, and that one may be gone: time ends it. */
void media_shielded(struct sp_media *m, struct media_path *path)
{
	list_unlink(&path->le);
	list_append(&m->shielded, &path->le, path);
	if (!sp_timer_isrunning(&m->timer))
		sp_timer_start(m->loop, &m->timer, SHIELD_HOLD_MS, shields_check, m);
}
