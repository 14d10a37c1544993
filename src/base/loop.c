/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The event loop: libre's epoll loop with a proper end of turn.
 *
 * libre collects a batch of events and then calls the handlers by descriptor
 * number. If a handler closes descriptor N and a new socket gets the same
 * number, an old event for N reaches the new socket's handler. So descriptors
 * stop being watched at once but stay open until their batch is over, and
 * objects live as long.
 *
 * The end of a turn is an eventfd. It is written when something is handed
 * over, so its event comes in a later batch; but in that batch handlers may
 * have run before it and handed over more. Hence two lists: each end of a turn
 * disposes of what was ripe and lets the fresh ripen for the next.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <re.h>
#include <sallyport/base_log.h>
#include <sallyport/base_loop.h>
#include "base_priv.h"

enum {
	MIN_FDS = 1024,
	MAX_FDS = 1048576,
	DOOMLIST_START = 64,
};

static int doomlist_add(struct base_doomlist *dl, int fd, void *obj)
{
	if (dl->n == dl->size) {
		const size_t size = dl->size ? dl->size * 2 : DOOMLIST_START;
		struct base_doomed *v = mem_realloc(dl->v, size * sizeof(*v));

		if (!v)
			v = mem_alloc(size * sizeof(*v), NULL);
		if (!v)
			return ENOMEM;
		dl->v = v;
		dl->size = size;
	}

	dl->v[dl->n++] = (struct base_doomed){.fd = fd, .obj = obj};

	return 0;
}

/* Destructors may hand over more while this runs: dl must be in nobody's reach. */
static void doomlist_dispose(struct base_doomlist *dl)
{
	for (size_t i = 0; i < dl->n; i++) {
		if (dl->v[i].fd >= 0)
			(void)close(dl->v[i].fd);
		mem_deref(dl->v[i].obj);
	}

	dl->n = 0;
}

/* Outside of any batch: dispose of everything, and of what that sets free. */
static void dispose_all(struct sp_loop *loop)
{
	while (loop->ripe.n || loop->fresh.n) {
		struct base_doomlist ripe = loop->ripe, fresh = loop->fresh;

		memset(&loop->ripe, 0, sizeof(loop->ripe));
		memset(&loop->fresh, 0, sizeof(loop->fresh));
		doomlist_dispose(&ripe);
		doomlist_dispose(&fresh);
		mem_deref(ripe.v);
		mem_deref(fresh.v);
	}
}
