/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The calls as a table: a line for each, and one for each side of each of its streams,
 * under titles that stand once, as the listing may have any length.
 */
#include "app_status_priv.h"

enum { NAME_MIN = 4, NUMBER = 16, TIME = 11, COUNT = 9 };

/* %H handler, arg const uint64_t *: microseconds as "12.3" milliseconds */
static int print_ms(struct re_printf *pf, const uint64_t *us)
{
	return re_hprintf(pf, "%llu.%llu", *us / 1000, *us % 1000 / 100);
}

static int print_titles(struct mbuf *mb, const struct status_column *v, size_t n)
{
	struct status_row r = {.mb = mb, .columnv = v};

	while (r.n < n)
		status_cell(&r, "%s", v[r.n].title);

	return status_row_end(&r);
}

/* A row, or the titles when c is NULL. */
static int print_call(struct mbuf *mb, const struct app_status *s, const struct app_status_call *c)
{
	const unsigned name = max(s->name_width, NAME_MIN);
	const struct status_column v[] = {
		{"CALL", SP_CALL_ID_SIZE - 1, false},
		{"STATE", 8, false},
		{"AGE", TIME, true},
		{"TALK", TIME, true},
		{"FROM", name, false},
		{"CALLER", NUMBER, false},
		{"TO", name, false},
		{"CALLEE", NUMBER, false},
		{"MEDIA", 0, false},
	};
	struct status_row r = {.mb = mb, .columnv = v};
	uint64_t age, talk;

	if (!c)
		return print_titles(mb, v, sizeof(v) / sizeof(v[0]));

	age = c->age_ms / 1000;
	talk = c->talk_ms / 1000;
	status_cell(&r, "%H", status_plain, c->id);
	status_cell(&r, "%H", status_plain, c->state);
	status_cell(&r, "%H", status_span, &age);
	status_cell(&r, "%H", status_span, &talk);
	status_cell(&r, "%H", status_plain, *c->from ? c->from : "-");
	status_cell(&r, "%H", status_plain, *c->caller ? c->caller : "-");
	status_cell(&r, "%H", status_plain, *c->to ? c->to : "-");
	status_cell(&r, "%H", status_plain, *c->callee ? c->callee : "-");
	status_cell(&r, "%H%s", status_plain, c->media, c->emergency ? "; EMERGENCY CALL" : "");

	return status_row_end(&r);
}

/* Likewise. */
static int print_flow(struct mbuf *mb, const struct app_status_flow *f)
{
	static const struct status_column v[] = {
		{"  STREAM", 8, false}, {"OF", 6, false},          {"PACKETS", COUNT, true},
		{"BYTES", 11, true},    {"LOST", 7, true},         {"LATE", 6, true},
		{"DUPLICATE", 9, true}, {"UNAUTHENTIC", 11, true}, {"REPLAYED", 8, true},
		{"JITTER MS", 9, true}, {"GAP MS", 7, true},       {"IDLE MS", 7, true},
		{"RTT MS", 7, true},    {"FAR LOST", 8, true},     {"FAR JITTER MS", 13, true},
	};
	struct status_row r = {.mb = mb, .columnv = v};

	if (!f)
		return print_titles(mb, v, sizeof(v) / sizeof(v[0]));

	status_cell(&r, "  %llu", f->stream);
	status_cell(&r, "%H", status_plain, f->side);
	status_cell(&r, "%llu", f->packets);
	status_cell(&r, "%llu", f->bytes);
	status_cell(&r, "%llu", f->lost);
	status_cell(&r, "%llu", f->late);
	status_cell(&r, "%llu", f->duplicate);
	status_cell(&r, "%llu", f->unauthentic);
	status_cell(&r, "%llu", f->replayed);
	status_cell(&r, "%H", print_ms, &f->jitter_max_us);
	status_cell(&r, "%llu", f->gap_ms);
	status_cell(&r, "%llu", f->idle_ms);
	if (f->rtt_us)
		status_cell(&r, "%H", print_ms, &f->rtt_us);
	else
		status_cell(&r, "-");
	if (f->far_told) {
		status_cell(&r, "%llu", f->far_lost);
		status_cell(&r, "%H", print_ms, &f->far_jitter_us);
	} else {
		status_cell(&r, "-");
		status_cell(&r, "-");
	}

	return status_row_end(&r);
}

static size_t pieces(const struct app_status *s)
{
	(void)s;

	return 1;
}

static int piece(struct mbuf *mb, const struct app_status *s, size_t i)
{
	int err = 0;

	if (i)
		return 0;

	if (!s->listed) {
		err = print_call(mb, s, NULL);
		if (!err)
			err = print_flow(mb, NULL);
	}
	for (size_t k = 0; k < s->callc && !err; k++) {
		const struct app_status_call *c = &s->callv[k];

		err = print_call(mb, s, c);
		for (size_t n = 0; n < c->flows && !err; n++)
			err = print_flow(mb, &s->flowv[c->first_flow + n]);
	}

	return err || s->more ? err
			      : mbuf_printf(mb, "-- %H, %llu calls\n", status_time,
					    &s->gateway.now_s, s->listed + s->callc);
}

const struct status_printer status_calls = {"calls", pieces, piece, "-- ", true};
