/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What systemd is told (sd_notify(3)). Without systemd every line here does
 * nothing. The watchdog is fed by a timer of the loop, so a loop that hangs
 * stops feeding it.
 *
 * sd_notify() itself makes a socket each time: a gateway without a descriptor
 * to spare would be killed by the watchdog, with all its calls. This one is
 * there from the start, and what goes out on it needs no memory.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <systemd/sd-daemon.h>

#include "app_priv.h"

enum { STATUS_SIZE = 160, TEXT_SIZE = STATUS_SIZE + 64 };

struct app_notify {
	int fd; /* -1: nobody wants to know */
	struct sockaddr_un to;
	socklen_t len;
	bool ready_due; /* systemd did not take it */
};

static void destructor(void *arg)
{
	struct app_notify *n = arg;

	if (n->fd >= 0)
		(void)close(n->fd);
}

int app_notify_alloc(struct app_notify **np)
{
	const char *path = getenv("NOTIFY_SOCKET");
	const size_t size = path ? strlen(path) : 0;
	struct app_notify *n = mem_zalloc(sizeof(*n), destructor);

	if (!n)
		return ENOMEM;

	n->fd = -1;
	*np = n;
	if (!size || (*path != '/' && *path != '@') || size >= sizeof(n->to.sun_path))
		return 0;

	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, path, size);
	if (*path == '@') /* an abstract name */
		n->to.sun_path[0] = '\0';
	n->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return 0; /* what runs without systemd runs if it cannot be told, too */
}

/* Calls do not wait for a systemd that hangs. */
static bool tell(const struct sp_app *app, const char *text)
{
	const struct app_notify *n = app->notify;

	return n->fd < 0 || sendto(n->fd, text, strlen(text), MSG_NOSIGNAL,
				   (const struct sockaddr *)&n->to, n->len) >= 0;
}

static void print_status(char buf[STATUS_SIZE], const struct sp_app *app)
{
	const struct sp_conf *conf = app->env->conf;
	struct sp_calls_count count;
	size_t up = 0;

	sp_calls_count(app->calls, &count);
	for (size_t i = 0; i < conf->trunkc; i++)
		up += sp_trunk_up(app->env->trunkv[i]);

	(void)re_snprintf(buf, STATUS_SIZE,
			  "%s; %zu calls; %zu of %zu trunks up; %zu accepted connections",
			  app->phase == APP_RUNNING ? "running" : "draining", count.now, up,
			  conf->trunkc, sp_trunks_connections(app->trunks));
}

static void tell_status(struct sp_app *app, bool ready)
{
	char status[STATUS_SIZE], text[TEXT_SIZE];

	print_status(status, app);
	(void)re_snprintf(text, sizeof(text), "%sSTATUS=%s", ready ? "READY=1\n" : "", status);
	app->notify->ready_due = !tell(app, text) && ready;
}

static void on_status(void *arg)
{
	struct sp_app *app = arg;

	tell_status(app, app->notify->ready_due);
	sp_timer_start(app->loop, &app->status, SP_APP_STATUS_MS, on_status, app);
}

void app_notify_alive(const struct sp_app *app)
{
	(void)tell(app, "WATCHDOG=1");
}

static void on_watchdog(void *arg)
{
	struct sp_app *app = arg;

	app_notify_alive(app);
	sp_timer_start(app->loop, &app->watchdog, app->watchdog_ms, on_watchdog, app);
}

void app_notify_ready(struct sp_app *app)
{
	uint64_t usec = 0;

	app_notify_reloaded(app);
	if (sd_watchdog_enabled(0, &usec) > 0 && usec) {
		app->watchdog_ms = usec / 2000 ? usec / 2000 : 1;
		on_watchdog(app);
	}
	if (app->notify->fd >= 0)
		on_status(app);
}

/* The old configuration runs while the new one is read; a large number file
 * takes its time, and gets the whole interval of the watchdog. */
void app_notify_reloading(struct sp_app *app)
{
	struct timespec ts = {0};
	char text[TEXT_SIZE];

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	(void)re_snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
			  (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	(void)tell(app, text);
	app->notify->ready_due = false;
	app_notify_alive(app);
}

void app_notify_reloaded(struct sp_app *app)
{
	tell_status(app, true);
}

void app_notify_stopping(struct sp_app *app)
{
	app->notify->ready_due = false;
	(void)tell(app, "STOPPING=1\nSTATUS=draining");
}
