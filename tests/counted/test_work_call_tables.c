/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of one message, or one call, beside thousands of dialogs, granted replacements,
 * accounts and calls: it is the same however many there are.
 */
#include "transfer_priv.h"
#include "accounts_priv.h"
#include "unit/call_fixture.h"
#include "work.h"

enum { FROM = 1024, TO = 16384, BUCKETS = 64, CALLS_MAX = 32 };

static struct fx *begin(void)
{
	void *state = NULL;
	struct fx *f;

	assert_int_equal(0, fx_setup(&state));
	sp_log_setup(SP_LOG_ERROR, false);
	f = state;
	f->conf->limits.calls = 1000;
	f->confv[0].transfer = SP_TRANSFER_RELAY;

	return f;
}

static void end(struct fx *f)
{
	void *state = f;

	(void)fx_teardown(&state);
}

/* Legs without anything but what is looked at here. */
struct crowd {
	struct sp_call call;
	struct leg *legv;
	size_t n;
};

static void crowd_begin(struct crowd *c, struct fx *f, size_t n)
{
	memset(c, 0, sizeof(*c));
	c->call.calls = f->calls;
	c->call.env = f->env;
	c->legv = calloc(n, sizeof(*c->legv));
	c->n = n;
	for (size_t i = 0; i < n; i++) {
		c->legv[i].call = &c->call;
		c->legv[i].trunk = f->trunkv[0];
	}
}

static void crowd_end(struct crowd *c)
{
	for (size_t i = 0; i < c->n; i++) {
		list_flush(&c->legv[i].dlgs);
		c->legv[i].grant = mem_deref(c->legv[i].grant);
	}
	free(c->legv);
}

static struct sp_sip_dialog *dialog(void)
{
	struct sp_sip_dialog *d;

	assert_int_equal(0, sp_sip_dialog_uac(&d, "<sip:a@b>", "<sip:c@d>", "sip:c@d"));

	return d;
}

static uint32_t bucket(const struct sp_hashkey *key, const struct sp_sip_dialog *d)
{
	const char *tag = sp_sip_dialog_local_tag(d);

	return (uint32_t)sp_hash(key, tag, strlen(tag)) % BUCKETS;
}

/* Requests with a To tag of ours, one of nobody's, and one more dialog. */
static void look(struct fx *f, struct crowd *c, const struct sp_sip_dialog *d)
{
	struct replaces r = {.call_id = "a", .to_tag = "b", .from_tag = "c"};
	struct sp_sip_msg m = {.request = true};
	struct dlg *dlg;

	pl_set_str(&m.to_tag, sp_sip_dialog_local_tag(d));
	work_on();
	(void)dlg_find(f->calls, &m);
	pl_set_str(&m.to_tag, "nobody");
	assert_null(dlg_find(f->calls, &m));
	assert_null(replaces_find(f->calls, &r));
	assert_int_equal(0, dlg_alloc(&dlg, &c->legv[0], dialog()));
	mem_deref(dlg);
	work_off();
}

static void dialogs_work(size_t n, void *arg)
{
	struct fx *f = begin();
	struct sp_sip_dialog *d = NULL;
	struct crowd c;
	struct dlg *dlg;
	(void)arg;

	crowd_begin(&c, f, n);
	for (size_t i = 0; i < n; i++) {
		d = dialog();
		assert_int_equal(0, dlg_alloc(&dlg, &c.legv[i], d));
	}
	look(f, &c, d);
	crowd_end(&c);
	end(f);
}

static void dialogs(void **state)
{
	(void)state;
	work_constant("dialogs", FROM, TO, dialogs_work, NULL);
}

/* A peer keeps those calls only whose tags meet in one bucket when the key is 0. */
static void guessed(bool known)
{
	static const struct sp_hashkey zero;
	struct fx *f = begin();
	struct sp_sip_dialog *d = NULL;
	struct crowd c;
	struct dlg *dlg;

	crowd_begin(&c, f, 1024);
	mem_deref(f->calls->dlgs);
	assert_int_equal(0, hash_alloc(&f->calls->dlgs, BUCKETS));
	if (known)
		f->calls->key = zero;
	for (size_t i = 0; i < c.n; i++) {
		do {
			mem_deref(d);
			d = dialog();
		} while (bucket(&zero, d));
		assert_int_equal(0, dlg_alloc(&dlg, &c.legv[i], d));
		if (i + 1 < c.n)
			d = NULL;
	}
	look(f, &c, d);
	crowd_end(&c);
	end(f);
}

static void keyed(void **state)
{
	struct fx *f = begin(), *g = begin();
	uint64_t harm;

	(void)state;
	assert_memory_not_equal(&f->calls->key, &g->calls->key, sizeof(f->calls->key));
	end(f);
	end(g);
	(void)work_taken();
	guessed(true);
	harm = work_taken();
	guessed(false);
	assert_true(harm > 2 * work_taken());
}

/* An INVITE whose Replaces names nothing, beside n that other trunks may send. */
static void grants_work(size_t n, void *arg)
{
	static const char invite[] =
		"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS a.b;branch=z9hG4bK1\r\n"
		"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
		"Replaces: 1;to-tag=1;from-tag=1\r\nContent-Length: 0\r\n\r\n";
	struct fx *f = begin();
	struct sp_sip_fault fault;
	struct replaced replaced;
	struct sp_sip_msg *m;
	struct replaces ids;
	struct crowd c;
	const char *cause;
	(void)arg;

	crowd_begin(&c, f, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(0, replaces_grant(&ids, &c.legv[i], f->trunkv[0]));
	assert_int_equal(0, sp_sip_msg_parse(&m, invite, strlen(invite), &fault));
	work_on();
	assert_int_equal(481, replaces_invite(&replaced, f->calls, f->trunkv[0], m, &cause));
	assert_int_equal(0, replaces_grant(&ids, &c.legv[0], f->trunkv[0]));
	work_off();
	mem_deref(m);
	crowd_end(&c);
	end(f);
}

static void grants(void **state)
{
	(void)state;
	work_constant("grants", FROM, TO, grants_work, NULL);
}

/* ---- accounts ---- */

static void account_begin(struct accounts *as, unsigned i, struct account **ap)
{
	static const struct sp_conf_limits all;
	struct sp_number_account of = {0};
	char name[32];

	re_snprintf(name, sizeof(name), "account-%u", i);
	of.name = name;
	assert_null(accounts_begin(as, &all, &of, ap));
}

static void accounts_work(size_t n, void *arg)
{
	struct account **v = calloc(n + 1, sizeof(*v));
	struct sp_loop *loop;
	struct accounts *as;
	(void)arg;

	assert_int_equal(0, sp_loop_alloc_fake(&loop, 1000));
	assert_int_equal(0, accounts_alloc(&as, loop));
	for (unsigned i = 0; i < n; i++)
		account_begin(as, i, &v[i]);
	work_on();
	account_begin(as, (unsigned)n, &v[n]);
	accounts_end(v[n]);
	work_off();
	for (size_t i = 0; i < n; i++)
		accounts_end(v[i]);
	mem_deref(as);
	mem_deref(loop);
	free(v);
}

static void accounts(void **state)
{
	(void)state;
	work_constant("accounts", FROM, TO, accounts_work, NULL);
}

/* ---- whole calls ---- */

static void forget(struct peer *p)
{
	for (size_t i = 0; i < p->tail; i++)
		p->queue[i] = mem_deref(p->queue[i]);
	p->tail = 0;
	p->head = 0;
}

static void one_call(struct fx *f)
{
	f->service.tag[0] = '\0';
	establish(f);
	forget(&f->carrier);
	forget(&f->service);
}

/* One call more, with a hold, from its first message to its last, beside n. */
static void calls_work(size_t n, void *arg)
{
	struct fx *f = begin();
	(void)arg;

	for (size_t i = 0; i < n; i++)
		one_call(f);
	work_on();
	one_call(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	respond(&f->service, expect(&f->service, "INVITE"), 200,
		sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	request(&f->carrier, "ACK", NULL, "", NULL);
	expect(&f->service, "ACK");
	request(&f->carrier, "BYE", NULL, "", NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	work_off();
	assert_int_equal(n, calls_now(f));
	end(f);
}

static void calls(void **state)
{
	(void)state;
	work_constant("calls", 4, CALLS_MAX, calls_work, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialogs),  cmocka_unit_test(keyed), cmocka_unit_test(grants),
		cmocka_unit_test(accounts), cmocka_unit_test(calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
