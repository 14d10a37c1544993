/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What limits refuse, with what, and what they let pass: of the gateway, of
 * trunks, of accounts; and overload.
 */
#include "retry_fixture.h"

/* Of the last message that was read. */
static unsigned retry_after(const struct sp_sip_msg *m)
{
	const struct sp_sip_hdr *hdr = sp_sip_msg_named(m, "Retry-After");
	uint32_t s;

	assert_non_null(hdr);
	assert_int_equal(0, sp_u32(&s, &hdr->value, 1000));
	return s;
}

static void from_carrier(struct fx *f)
{
	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
}

static void from_service(struct fx *f)
{
	invite(&f->service, CARRIER_NUMBER, "", sdp_of("198.51.100.7", KEY_B, "sendrecv"));
}

/** Make room for more messages, and more of the log. */
static void forget_messages(struct fx *f)
{
	for (size_t i = 0; i < f->service.tail; i++)
		mem_deref(f->service.queue[i]);
	for (size_t i = 0; i < f->carrier.tail; i++)
		mem_deref(f->carrier.queue[i]);
	f->service.head = f->service.tail = f->carrier.head = f->carrier.tail = 0;
	f->log[0] = '\0';
}

static void the_gateways_limit_and_draining(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	f->conf->limits.calls = 1;
	establish(f);
	invite(&f->service, CARRIER_NUMBER, "", sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	assert_in_range(retry_after(expect(&f->service, "503")), 1, 60);
	f->conf->limits.calls = 10;
	sp_calls_drain(f->calls);
	invite(&f->service, CARRIER_NUMBER, "", sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "503");
	request(&f->service, "OPTIONS", "sip:gw.example.net", "", NULL);
	expect(&f->service, "503"); /* no new calls */
	request(&f->carrier, "OPTIONS", NULL, "", NULL);
	expect(&f->carrier, "200"); /* RFC 3261 11.2: the dialog is well */
	sp_calls_end(f->calls);
	m = expect(&f->carrier, "BYE");
	assert_int_equal(SP_SIP_MAX_FORWARDS, m->max_forwards); /* the way back is another */
	respond(&f->carrier, m, 200, NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* Emergency calls that a service does not end: bounded, and nobody else's calls suffer. */
static void emergency_calls_are_bounded(void **state)
{
	static const char *const numbers[] = {"112"};
	struct fx *f = *state;
	const char *sdp = sdp_of("198.51.100.7", KEY_B, "sendrecv");
	struct sp_calls_count count;

	f->confv[1].emergencyv = numbers;
	f->confv[1].emergencyc = 1;
	f->confv[1].carrierv[0] = 0;
	f->confv[1].carrierc = 1;
	f->conf->limits.calls = 1;
	for (unsigned i = 0; i < 2; i++) { /* one for each call and more */
		mem_deref(f->portsv[i]);
		assert_int_equal(0, sp_ports_alloc(&f->portsv[i], &f->ifv[i].media,
						   (uint16_t)(i ? 31000 : 30000),
						   (uint16_t)(i ? 31199 : 30199)));
	}
	for (unsigned i = 0; i < SP_TRUNK_EMERGENCY_MAX; i++) {
		invite(&f->service, "112", "", sdp);
		expect(&f->service, "100");
		expect(&f->carrier, "INVITE");
		forget_messages(f);
	}
	invite(&f->service, "112", "", sdp);
	expect(&f->service, "503");
	assert_non_null(strstr(f->log, "limit=emergency"));
	expect_silence(&f->carrier);
	sp_calls_count(f->calls, &count);
	assert_int_equal(SP_TRUNK_EMERGENCY_MAX, count.emergency);

	establish(f); /* limits.calls is 1, and that one is free */
	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "503");
	request(&f->service, "BYE", NULL, "", NULL);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	forget_messages(f);
	sp_calls_end(f->calls);
	sp_loop_advance(f->loop, 2ULL * SP_SIP_TIMEOUT_MS);
	sp_calls_count(f->calls, &count);
	assert_int_equal(0, count.emergency);
	forget_messages(f);

	invite(&f->service, "112", "", sdp); /* all places are free again */
	expect(&f->service, "100");
	sp_calls_end(f->calls);
	expect_clean(f);
}

/* The carrier's one call in each direction is up: no other, with the code that it wants. */
static void a_trunks_limits(void **state)
{
	static const struct {
		unsigned calls, in, out;
		bool from_carrier, from_service; /* refused */
		const char *limit;
	} rows[] = {
		{1, 0, 0, true, true, "limit=calls "},
		{0, 1, 0, true, false, "limit=calls_in "},
		{0, 0, 1, false, false,
		 "limit_reached"}, /* the call that is up is one that it makes */
	};
	struct fx *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sp_conf_trunk_limits *l = &f->confv[0].limits;

		*l = (struct sp_conf_trunk_limits){.status = 486};
		l->calls = rows[i].calls;
		l->calls_in = rows[i].in;
		l->calls_out = rows[i].out;
		establish(f);
		sp_loop_advance(f->loop, 2000); /* for the line in the log */
		f->log[0] = '\0';
		if (rows[i].from_carrier) {
			from_carrier(f);
			expect(&f->carrier, "486");
			acknowledge(&f->carrier);
			assert_non_null(strstr(f->log, rows[i].limit));
		}
		if (rows[i].from_service) {
			from_service(f);
			expect(&f->service, "486");
			acknowledge(&f->service);
		}
		assert_null(strstr(f->log, "call_refused"));
		sp_calls_end(f->calls);
		sp_loop_advance(f->loop, 2ULL * SP_SIP_TIMEOUT_MS);
		forget_messages(f);
	}
}

/* calls_out of the callee's trunk; in and out are counted apart, and given back. */
static void outbound_is_the_callees(void **state)
{
	struct fx *f = *state;

	f->confv[1].limits.calls_out = 1;
	for (unsigned i = 0; i < 2; i++) {
		establish(f);
		from_carrier(f);
		expect(&f->carrier, "503"); /* no code of its own: 503 */
		acknowledge(&f->carrier);
		assert_non_null(strstr(f->log, "limit_reached trunk=service limit=calls_out"));
		from_service(f);
		expect(&f->service, "100");
		sp_calls_end(f->calls);
		sp_loop_advance(f->loop, 2ULL * SP_SIP_TIMEOUT_MS);
		forget_messages(f);
	}
}

/** The settings as a reload brings them. */
static int apply_again(struct fx *f)
{
	struct sp_trunk_setup setup[2];
	struct sp_trunk *trunkv[2];
	int err;

	for (unsigned i = 0; i < 2; i++)
		setup[i] = (struct sp_trunk_setup){&f->confv[i], &f->ifv[i], NULL};
	err = sp_trunks_apply(f->trunks, f->conf, setup, 2, trunkv);
	for (unsigned i = 0; i < 2 && !err; i++)
		mem_deref(trunkv[i]);
	return err;
}

static void calls_per_second(void **state)
{
	struct fx *f = *state;

	f->confv[0].limits.rate_in = (struct sp_conf_rate){.per_s = 1, .burst = 2};
	assert_int_equal(0, apply_again(f));
	sp_loop_advance(f->loop, 5000);
	for (unsigned i = 0; i < 2; i++) {
		from_carrier(f);
		expect(&f->carrier, "100");
	}
	from_carrier(f);
	expect(&f->carrier, "503");
	sp_loop_advance(f->loop, 1000);
	from_carrier(f);
	expect(&f->carrier, "100");
}

/* "acme" owns the service's number: called and calling count alike. */
static void an_accounts_limit(void **state)
{
	static const struct sp_number_account_row acme = {.name = "acme", .calls = 1};
	struct fx *f = *state;

	fx_accounts(f, &acme, 1);
	establish(f);
	from_service(f);
	assert_in_range(retry_after(expect(&f->service, "503")), 1, 60);
	acknowledge(&f->service);
	assert_non_null(strstr(f->log, "limit_reached account=acme"));
	sp_calls_end(f->calls);
	sp_loop_advance(f->loop, 2ULL * SP_SIP_TIMEOUT_MS);
	forget_messages(f);
	establish(f); /* its place was given back */
}

/* A reload limits the account: the calls that it has are counted, and stay. */
static void an_accounts_limit_comes_by_reload(void **state)
{
	static const struct sp_number_account_row acme = {.name = "acme", .calls = 1};
	struct fx *f = *state;
	struct sp_call_env *env = mem_zalloc(sizeof(*env), fx_env_destructor);

	assert_non_null(env);
	*env = *f->env;
	env->numbers = fx_numbers(&acme, 1);
	establish(f);
	sp_calls_env(f->calls, env);
	mem_deref(env);
	assert_int_equal(calls_now(f), 1);
	from_service(f);
	expect(&f->service, "503");
	acknowledge(&f->service);
	assert_non_null(strstr(f->log, "limit_reached account=acme limit=account_calls"));
	assert_int_equal(calls_now(f), 1);
	/* numbers of no account are nobody's to limit */
	invite(&f->carrier, "+441632960150", "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
}

/* RFC 7339 in spirit: 503 with Retry-After, but not for emergencies nor for calls in progress. */
static void overload(void **state)
{
	static const struct sp_overload_limits limits = {.ports_percent = 50};
	static const struct sp_overload_sample full = {.ports_percent = 90}, free = {0};
	static const char *const numbers[] = {"112"};
	struct fx *f = *state;
	struct sp_overload *o;

	assert_int_equal(0, sp_overload_alloc(&o));
	sp_overload_limits(o, &limits);
	sp_calls_overload(f->calls, o);
	f->confv[1].emergencyv = numbers;
	f->confv[1].emergencyc = 1;
	f->confv[1].carrierc = 1;
	establish(f);

	assert_true(sp_overload_sample(o, &full));
	from_carrier(f);
	assert_in_range(retry_after(expect(&f->carrier, "503")), 1, 60);
	acknowledge(&f->carrier);
	assert_non_null(strstr(f->log, "limit_reached limit=overload"));
	request(&f->carrier, "OPTIONS", "sip:gw.example.net", "", NULL);
	expect(&f->carrier, "503"); /* what is true */
	request(&f->service, "OPTIONS", NULL, "", NULL);
	expect(&f->service, "200"); /* the call goes on */
	invite(&f->service, "112", "", sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "100");
	forget_messages(f);

	assert_true(sp_overload_sample(o, &free));
	from_carrier(f);
	expect(&f->carrier, "100");
	mem_deref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)
		T(the_gateways_limit_and_draining),
		T(emergency_calls_are_bounded),
		T(a_trunks_limits),
		T(outbound_is_the_callees),
		T(calls_per_second),
		T(an_accounts_limit),
		T(an_accounts_limit_comes_by_reload),
		T(overload),
	};

	return cmocka_run_group_tests_name("call/limits", tests, NULL, NULL);
}
