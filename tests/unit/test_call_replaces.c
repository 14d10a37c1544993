/* SPDX-License-Identifier: BSD-3-Clause
 *
 * INVITE with Replaces (RFC 3891): it leads to the far end of the dialog that it
 * names, with the ids that the dialog has there.
 */
#include "transfer_fixture.h"

static int relay_setup(void **state)
{
	return tf_setup(state, SP_TRANSFER_RELAY);
}

static int refuse_setup(void **state)
{
	return tf_setup(state, SP_TRANSFER_REFUSE);
}

static void replaces_line(char *buf, size_t size, const char *call_id, const char *to_tag,
			  const char *from_tag, const char *extra)
{
	re_snprintf(buf, size, "Replaces: %s;to-tag=%s;from-tag=%s%s\r\n", call_id, to_tag,
		    from_tag, extra);
}

static void assert_replaces(const struct sp_sip_msg *m, const struct aside *dialog)
{
	char want[256];

	re_snprintf(want, sizeof(want), "%s;to-tag=%s;from-tag=%s", dialog->call_id, dialog->tag,
		    dialog->remote_tag);
	assert_header(m, "Replaces", want);
}

/* The replaced dialog ends, by BYE from its far end, and with it the call. */
static void end_replaced(struct tf *t, struct peer *far, struct aside *far_dialog,
			 struct peer *near, struct aside *near_dialog)
{
	(void)t;
	put_aside(far, far_dialog);
	request(far, "BYE", NULL, "", NULL);
	expect(far, "200");
	put_aside(far, far_dialog);
	put_aside(near, near_dialog);
	respond(near, expect(near, "BYE"), 200, NULL);
	put_aside(near, near_dialog);
}

/* RFC 3891 3: a third phone of A's network takes over the call that A has with C. */
static void named_by_the_own_side(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a = {.cseq = 0}, old_c = {.cseq = 0};
	const struct sp_sip_msg *m;
	char line[256];

	establish(t->f);
	put_aside(a, &old_a);
	put_aside(c, &old_c);
	replaces_line(line, sizeof(line), old_a.call_id, old_a.remote_tag, old_a.tag, "");
	strcat(line, "Require: replaces\r\n");
	invite(a, SERVICE_NUMBER, line, SDP_B);
	expect(a, "100");
	m = expect(c, "INVITE");
	assert_replaces(m, &old_c);
	assert_true(sp_sip_msg_lists(m, SP_HDR_REQUIRE, "replaces"));
	assert_hidden(m, "carrier.example");
	respond(c, m, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(c, "ACK");
	learn(a, expect(a, "200"));
	request(a, "ACK", NULL, "", NULL);
	end_replaced(t, c, &old_c, a, &old_a);
	hang_up_by(t, a, c);
}

/* The ids that a relayed REFER told B, who then comes to us: C's dialog as C knows it. */
static void named_as_referred(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult = {.cseq = 0}, old_c = {.cseq = 0};
	const struct sp_sip_msg *m;
	char line[512], id[80], to[80], from[80];

	tf_call(a, DESK_NUMBER, c, SDP_B, sdp_answer("203.0.113.7", KEY_C, "sendrecv"));
	put_aside(a, &consult);
	put_aside(c, &old_c);
	/* its real names open nothing to a trunk that has no part in the call */
	replaces_line(line, sizeof(line), old_c.call_id, old_c.tag, old_c.remote_tag, "");
	invite(b, CARRIER_NUMBER, line, SDP_A);
	expect(b, "481");
	b->cseq = 0;
	b->tag[0] = b->remote_tag[0] = '\0';
	b->uac = false;

	establish(t->f);
	refer_to_replaces(a, &consult, "");
	m = expect(b, "REFER");
	assert_hidden(m, old_c.call_id);
	assert_hidden(m, old_c.tag);
	assert_int_equal(3, sscanf(strstr(m->text, "Replaces="),
				   "Replaces=%79[^%]%%3Bto-tag%%3D%79[^%]%%3Bfrom-tag%%3D%79[^>]",
				   id, to, from));
	respond(b, m, 202, NULL);
	expect(a, "202");
	struct aside first_b = {.cseq = 0}, first_a = {.cseq = 0};

	put_aside(b, &first_b);
	put_aside(a, &first_a);
	replaces_line(line, sizeof(line), id, to, from, "");
	invite(b, CARRIER_NUMBER, line, SDP_A); /* its number leads to the carrier: C does not */
	expect(b, "100");
	m = expect(c, "INVITE");
	assert_replaces(m, &old_c);
	assert_hidden(m, "service.example");
	assert_true(sp_sip_msg_lists(m, SP_HDR_REQUIRE, "replaces"));
	expect_silence(a);
	respond(c, m, 486, NULL);
	expect(c, "ACK");
	expect(b, "486");
	request(b, "ACK", NULL, "", NULL);
	invite(b, CARRIER_NUMBER, line, SDP_A); /* once */
	expect(b, "481");
	sp_calls_end(t->f->calls);
	sp_loop_advance(t->f->loop, SP_SIP_TIMEOUT_MS);
	while (next_message(a) || next_message(b) || next_message(c))
		;
	tf_clean(t);
}

/* The number may be none that we know: it is the dialog that says where to. */
static void the_dialog_leads(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a = {.cseq = 0}, old_c = {.cseq = 0};
	char line[256];

	establish(t->f);
	put_aside(a, &old_a);
	put_aside(c, &old_c);
	replaces_line(line, sizeof(line), old_a.call_id, old_a.remote_tag, old_a.tag, "");
	invite(a, "al", line, SDP_B);
	expect(a, "100");
	respond(c, expect(c, "INVITE"), 486, NULL);
	expect(c, "ACK");
	expect(a, "486");
	request(a, "ACK", NULL, "", NULL);
	put_aside(a, &old_a);
	put_aside(c, &old_c);
	hang_up_by(t, a, c);
}

/** The same configuration with a number table of its own: the one before is its calls' alone. */
static void reload_numbers(struct tf *t)
{
	struct sp_call_env *env = mem_zalloc(sizeof(*env), tf_env_destructor);

	assert_non_null(env);
	env->conf = mem_ref(t->f->calls->env->conf);
	env->numbers = tf_numbers();
	env->trunkv = t->trunkv;
	env->portsv = t->f->portsv;
	sp_calls_env(t->f->calls, env);
	mem_deref(env);
}

/* The replaced call keeps the table of its configuration: the new one must not look into that. */
static void the_dialog_is_of_an_older_configuration(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a = {.cseq = 0}, old_c = {.cseq = 0};
	const struct sp_sip_msg *m;
	char line[256];

	establish(t->f);
	put_aside(a, &old_a);
	put_aside(c, &old_c);
	reload_numbers(t);
	replaces_line(line, sizeof(line), old_a.call_id, old_a.remote_tag, old_a.tag, "");
	invite(a, "al", line, SDP_B);
	expect(a, "100");
	m = expect(c, "INVITE");
	assert_header(m, "X-Tenant", "t-1"); /* the entry, as the table has it now */
	respond(c, m, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(c, "ACK");
	learn(a, expect(a, "200"));
	request(a, "ACK", NULL, "", NULL);
	end_replaced(t, c, &old_c, a, &old_a);
	sp_loop_advance(t->f->loop, 0);
	request(a, "INFO", NULL, "X-Tenant: t-9\r\n", NULL);
	respond(c, expect(c, "INFO"), 200, NULL);
	expect(a, "200");
	hang_up_by(t, a, c);
}

static void refusals(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service, *d = &t->desk;
	struct aside old_a = {.cseq = 0}, old_c = {.cseq = 0};
	const char *ids[5][5];
	char line[256];

	establish(t->f);
	put_aside(a, &old_a);
	put_aside(c, &old_c);
	memcpy(ids,
	       (const char *[5][5]){
		       {"486", old_a.call_id, old_a.remote_tag, old_a.tag, ";early-only"},
		       {"481", "other", old_a.remote_tag, old_a.tag, ""},
		       {"481", old_a.call_id, old_a.tag, old_a.tag, ""},
		       {"481", old_a.call_id, old_a.remote_tag, "x", ""},
		       {"400", old_a.call_id, "x y", old_a.tag, ""},
	       },
	       sizeof(ids));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		replaces_line(line, sizeof(line), ids[i][1], ids[i][2], ids[i][3], ids[i][4]);
		invite(a, SERVICE_NUMBER, line, SDP_B);
		expect(a, ids[i][0]);
		request(a, "ACK", NULL, "", NULL);
	}
	/* another trunk knows the ids of A's dialog with us, and gets nothing for that */
	replaces_line(line, sizeof(line), old_a.call_id, old_a.remote_tag, old_a.tag, "");
	invite(d, CARRIER_NUMBER, line, SDP_A);
	expect(d, "481");
	request(d, "ACK", NULL, "", NULL);
	expect_silence(c);
	put_aside(a, &old_a);
	put_aside(c, &old_c);
	hang_up_by(t, a, c);
	replaces_line(line, sizeof(line), a->call_id, a->remote_tag, a->tag, "");
	invite(a, SERVICE_NUMBER, line, SDP_B);
	expect(a, "481");
	request(a, "ACK", NULL, "", NULL);
	tf_clean(t);
}

/* RFC 3891 3: a dialog that is being terminated: 603. */
static void over(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a = {.cseq = 0};
	const struct sp_sip_msg *bye;
	char line[256];

	establish(t->f);
	request(c, "BYE", NULL, "", NULL);
	expect(c, "200");
	bye = expect(a, "BYE");
	put_aside(a, &old_a);
	replaces_line(line, sizeof(line), old_a.call_id, old_a.remote_tag, old_a.tag, "");
	invite(a, SERVICE_NUMBER, line, SDP_B);
	expect(a, "603");
	request(a, "ACK", NULL, "", NULL);
	put_aside(a, &old_a);
	respond(a, bye, 200, NULL);
	tf_clean(t);
}

/* transfer = "refuse": an extension that we do not know, RFC 3261 8.2.2.3. */
static void not_for_this_trunk(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	const struct sp_sip_msg *m;

	invite(a, SERVICE_NUMBER, "Require: replaces\r\nReplaces: x;to-tag=y;from-tag=z\r\n",
	       SDP_B);
	expect(a, "420");
	request(a, "ACK", NULL, "", NULL);
	invite(a, SERVICE_NUMBER, "Replaces: x;to-tag=y;from-tag=z\r\n", SDP_B);
	expect(a, "100");
	m = expect(c, "INVITE");
	assert_null(sp_sip_msg_named(m, "Replaces"));
	assert_false(sp_sip_msg_lists(m, SP_HDR_SUPPORTED, "replaces"));
	respond(c, m, 486, NULL);
	expect(c, "ACK");
	expect(a, "486");
	request(a, "ACK", NULL, "", NULL);
	tf_clean(t);
}

/* ---- transfer = "handle": the new caller takes the leg's place ---- */

static int handle_setup(void **state)
{
	return tf_setup(state, SP_TRANSFER_HANDLE);
}

/** Another phone of A's, with Replaces; C's re-INVITE is out. */
static const struct sp_sip_msg *take_over(struct tf *t, struct aside *old_a)
{
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	const struct sp_sip_msg *m;
	char line[256];

	memset(old_a, 0, sizeof(*old_a));
	establish(t->f);
	put_aside(a, old_a);
	replaces_line(line, sizeof(line), old_a->call_id, old_a->remote_tag, old_a->tag, "");
	invite(a, SERVICE_NUMBER, line, sdp_of("192.0.2.9", KEY_C, "sendrecv"));
	expect(a, "100");
	m = expect(c, "INVITE");
	assert_int_equal(0, pl_strcmp(&m->call_id, c->call_id)); /* in the dialog that it has */
	assert_hidden(m, "192.0.2.9");
	assert_null(sp_sip_msg_named(m, "Replaces"));
	return m;
}

static void taken_over(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a;
	const struct sp_sip_msg *m = take_over(t, &old_a);

	respond(c, m, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(c, "ACK");
	m = expect(a, "200");
	assert_non_null(strstr(m->body.p, "a=crypto:7 ")); /* the answer to its own offer */
	assert_hidden(m, "198.51.100.7");
	learn(a, m);
	request(a, "ACK", NULL, "", NULL);
	put_aside(a, &old_a);
	respond(a, expect(a, "BYE"), 200, NULL);
	put_aside(a, &old_a);
	sp_loop_turn(t->f->loop);
	assert_int_equal(1, calls_now(t->f));
	assert_int_equal(1, sp_trunk_calls(t->trunkv[CARRIER]));
	assert_int_equal(1, sp_ports_used(t->f->portsv[0]));
	assert_non_null(strstr(t->f->log, "transfer_done"));
	request(c, "INVITE", NULL, "", sdp_of("198.51.100.7", KEY_B, "sendonly"));
	respond(a, expect(a, "INVITE"), 200, sdp_answer("192.0.2.9", KEY_C, "recvonly"));
	expect(a, "ACK");
	expect(c, "200");
	request(c, "ACK", NULL, "", NULL);
	hang_up_by(t, c, a);
}

static void not_taken_over(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a;

	respond(c, take_over(t, &old_a), 488, NULL);
	expect(c, "ACK");
	expect(a, "488");
	request(a, "ACK", NULL, "", NULL);
	put_aside(a, &old_a);
	assert_int_equal(1, calls_now(t->f));
	hang_up_by(t, a, c);
}

/* RFC 3261 9.2, in time and too late. */
static void taken_back(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a;
	const struct sp_sip_msg *m = take_over(t, &old_a);

	respond(c, m, 100, NULL);
	request(a, "CANCEL", "sip:" SERVICE_NUMBER "@gw.example.net;user=phone", "", NULL);
	expect(a, "200");
	expect(a, "487");
	request(a, "ACK", NULL, "", NULL);
	respond(c, expect(c, "CANCEL"), 200, NULL);
	respond(c, m, 487, NULL);
	expect(c, "ACK");
	put_aside(a, &old_a);
	hang_up_by(t, a, c);
}

static void taken_back_too_late(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a;
	const struct sp_sip_msg *m = take_over(t, &old_a);

	request(a, "CANCEL", "sip:" SERVICE_NUMBER "@gw.example.net;user=phone", "", NULL);
	expect(a, "200");
	expect(a, "487");
	request(a, "ACK", NULL, "", NULL);
	respond(c, m, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(c, "ACK");
	put_aside(a, &old_a);
	respond(a, expect(a, "BYE"), 200, NULL);
	respond(c, expect(c, "BYE"), 200, NULL);
	tf_clean(t);
}

static void the_far_end_hangs_up(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a;
	const struct sp_sip_msg *m = take_over(t, &old_a);

	request(c, "BYE", NULL, "", NULL);
	expect(c, "200");
	respond(c, m, 487, NULL);
	expect(c, "ACK");
	put_aside(a, &old_a);
	respond(a, expect(a, "BYE"), 200, NULL);
	put_aside(a, &old_a);
	expect(a, "487");
	request(a, "ACK", NULL, "", NULL);
	tf_clean(t);
}

static void never_acknowledged(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a;

	respond(c, take_over(t, &old_a), 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(c, "ACK");
	learn(a, expect(a, "200"));
	put_aside(a, &old_a);
	respond(a, expect(a, "BYE"), 200, NULL);
	put_aside(a, &old_a);
	sp_loop_advance(t->f->loop, SP_SIP_TIMEOUT_MS);
	respond(c, expect(c, "BYE"), 200, NULL);
	while (a->head < a->tail && 200 == a->queue[a->head]->status)
		a->head++; /* again and again */
	respond(a, expect(a, "BYE"), 200, NULL);
	tf_clean(t);
}

/* An offer that we cannot use, and one over the trunk's limit. */
static void not_even_begun(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a = {.cseq = 0};
	char line[256];

	establish(t->f);
	put_aside(a, &old_a);
	replaces_line(line, sizeof(line), old_a.call_id, old_a.remote_tag, old_a.tag, "");
	invite(a, SERVICE_NUMBER, line,
	       "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n"
	       "c=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 8\r\n");
	expect(a, "488");
	request(a, "ACK", NULL, "", NULL);
	t->confv[CARRIER].limits.calls = 1;
	invite(a, SERVICE_NUMBER, line, SDP_B);
	expect(a, "503");
	request(a, "ACK", NULL, "", NULL);
	expect_silence(c);
	put_aside(a, &old_a);
	hang_up_by(t, a, c);
}

/* Without an offer there is nothing to tell the far end: it gets the INVITE itself. */
static void without_an_offer(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a = {.cseq = 0}, old_c = {.cseq = 0};
	const struct sp_sip_msg *m;
	char line[256];

	establish(t->f);
	put_aside(a, &old_a);
	put_aside(c, &old_c);
	replaces_line(line, sizeof(line), old_a.call_id, old_a.remote_tag, old_a.tag, "");
	invite(a, SERVICE_NUMBER, line, NULL);
	expect(a, "100");
	m = expect(c, "INVITE");
	assert_replaces(m, &old_c);
	respond(c, m, 486, NULL);
	expect(c, "ACK");
	expect(a, "486");
	request(a, "ACK", NULL, "", NULL);
	put_aside(a, &old_a);
	put_aside(c, &old_c);
	hang_up_by(t, a, c);
}

/* A number that two trunks serve. */
static void serve_twice(struct tf *t)
{
	static const struct sp_number_trunk names[] = {
		{"carrier", true}, {"service", false}, {"desk", false}};
	static const struct sp_number_row row = {.number = "+4416329600*",
						 .trunkv = {"service", "desk"},
						 .trunkc = 2,
						 .file = "test",
						 .line = 1};
	struct sp_call_env *env = mem_zalloc(sizeof(*env), fx_env_destructor);
	struct sp_conf_failover *failover = &t->confv[SERVICE].failover;
	struct sp_number_build *b;

	assert_non_null(env);
	*env = *t->f->calls->env;
	assert_int_equal(0, sp_number_build_alloc(&b, names, TRUNKS, number_error, NULL));
	assert_int_equal(0, sp_number_add(b, &row));
	assert_int_equal(0, sp_number_table_alloc(&env->numbers, b));
	mem_deref(b);
	sp_calls_env(t->f->calls, env);
	mem_deref(env);
	failover->codev[0] = 503;
	failover->codec = 1;
	failover->tries = 4;
	failover->total_s = 60;
}

/* RFC 3891 3: no other trunk has the dialog, nor is to learn what it is called (RFC 5853 3.1). */
static void tried_nowhere_else(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->f->service;
	struct aside old_a = {.cseq = 0}, old_c = {.cseq = 0};
	struct sp_call_env *env = mem_ref(t->f->calls->env);
	const struct sp_sip_msg *m;
	char line[256];

	serve_twice(t);
	invite(a, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(a, "100");
	respond(c, expect(c, "INVITE"), 503, NULL);
	expect(c, "ACK");
	expect(&t->desk, "INVITE"); /* as any other call is */
	request(a, "CANCEL", "sip:" SERVICE_NUMBER "@x", "", NULL);
	expect(a, "200");
	expect(a, "487");
	sp_loop_advance(t->f->loop, 2ULL * SP_SIP_TIMEOUT_MS);
	next_message(&t->desk);

	memset(c->tag, 0, sizeof(c->tag));
	establish(t->f);
	put_aside(a, &old_a);
	put_aside(c, &old_c);
	replaces_line(line, sizeof(line), old_a.call_id, old_a.remote_tag, old_a.tag, "");
	invite(a, SERVICE_NUMBER, line, sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(a, "100");
	m = expect(c, "INVITE");
	assert_replaces(m, &old_c);
	respond(c, m, 503, NULL);
	expect(c, "ACK");
	expect_silence(&t->desk);
	expect(a, "503");

	put_aside(a, &old_a);
	put_aside(c, &old_c);
	hang_up_by(t, a, c);
	mem_deref(env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, relay_setup, tf_teardown)
		T(named_by_the_own_side),
		T(named_as_referred),
		T(the_dialog_leads),
		T(the_dialog_is_of_an_older_configuration),
		T(refusals),
		T(over),
		T(tried_nowhere_else),
		cmocka_unit_test_setup_teardown(not_for_this_trunk, refuse_setup, tf_teardown),
#define H(fn) cmocka_unit_test_setup_teardown(fn, handle_setup, tf_teardown)
		H(taken_over),
		H(not_taken_over),
		H(taken_back),
		H(taken_back_too_late),
		H(the_far_end_hangs_up),
		H(never_acknowledged),
		H(not_even_begun),
		H(without_an_offer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
