/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Preloaded into the daemon by tests of what runs short: memory, and what the
 * kernel gives. SHORTAGE names a file of numbers that the test changes while
 * the daemon runs (shortage.py): which calls fail, with what error, one in how
 * many; and how many did.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In the order of shortage.py. */
enum what { MEMORY, SEND, WATCH, CONNECT, KINDS };

struct config; /* libconfig's */

static volatile struct {
	struct {
		uint32_t one_in, error, failed;
	} v[KINDS];
} * knobs;

static void *(*real_malloc)(size_t), *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);
static void (*real_config_init)(struct config *);
static int (*real_config_read_string)(struct config *, const char *);

/* What is under way here has all that it asks for. */
static _Thread_local int spared;

/* What dlsym() wants before there is a malloc(). */
static char early[4096];
static size_t early_used;

static void *from_early(size_t n)
{
	void *p = early + early_used;

	early_used += (n + 15) & ~(size_t)15;
	if (early_used > sizeof(early))
		abort();
	return p;
}

static void next(void *function, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	memcpy(function, &symbol, sizeof(symbol));
}

static void resolve(void)
{
	static int busy;

	if (busy || real_realloc)
		return;
	busy = 1;
	next(&real_malloc, "malloc");
	next(&real_calloc, "calloc");
	next(&real_realloc, "realloc");
	next(&real_mmap, "mmap");
	next(&real_config_init, "config_init");
	next(&real_config_read_string, "config_read_string");
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("SHORTAGE");
	const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	resolve();
	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*knobs), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (p != MAP_FAILED)
		knobs = p;
}

static int fails(enum what what)
{
	static _Thread_local uint32_t state = 2463534242;
	uint32_t one_in;

	if (!knobs || spared || !(one_in = knobs->v[what].one_in))
		return 0;
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	if (state % one_in)
		return 0;
	__sync_fetch_and_add(&knobs->v[what].failed, 1);
	errno = (int)knobs->v[what].error;
	return 1;
}

void *malloc(size_t n)
{
	if (!real_malloc)
		resolve();
	if (!real_malloc)
		return from_early(n);
	return fails(MEMORY) ? NULL : real_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	if (!real_calloc)
		resolve();
	if (!real_calloc)
		return from_early(n * size);
	return fails(MEMORY) ? NULL : real_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	if (!real_realloc)
		resolve();
	return fails(MEMORY) ? NULL : real_realloc(p, n);
}

/* Where the number table and the memory for keys are from. */
void *mmap(void *p, size_t n, int protection, int flags, int fd, off_t offset)
{
	if ((flags & MAP_ANONYMOUS) && fails(MEMORY))
		return MAP_FAILED;
	if (!real_mmap)
		return (void *)syscall(SYS_mmap, p, n, protection, flags, fd, offset);
	return real_mmap(p, n, protection, flags, fd, offset);
}

/* libconfig 1.5 writes to what it did not get: conf/ asks first whether there is enough for it,
 * and that may fail here. */
void config_init(struct config *config)
{
	spared++;
	real_config_init(config);
	spared--;
}

int config_read_string(struct config *config, const char *text)
{
	int ok;

	spared++;
	ok = real_config_read_string(config, text);
	spared--;
	return ok;
}

/* Media; not what systemd is told. */
ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t len)
{
	if ((!to || to->sa_family != AF_UNIX) && fails(SEND))
		return -1;
	return syscall(SYS_sendto, fd, p, n, flags, to, len);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (fails(SEND))
		return -1;
	return syscall(SYS_sendmsg, fd, msg, flags);
}

int sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags)
{
	if (fails(SEND))
		return -1;
	return (int)syscall(SYS_sendmmsg, fd, v, n, flags);
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	if (op == EPOLL_CTL_ADD && fails(WATCH))
		return -1;
	return (int)syscall(SYS_epoll_ctl, epfd, op, fd, ev);
}

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	if (to->sa_family != AF_UNIX && fails(CONNECT))
		return -1;
	return (int)syscall(SYS_connect, fd, to, len);
}
