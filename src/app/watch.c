/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files that may be replaced: inotify(7) on the folders that lead to them.
 *
 * A path leads through folders and symbolic links, and whoever renews a
 * certificate may exchange any of them: a file is renamed over, a link is
 * turned to the next one (certbot), a link to a folder is (Kubernetes), the
 * folder itself is renamed. So the path is walked as the kernel would, and in
 * each folder on the way that name is watched which the path goes on with.
 * Whatever else happens in these folders is of no interest.
 *
 * After a change the way may be another: app_watch_files() walks anew.
 */
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_priv.h"

enum {
	LINKS_MAX = 40, /* as the kernel: then the path leads in circles */
	EVENTS_SIZE = 16384
};

/* Of a name on the way, and of one that ends it. */
static const uint32_t mask_way = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
				 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;
static const uint32_t mask_end = IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB;

/* A name in a watched folder. */
struct place {
	int wd;
	char *name;
};

/* All of them. Belongs to no loop. */
struct app_ways {
	int fd;
	struct place *v;
	size_t n, size;
	int err;
	char failed[PATH_MAX];
};

struct app_watch {
	struct sp_loop *loop;
	struct app_ways *ways; /* NULL: none */
	app_watch_h *h;
	void *arg;
};

/* The path while it is walked: a folder without links in it, and what is left. */
struct walk {
	char dir[PATH_MAX];
	char rest[PATH_MAX];
	unsigned links;
};

static void ways_destructor(void *arg)
{
	struct app_ways *w = arg;

	for (size_t i = 0; i < w->n; i++)
		mem_deref(w->v[i].name);
	mem_deref(w->v);
	if (w->fd >= 0)
		(void)close(w->fd);
}

/* Its descriptor is closed when no event of this turn can be meant for it. */
static void forget(struct app_watch *w)
{
	if (!w->ways)
		return;

	sp_loop_unlisten(w->loop, w->ways->fd);
	sp_loop_release(w->loop, w->ways);
	w->ways = NULL;
}

static void destructor(void *arg)
{
	forget(arg);
}

int app_watch_alloc(struct app_watch **wp, struct sp_loop *loop, app_watch_h *h, void *arg)
{
	struct app_watch *w = mem_zalloc(sizeof(*w), destructor);

	if (!w)
		return ENOMEM;

	w->loop = loop;
	w->h = h;
	w->arg = arg;
	*wp = w;

	return 0;
}

static int grow(struct app_ways *w)
{
	const size_t size = w->size ? 2 * w->size : 32;
	struct place *v = mem_zalloc(size * sizeof(*v), NULL);

	if (!v)
		return ENOMEM;

	if (w->n)
		memcpy(v, w->v, w->n * sizeof(*v));
	mem_deref(w->v);
	w->v = v;
	w->size = size;

	return 0;
}

static bool has_place(const struct app_ways *w, int wd, const char *name)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->v[i].wd == wd && !strcmp(w->v[i].name, name))
			return true;
	}

	return false;
}

static int add_place(struct app_ways *w, const char *dir, const char *name, uint32_t mask)
{
	const int wd = inotify_add_watch(w->fd, *dir ? dir : "/", mask);
	int err;

	if (wd < 0)
		return errno;
	if (has_place(w, wd, name))
		return 0;

	err = w->n < w->size ? 0 : grow(w);
	if (!err)
		err = str_dup(&w->v[w->n].name, name);
	if (!err)
		w->v[w->n++].wd = wd;

	return err;
}

/* Take the next name off. @return false when the path is at its end, or too long */
static bool next_name(struct walk *k, char name[NAME_MAX + 1])
{
	const char *p = k->rest + strspn(k->rest, "/");
	const size_t n = strcspn(p, "/");

	if (!n || n > NAME_MAX)
		return false;

	memcpy(name, p, n);
	name[n] = '\0';
	memmove(k->rest, p + n, strlen(p + n) + 1);

	return true;
}

static bool enter(struct walk *k, const char *name)
{
	const size_t n = strlen(k->dir);
	char *slash;

	if (!strcmp(name, "."))
		return true;
	if (!strcmp(name, "..")) {
		slash = strrchr(k->dir, '/');
		if (slash)
			*slash = '\0';
		return true;
	}

	return re_snprintf(k->dir + n, sizeof(k->dir) - n, "/%s", name) > 0;
}

static bool follow(struct walk *k, const char *link)
{
	char target[PATH_MAX], rest[PATH_MAX];
	const ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n <= 0 || ++k->links > LINKS_MAX)
		return false;

	target[n] = '\0';
	if (target[0] == '/')
		k->dir[0] = '\0';
	str_ncpy(rest, k->rest, sizeof(rest));

	return re_snprintf(k->rest, sizeof(k->rest), "%s/%s", target, rest) > 0;
}

static int walk(struct app_ways *w, const char *path)
{
	struct walk k = {.links = 0};
	char name[NAME_MAX + 1], full[PATH_MAX];
	int err = 0;

	str_ncpy(k.rest, path, sizeof(k.rest));
	while (next_name(&k, name)) {
		struct stat st = {.st_mode = 0};
		bool is_way;
		int e;

		if (re_snprintf(full, sizeof(full), "%s/%s", k.dir, name) < 0)
			break;
		/* a name that is not there is one that may come */
		is_way = !lstat(full, &st) && S_ISDIR(st.st_mode);
		e = add_place(w, k.dir, name, is_way ? mask_way : mask_way | mask_end);

		/* folders above need not be readable: they are seldom replaced */
		if (e && !is_way) {
			err = e;
			str_ncpy(w->failed, *k.dir ? k.dir : "/", sizeof(w->failed));
		}

		if (is_way ? !enter(&k, name) : !S_ISLNK(st.st_mode) || !follow(&k, full))
			break;
	}

	return err;
}

static bool is_change(const struct app_ways *w, const struct inotify_event *e)
{
	if (e->mask & IN_IGNORED)
		return false; /* IN_DELETE_SELF came before it */
	if (e->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT))
		return true;

	return e->len ? has_place(w, e->wd, e->name) : (e->mask & IN_ATTRIB) != 0;
}

void app_watch_read(struct app_watch *w)
{
	_Alignas(struct inotify_event) char buf[EVENTS_SIZE];
	bool changed = false;
	ssize_t n;

	while (w->ways && (n = read(w->ways->fd, buf, sizeof(buf))) > 0) {
		for (const char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const void *)p;

			changed = changed || is_change(w->ways, e);
			p += sizeof(*e) + e->len;
		}
	}

	/* last: the handler may watch other files, or release this */
	if (changed)
		w->h(w->arg);
}

static void on_readable(int flags, void *arg)
{
	(void)flags;

	app_watch_read(arg);
}

int app_ways_alloc(struct app_ways **wp, const struct app_files *fs)
{
	struct app_ways *w = mem_zalloc(sizeof(*w), ways_destructor);

	if (!w)
		return ENOMEM;

	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		w->err = errno;

	for (size_t i = 0; i < fs->n && w->fd >= 0; i++) {
		const int err = walk(w, fs->v[i].path);

		w->err = w->err ? w->err : err;
	}
	*wp = w;

	return 0;
}

int app_watch_ways(struct app_watch *w, struct app_ways *ways, const char **failed)
{
	int err = ways->err;

	forget(w);
	w->ways = mem_ref(ways);
	*failed = ways->failed;
	if (ways->fd >= 0 && sp_loop_listen(w->loop, ways->fd, FD_READ, on_readable, w))
		err = ENOMEM;

	return err;
}

int app_watch_files(struct app_watch *w, const struct app_files *fs, const char **failed)
{
	struct app_ways *ways;
	int err;

	*failed = "";
	err = app_ways_alloc(&ways, fs);
	if (!err && (ways->fd < 0 || ways->err == ENOMEM)) {
		err = ways->err;
		mem_deref(ways);
	}
	if (err)
		return err;

	err = app_watch_ways(w, ways, failed);
	mem_deref(ways);

	return err;
}
