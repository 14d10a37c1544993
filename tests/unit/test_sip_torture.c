/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of tests/torture at the framer, the parser and the layer, which
 * stand here for the daemon that tests/system/test_torture.py asks: each row
 * gets what it says, whole, octet by octet and in two pieces cut at every place
 * (RFC 3261 7.5, 18.3), and a good message behind it gets its answer.
 */
#include <glob.h>
#include "sip_fixture.h"
#include "torture_table.h"

enum { SLICED_MAX = 2000, RESULT_SIZE = 1024, ANSWER = 480 };

struct torture {
	struct fixture *f;
	struct tt_table table;
	struct mbuf *good; /* what is sent behind each row */
	unsigned wrong;
};

/* What came of some octets. */
struct outcome {
	char text[RESULT_SIZE];
	unsigned handed, acks, dropped;
	int err;
	const char *why;
};

/* Octets in pieces: the first of `first`, the others of `size` (0: the rest). */
static int input(struct wire *w, const struct mbuf *mb, size_t first, size_t size, const char **why)
{
	const uint8_t *p = mb->buf;
	size_t left = mb->end;
	int err = 0;

	for (size_t n = min(first, left); left && !err; n = min(size ? size : left, left)) {
		err = n ? sp_sip_conn_input(w->c, p, n, why) : 0;
		p += n;
		left -= n;
	}

	return err;
}

static void answers(struct outcome *o, const struct wire *w)
{
	size_t used = 0;

	o->text[0] = '\0';
	for (unsigned i = 0; i < w->n; i++) {
		const struct sp_sip_msg *m = w->sent[i];

		used += (size_t)re_snprintf(o->text + used, sizeof(o->text) - used, "%u %r;",
					    m->status, &m->reason);
	}
}

static struct mbuf *octets_of(const struct tt_row *row)
{
	const struct tt_vars v = {.id = "00000000",
				  .to_tag = row->where == TT_IN_CALL ? ";tag=gwtag" : NULL};

	return tt_octets(row, &v);
}

/* Feed a row to a connection of its own, in pieces, and a good message behind it.
 * Afterwards all its transactions are over, so that it can come again. */
static void feed_row(struct outcome *o, struct torture *t, const struct mbuf *mb, size_t first,
		     size_t size)
{
	struct fixture *f = t->f;
	struct wire w = {.f = f};

	memset(o, 0, sizeof(*o));
	wire_open(f, &w, &w, "gw.example:5061");
	f->requests = f->acks = 0;
	o->err = input(&w, mb, first, size, &o->why);
	answers(o, &w);
	o->handed = f->requests;
	o->acks = f->acks;
	o->dropped = w.c->dropped;
	assert_false(!o->err && sp_sip_conn_partial(w.c));

	/* the connection reads on, or it never does */
	wire_clear(&w);
	f->requests = 0;
	assert_int_equal(o->err, input(&w, t->good, t->good->end, 0, &o->why));
	assert_int_equal(o->err ? 0 : 1, f->requests);
	assert_int_equal(o->err ? 0 : 1, w.n);

	wire_close(&w);
	f->st = mem_deref(f->st);
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS + SP_SIP_T1_MS);
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

/* What a row expects, as feed_row() tells it. */
static void expected(struct outcome *o, const struct tt_row *row)
{
	size_t used = 0;

	memset(o, 0, sizeof(*o));
	for (size_t i = 0; i <= row->expectc; i++) {
		const char *what = i < row->expectc ? row->expectv[i] : "accept", *rest;

		if (i == row->expectc && !row->inner)
			break;
		if (tt_word(what, "accept") || tt_word(what, "cross")) {
			++o->handed;
			used += (size_t)re_snprintf(o->text + used, sizeof(o->text) - used,
						    "%u %s;", ANSWER, sp_sip_reason(ANSWER));
		} else if ((rest = tt_word(what, "refuse"))) {
			used += (size_t)re_snprintf(o->text + used, sizeof(o->text) - used, "%s;",
						    rest);
		} else if (tt_word(what, "drop")) {
			++o->dropped;
		} else if ((rest = tt_word(what, "close"))) {
			o->err = EBADMSG;
			o->why = rest;
		} else {
			assert_non_null(tt_word(what, "ignore"));
		}
	}
}

/* @return is it as expected? It is said when not, so that one run shows all rows. */
static bool compare(struct torture *t, const struct tt_row *row, const struct outcome *want,
		    const struct outcome *have, size_t first, size_t size)
{
	if (!strcmp(want->text, have->text) && want->handed == have->handed &&
	    want->dropped == have->dropped && !want->err == !have->err &&
	    (!want->err || !strcmp(want->why, have->why)))
		return true;

	++t->wrong;
	print_error("%s in pieces of %zu and %zu: answers \"%s\" (not \"%s\"), %u handed over (not "
		    "%u), %u dropped (not %u), closed: %s (not %s)\n",
		    row->name, first, size, have->text, want->text, have->handed, want->handed,
		    have->dropped, want->dropped, have->err ? have->why : "no",
		    want->err ? want->why : "no");

	return false;
}

static void sliced(struct torture *t, const struct tt_row *row, const struct mbuf *mb,
		   const struct outcome *want)
{
	const size_t step = mb->end > SLICED_MAX ? mb->end / 20 : 1;
	struct outcome have;

	for (size_t cut = 1; cut < mb->end; cut += step) {
		feed_row(&have, t, mb, cut, 0);
		if (!compare(t, row, want, &have, cut, 0))
			return;
	}
	for (size_t size = 1; size <= 3; size++) {
		feed_row(&have, t, mb, size, size);
		if (!compare(t, row, want, &have, size, size))
			return;
	}
}

/* ---- what was understood ---- */

static struct pl part_of(const struct sp_sip_msg *m, const char *name, size_t n)
{
	char buf[64];
	const struct sp_sip_hdr *h;

	if (tt_is(name, n, "(uri)"))
		return m->ruri;
	if (tt_is(name, n, "(user)"))
		return m->uri.user;
	if (tt_is(name, n, "(host)"))
		return m->uri.host;
	if (tt_is(name, n, "(from-tag)"))
		return m->from_tag;
	if (tt_is(name, n, "(to-tag)"))
		return m->to_tag;
	if (tt_is(name, n, "(from-name)"))
		return m->from.display;
	if (tt_is(name, n, "(sent-by)"))
		return m->sent_by;
	if (tt_is(name, n, "(body)"))
		return m->body;
	if (tt_is(name, n, "(reason)"))
		return m->reason;
	(void)re_snprintf(buf, sizeof(buf), "%b", name, n);
	h = sp_sip_msg_named(m, buf);
	if (!h)
		fail_msg("no %s", buf);

	return h->value;
}

static void reads(const struct tt_row *row, const struct sp_sip_msg *m, const struct tt_vars *v)
{
	for (size_t i = 0; i < row->readc; i++) {
		const char *read = row->readv[i], *colon = strchr(read, ':');
		struct mbuf *mb = mbuf_alloc(64);
		struct pl have;

		assert_non_null(colon);
		have = part_of(m, read, (size_t)(colon - read));
		if (colon[1])
			tt_text(mb, colon + 2, v, 0);
		if (have.l != mb->end || (have.l && memcmp(have.p, mb->buf, have.l)))
			fail_msg("%s: %s, but it is \"%.*s\"", row->name, read, (int)have.l,
				 have.p);
		mem_deref(mb);
	}
}

/* The first message of a row, as the parser alone sees it. */
static void parsed(const struct tt_row *row, const struct mbuf *mb, const struct outcome *want)
{
	const struct tt_vars v = {.id = "00000000", .message = 1};
	struct sp_sip_fault fault;
	struct sp_sip_msg *m = NULL;

	if (!row->readc && !tt_word(row->expectv[0], "drop"))
		return;

	(void)sp_sip_msg_parse(&m, (const char *)mb->buf, mb->end, &fault);
	if (want->dropped)
		assert_string_equal(fault.reason, tt_word(row->expectv[0], "drop"));
	if (row->readc) {
		assert_non_null(m);
		reads(row, m, &v);
	}
	mem_deref(m);
}

static void every_request(void **state)
{
	struct torture *t = *state;
	unsigned done = 0;

	t->f->reply_at_once = ANSWER;
	for (size_t i = 0; i < t->table.rowc; i++) {
		const struct tt_row *row = &t->table.rowv[i];
		struct outcome want, have;
		struct mbuf *mb;

		if (row->where == TT_IN_INVITE)
			continue;
		mb = octets_of(row);
		expected(&want, row);
		feed_row(&have, t, mb, SIZE_MAX, 0);
		if (compare(t, row, &want, &have, 0, 0)) {
			parsed(row, mb, &want);
			sliced(t, row, mb, &want);
		}
		mem_deref(mb);
		++done;
	}
	assert_int_equal(0, t->wrong);
	assert_true(done > 150);
}

/* ---- responses to an INVITE of ours ---- */

static void vars_of(struct tt_vars *v, char text[5][256], const struct sp_sip_msg *req)
{
	(void)re_snprintf(text[0], 256, "SIP/2.0/TLS %r;branch=%r", &req->sent_by, &req->branch);
	(void)re_snprintf(text[1], 256, "<%r>;tag=%r", &req->from.text, &req->from_tag);
	(void)re_snprintf(text[2], 256, "<%r>", &req->to.text);
	(void)re_snprintf(text[3], 256, "%r", &req->call_id);
	(void)re_snprintf(text[4], 256, "%r", &req->branch);
	v->via = text[0];
	v->branch = text[4];
	v->from = text[1];
	v->to = text[2];
	v->callid = text[3];
	v->cseq = "7";
}

/* Feed it to a fresh transaction. @return the status that its user got, 0: nothing */
static unsigned feed_response_row(struct torture *t, const struct tt_row *row, size_t first,
				  size_t size, struct outcome *o)
{
	struct fixture *f = t->f;
	struct tt_vars v = {.id = "r"};
	struct wire w = {.f = f};
	unsigned status;
	char text[5][256];
	struct mbuf *mb;

	memset(o, 0, sizeof(*o));
	wire_open(f, &w, &w, "gw.example:5061");
	f->responses = f->errors = f->status = 0;
	assert_int_equal(0, send_request(f, &w, SP_SIP_INVITE));
	vars_of(&v, text, w.sent[0]);
	mb = tt_octets(row, &v);
	o->err = input(&w, mb, first, size, &o->why);
	o->dropped = w.c->dropped;
	status = f->responses ? f->status : 0;
	assert_true(f->responses <= 1);
	if (status)
		reads(row, f->rsp, &v);

	/* nothing of it keeps a good one from being heard */
	if (!o->err && status < 200) {
		feed_response(&w, w.sent[0], 486, NULL);
		assert_int_equal(486, f->status);
	}
	sp_sip_ctrans_detach(f->ct);
	mem_deref(mb);
	wire_close(&w);
	f->rsp = mem_deref(f->rsp);
	f->ct = mem_deref(f->ct);
	sp_loop_advance(f->loop, 2 * SIP_TIMER_C_MS);
	assert_int_equal(0, sp_sip_transactions(f->sip));

	return status;
}

static void check_response(struct torture *t, const struct tt_row *row, size_t first, size_t size)
{
	const char *cross = tt_word(row->expectv[0], "cross");
	struct outcome have, want;
	unsigned status;

	expected(&want, row);
	status = feed_response_row(t, row, first, size, &have);
	if (status != (cross ? (unsigned)atoi(cross) : 0)) {
		++t->wrong;
		print_error("%s in pieces of %zu and %zu: status %u\n", row->name, first, size,
			    status);
	}
	want.handed = 0;
	want.text[0] = '\0';
	(void)compare(t, row, &want, &have, first, size);
}

static void every_response(void **state)
{
	struct torture *t = *state;
	unsigned done = 0;

	for (size_t i = 0; i < t->table.rowc; i++) {
		const struct tt_row *row = &t->table.rowv[i];

		if (row->where != TT_IN_INVITE)
			continue;
		check_response(t, row, SIZE_MAX, 0);
		for (size_t size = 1; size <= 4 && !t->wrong; size++)
			check_response(t, row, size, size);
		for (size_t cut = 1; cut < 400 && !t->wrong; cut += 4)
			check_response(t, row, cut, 0);
		++done;
	}
	assert_int_equal(0, t->wrong);
	assert_true(done > 30);
}

/* Good messages one behind the other, cut at every octet: the answers are the same. */
static void every_cut_of_a_pipeline(void **state)
{
	static const char *const names[] = {"short-names-and-folds", "hidden-in-a-body",
					    "two-at-once", "keep-alives-between"};
	struct torture *t = *state;
	struct fixture *f = t->f;
	struct mbuf *mb = mbuf_alloc(4096);
	struct outcome whole = {.err = 0}, have;

	f->reply_at_once = ANSWER;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		for (size_t k = 0; k < t->table.rowc; k++) {
			struct mbuf *one;

			if (strcmp(t->table.rowv[k].name, names[i]))
				continue;
			one = tt_octets(&t->table.rowv[k], &(struct tt_vars){.id = names[i]});
			mbuf_write_mem(mb, one->buf, one->end);
			mem_deref(one);
		}
	}
	assert_true(mb->end > 2000);

	for (size_t cut = 0; cut < mb->end; cut++) {
		struct wire w = {.f = f};

		wire_open(f, &w, &w, "gw.example:5061");
		assert_int_equal(0, input(&w, mb, cut ? cut : mb->end, 0, &have.why));
		answers(cut ? &have : &whole, &w);
		if (cut)
			assert_string_equal(whole.text, have.text);
		assert_true(w.n >= ARRAY_SIZE(names));
		wire_close(&w);
		f->st = mem_deref(f->st);
		sp_loop_advance(f->loop, 2 * SP_SIP_TIMEOUT_MS);
	}
	mem_deref(mb);
}

/* No two rows of one name, and each says what it answers to. */
static void every_row_has_its_reason(void **state)
{
	const struct torture *t = *state;

	for (size_t i = 0; i < t->table.rowc; i++) {
		const struct tt_row *row = &t->table.rowv[i];

		if (!row->of || !row->expectc || !row->linec)
			fail_msg("%s: lacks \"of\", \"expect\" or its message", row->name);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(row->name, t->table.rowv[k].name);
	}
}

static int setup(void **state)
{
	struct torture *t = mem_zalloc(sizeof(*t), NULL);
	void *f = NULL;
	glob_t files;

	assert_int_equal(0, glob(SP_SOURCE_DIR "/tests/torture/*.rows", 0, NULL, &files));
	for (size_t i = 0; i < files.gl_pathc; i++)
		tt_load(&t->table, files.gl_pathv[i]);
	globfree(&files);
	(void)fixture_setup(&f);
	t->f = f;
	t->good = mbuf_alloc(512);
	tt_macro(t->good, "inner", &(struct tt_vars){.id = "afterwards"}, 0);
	*state = t;

	return 0;
}

static int teardown(void **state)
{
	struct torture *t = *state;
	void *f = t->f;

	tt_free(&t->table);
	mem_deref(t->good);
	mem_deref(t);

	return fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_row_has_its_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(every_request, setup, teardown),
		cmocka_unit_test_setup_teardown(every_response, setup, teardown),
		cmocka_unit_test_setup_teardown(every_cut_of_a_pipeline, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
