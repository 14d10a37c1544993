/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What app/ does for its status: it counts starts and reloads, has the socket
 * where the configuration that runs wants it, and puts the table into the log.
 */
#include <string.h>
#include <time.h>

#include "app_status_priv.h"

static void destructor(void *arg)
{
	struct app_monitor *m = arg;

	mem_deref(m->socket);
}

int app_monitor_alloc(struct app_monitor **mp, const struct sp_loop *loop)
{
	struct app_monitor *m = mem_zalloc(sizeof(*m), destructor);

	if (!m)
		return ENOMEM;

	m->version = "";
	m->start_s = (uint64_t)time(NULL);
	m->start_ms = sp_loop_now_ms(loop);
	*mp = m;

	return 0;
}

void app_monitor_version(struct app_monitor *m, const char *version)
{
	m->version = version;
}

static int gather(struct app_status **sp, const struct status_printer *printer, void *arg)
{
	return printer->calls ? status_gather_calls(sp, arg) : status_gather(sp, arg);
}

static const char *mend(int err)
{
	switch (err) {

	case EADDRINUSE:
		return "another process answers there: give each gateway a path of its own";
	case ENOTSOCK:
		return "what is there is no socket: remove it, or name another path";
	case ENOENT:
		return "its folder does not exist: under systemd it is there "
		       "(RuntimeDirectory=); else make it, or name another path";
	case EACCES:
		return "no right to make it there: name a path in a folder of the gateway's user";
	case ENAMETOOLONG:
		return "a socket's path has at most 107 bytes";
	default:
		return "status.socket";
	}
}

/* Where the configuration wants it. The gateway runs on without one. */
static void place_socket(struct sp_app *app)
{
	struct app_monitor *m = app->monitor;
	const char *path = app->env->conf->status_socket.path;
	const char *have = status_socket_path(m->socket);
	char errbuf[128];
	int err;

	if (path && have && !strcmp(path, have))
		return;

	m->socket = mem_deref(m->socket);
	if (!path)
		return;

	err = status_socket_alloc(&m->socket, app->loop, path, STATUS_CLIENT_MS, gather, app);
	if (err)
		sp_log(SP_LOG_WARN, "status_unavailable", "path=%H error=%H mend=%H", sp_log_str,
		       path, sp_log_str, str_error(err, errbuf, sizeof(errbuf)), sp_log_str,
		       mend(err));
}

void app_monitor_loaded(struct sp_app *app, bool reload, int err)
{
	struct app_monitor *m = app->monitor;

	m->load_ok = !err;
	if (reload && err)
		m->reloads_failed++;
	else if (reload)
		m->reloads_ok++;
	if (err)
		return;

	m->loaded_s = (uint64_t)time(NULL);
	place_socket(app);
}

/* @return lines that were logged of what is in mb */
static unsigned log_lines(struct mbuf *mb, unsigned most)
{
	const char *line = (const char *)mb->buf, *end;
	size_t left = mb->end;
	unsigned n = 0;

	while (n < most && left && (end = memchr(line, '\n', left))) {
		const struct pl pl = {.p = line, .l = (size_t)(end - line)};

		if (pl.l) {
			sp_log(SP_LOG_INFO, "status", "line=%H", sp_log_quote, &pl);
			n++;
		}
		left -= pl.l + 1;
		line = end + 1;
	}

	return n;
}

void app_status_log(const struct sp_app *app)
{
	unsigned room = STATUS_LOG_LINES_MAX;
	struct app_status *s = NULL;
	struct mbuf *mb = mbuf_alloc(STATUS_CHUNK);
	int err = mb ? status_gather(&s, app) : ENOMEM;

	for (size_t i = 0; !err && room && i < status_table.pieces(s); i++) {
		mb->pos = mb->end = 0;
		err = status_table.piece(mb, s, i);
		if (!err)
			room -= log_lines(mb, room);
	}
	if (err || !room)
		sp_log(SP_LOG_WARN, "status_cut", err ? "error=\"%m\"" : "error=\"too long\"", err);

	mem_deref(s);
	mem_deref(mb);
}
