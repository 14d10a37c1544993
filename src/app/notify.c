/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What systemd is told (sd_notify(3)). Without systemd every line here does
 * nothing. The watchdog is fed by a timer of the loop, so a loop that hangs
 * stops feeding it.
 */
#include <stdlib.h>
#include <time.h>
#include <systemd/sd-daemon.h>

#include "app_priv.h"

enum { STATUS_SIZE = 160 };

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

static void on_status(void *arg)
{
	struct sp_app *app = arg;
	char status[STATUS_SIZE];

	print_status(status, app);
	(void)sd_notifyf(0, "STATUS=%s", status);
	sp_timer_start(app->loop, &app->status, SP_APP_STATUS_MS, on_status, app);
}

void app_notify_alive(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

static void on_watchdog(void *arg)
{
	struct sp_app *app = arg;

	app_notify_alive();
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
	if (getenv("NOTIFY_SOCKET"))
		on_status(app);
}

/* The old configuration runs while the new one is read; a large number file
 * takes its time, and gets the whole interval of the watchdog. */
void app_notify_reloading(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
			 (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	app_notify_alive();
}

void app_notify_reloaded(struct sp_app *app)
{
	char status[STATUS_SIZE];

	print_status(status, app);
	(void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void app_notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1\nSTATUS=draining");
}
