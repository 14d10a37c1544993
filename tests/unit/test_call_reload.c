/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Calls across a reload: a call keeps the configuration that it began with,
 * also where its trunk has left or its interface has moved. Configurations are
 * on the heap here, so that AddressSanitizer sees who keeps an old one.
 */
#include "call_fixture.h"

struct loaded {
	struct sp_conf conf;
	struct sp_conf_interface ifv[2];
	struct sp_conf_trunk trunkv[2];
};

static void env_destructor(void *arg)
{
	struct sp_call_env *env = arg;

	for (size_t i = 0; i < env->conf->trunkc; i++)
		mem_deref(env->trunkv[i]);
	mem_deref(env->trunkv);
	mem_deref(env->numbers);
	mem_deref(env->conf);
}

/** The first trunks of the fixture, with this media address in SDP. */
static void reload(struct fx *f, unsigned trunks, const char *media)
{
	struct sp_call_env *env = mem_zalloc(sizeof(*env), env_destructor);
	struct loaded *l = mem_zalloc(sizeof(*l), NULL);
	struct sp_trunk_setup setup[2];

	l->conf = *f->conf;
	l->conf.interfacev = l->ifv;
	l->conf.trunkv = l->trunkv;
	l->conf.trunkc = trunks;
	env->conf = &l->conf;
	env->numbers = mem_ref(f->env->numbers);
	env->portsv = f->portsv;
	env->trunkv = mem_zalloc(2 * sizeof(*env->trunkv), NULL);
	for (unsigned i = 0; i < 2; i++) {
		l->ifv[i] = f->ifv[i];
		l->trunkv[i] = f->confv[i];
		sa_set_str(&l->ifv[i].media_advertise, media, 0);
		setup[i] = (struct sp_trunk_setup){&l->trunkv[i], &l->ifv[i], NULL};
	}
	assert_int_equal(0, sp_trunks_apply(f->trunks, env->conf, setup, trunks, env->trunkv));
	sp_calls_env(f->calls, env);
	mem_deref(env);
}

static const struct sp_sip_msg *hold(struct fx *f)
{
	const struct sp_sip_msg *m;

	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	m = expect(&f->service, "INVITE");
	respond(&f->service, m, 200, sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(&f->service, "ACK");
	expect(&f->carrier, "200");
	request(&f->carrier, "ACK", NULL, "", NULL);
	return m;
}

static void hang_up(struct fx *f)
{
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* Its ports are still where they were. */
static void media_stays_where_it_was(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	reload(f, 2, "127.0.0.7");
	establish(f);
	reload(f, 2, "127.0.0.8");
	reload(f, 2, "127.0.0.9");
	m = hold(f);
	assert_non_null(strstr(m->body.p, "c=IN IP4 127.0.0.7"));
	hang_up(f);

	f->service.tag[0] = '\0';
	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	m = expect(&f->service, "INVITE");
	assert_non_null(strstr(m->body.p, "c=IN IP4 127.0.0.9"));
	respond(&f->service, m, 486, NULL);
	expect_clean(f);
}

static void trunk_leaves_under_a_call(void **state)
{
	struct fx *f = *state;

	reload(f, 2, "127.0.0.7");
	establish(f);
	reload(f, 1, "127.0.0.8");
	reload(f, 1, "127.0.0.9");
	hold(f);
	assert_int_equal(1, calls_now(f));
	hang_up(f);
	sp_loop_advance(f->loop, 400 * 1000); /* and then the trunk goes */
}

/* The reload comes between the caller's INVITE and ours. */
static void trunk_leaves_before_the_callee_is_called(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	reload(f, 2, "127.0.0.7");
	f->held = true;
	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	reload(f, 1, "127.0.0.8");
	reload(f, 1, "127.0.0.9");
	f->held = false;
	sp_loop_advance(f->loop, 0);
	expect(&f->carrier, "100");
	m = expect(&f->service, "INVITE");
	assert_non_null(strstr(m->body.p, "c=IN IP4 127.0.0.7"));
	respond(&f->service, m, 486, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "486");
	expect_clean(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)
		T(media_stays_where_it_was),
		T(trunk_leaves_under_a_call),
		T(trunk_leaves_before_the_callee_is_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
