/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The build: what it consists of, where rows were written, and what is told of
 * those that are wrong. A row is a number or numbers (rules.c) and what they lead
 * to (entries.c).
 */
#include <string.h>
#include <re.h>
#include "build_priv.h"

enum {
	GAP_MAX = 65536, /**< more lines between two rows begin a new stretch: places do not run out
			  */
	STOP_EVERY = 1024 /**< a look at whether to stop */
};

void number_store_free(struct number_store *s)
{
	number_vec_free(&s->itemv);
	number_vec_free(&s->accountv);
	number_vec_free(&s->stretchv);
	number_vec_free(&s->rulev);
	mem_deref(s->strings);
	mem_deref(s->names);
	mem_deref(s->lists);
	mem_deref(s->items);
	mem_deref(s->people);
	memset(s, 0, sizeof(*s));
}

void number_build_empty(struct sp_number_build *b)
{
	number_store_free(&b->store);
	number_vec_free(&b->stagedv);
	number_vec_free(&b->piecev);
	number_vec_free(&b->branchv);
	b->covered = 0;
	b->place = 0;
	b->line = 0;
	b->bad = false;
}

static void build_destructor(void *arg)
{
	struct sp_number_build *b = arg;

	number_build_empty(b);
	mem_deref(b->sorted);
}

int sp_number_build_alloc(struct sp_number_build **bp, const struct sp_number_trunk *trunkv,
			  size_t trunkc, sp_number_error_h *errh, void *arg)
{
	struct sp_number_build *b;
	int err;

	if (!bp || (trunkc && !trunkv) || trunkc >= SP_NUMBER_NO_TRUNK)
		return EINVAL;

	b = mem_zalloc(sizeof(*b), build_destructor);
	if (!b)
		return ENOMEM;

	b->trunkv = trunkv;
	b->trunkc = trunkc;
	b->errh = errh;
	b->arg = arg;

	err = number_trunks_sort(b);
	if (err)
		goto out;

	*bp = b;

out:
	if (err)
		mem_deref(b);

	return err;
}

void sp_number_build_stop(struct sp_number_build *b, const atomic_bool *stop)
{
	if (b)
		b->stop = stop;
}

bool number_stopped(const struct sp_number_build *b)
{
	return b->stop && atomic_load_explicit(b->stop, memory_order_relaxed);
}

bool number_stop_soon(struct sp_number_build *b)
{
	return !(++b->steps % STOP_EVERY) && number_stopped(b);
}

void number_report(struct sp_number_build *b, const char *file, unsigned line, const char *key,
		   const char *value, const char *mend)
{
	b->bad = true;
	if (b->errh && !b->mute)
		b->errh(file ? file : "", line, key, value, mend, b->arg);
}

void number_mute(struct sp_number_build *b, bool mute)
{
	b->mute = mute;
}

static struct number_stretch *stretch_last(const struct number_store *s)
{
	return s->stretchv.c ? (struct number_stretch *)s->stretchv.area.p + s->stretchv.c - 1
			     : NULL;
}

static int stretch_add(struct sp_number_build *b, const char *file, unsigned line, uint32_t place)
{
	struct number_store *s = &b->store;
	const struct number_stretch *last = stretch_last(s);
	struct number_stretch *new;
	const char *name;
	int err = s->strings ? 0 : number_pool_alloc(&s->strings, 1);

	if (err)
		return err;
	name = last && !strcmp(last->file, file) ? last->file
						 : number_pool_string(s->strings, file);
	new = name ? number_vec_add(&s->stretchv, sizeof(*new)) : NULL;
	if (!new)
		return ENOMEM;

	*new = (struct number_stretch){.file = name, .line = line, .place = place};

	return 0;
}

int number_place(struct sp_number_build *b, const char *file, unsigned line, uint32_t *place)
{
	const struct number_stretch *last = stretch_last(&b->store);
	const char *name = file ? file : "";
	uint64_t next;
	int err = 0;

	if (last && line >= b->line && line - b->line < GAP_MAX && !strcmp(last->file, name)) {
		next = (uint64_t)b->place + (line - b->line);
	} else {
		next = last ? (uint64_t)b->place + 1 : 0;
		if (next < NUMBER_NONE)
			err = stretch_add(b, name, line, (uint32_t)next);
	}
	if (next >= NUMBER_NONE)
		err = EOVERFLOW;
	if (err)
		return err;

	b->line = line;
	b->place = *place = (uint32_t)next;

	return 0;
}

void number_where(const char **file, unsigned *line, const struct number_store *s, uint32_t place)
{
	const struct number_stretch *v = s->stretchv.area.p;
	size_t lo = 0, hi = s->stretchv.c;

	*file = "";
	*line = 0;
	while (hi - lo > 1) { /* the last one that begins at the place or before it */
		const size_t mid = lo + (hi - lo) / 2;

		if (v[mid].place <= place)
			lo = mid;
		else
			hi = mid;
	}
	if (lo < hi) {
		*file = v[lo].file;
		*line = v[lo].line + (place - v[lo].place);
	}
}

int sp_number_add(struct sp_number_build *b, const struct sp_number_row *row)
{
	uint32_t entry = NUMBER_NONE, place;
	const char *number;
	int err, checked;

	if (!b || !row)
		return EINVAL;

	number = row->number ? row->number : "";
	err = number_place(b, row->file, row->line, &place);
	if (err)
		return err;

	/* All that is wrong with the row is told: the number is looked at first, and kept last. */
	checked = number_rule_add(b, number, strlen(number), row->holev, row->holec, NUMBER_NONE,
				  place);
	if (checked && checked != EINVAL)
		return checked;
	err = number_entry_add(b, row, &entry);
	if (err || checked)
		return err ? err : checked;

	return number_rule_add(b, number, strlen(number), row->holev, row->holec, entry, place);
}
