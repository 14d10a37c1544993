/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two carriers, two services, and a number table between them: what the tests
 * of routes share.
 */
#ifndef SALLYPORT_TESTS_ROUTE_FIXTURE_H
#define SALLYPORT_TESTS_ROUTE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sallyport/number_build.h"
#include "call_priv.h"

enum { CARRIER, BACKUP, TEAMS, PBX, TRUNKS };

struct world {
	struct sp_loop *loop;
	struct sp_sip *sip;
	struct sp_trunks *ts;
	struct sp_trunk *trunkv[TRUNKS];
	struct sp_conf *conf;
	struct sp_conf_trunk *confv;
	struct sp_call_env env;
	struct way way;
	const char *cause;
	const char *party; /* of refer() */
	int64_t now_s;
	struct sp_sip_msg *msg;
};

static const char *const names[TRUNKS] = {"carrier", "backup", "teams", "pbx"};
static const char *const identities[TRUNKS] = {"sbc.carrier.example", "sbc.backup.example",
					       "sip.teams.example", "pbx.customer.example"};
static const char *const emergency[] = {"112", "+44999", "*5#"};

static inline void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	(void)st;
	(void)req;
	(void)arg;
}

static inline void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	(void)c;
	(void)ack;
	(void)arg;
}

static inline void number_error(const char *file, unsigned line, const char *key, const char *value,
				const char *mend, void *arg)
{
	(void)arg;
	fail_msg("%s:%u: %s %s: %s", file, line, key, value, mend);
}

#define FROM "2026-12-01T00:00:00Z"
#define TO "2026-12-01T01:00:00Z"
enum { FROM_S = 1796083200, TO_S = FROM_S + 3600 };

static inline struct sp_number_table *numbers(void)
{
	static const struct sp_number_trunk trunks[TRUNKS] = {
		{"carrier", true}, {"backup", true}, {"teams", false}, {"pbx", false}};
	static const struct sp_number_row rows[] = {
		{.number = "+4416329600*", .trunkv = {"teams"}, .account = "acme"},
		{.number = "+4416329601*",
		 .trunkv = {"teams"},
		 .carrierv = {"backup"},
		 .carrierc = 1},
		{.number = "+4416329602*", .trunkv = {"pbx"}},
		{.number = "+44999", .trunkv = {"pbx"}},
		{.number = "+4416329603*",
		 .trunkv = {"teams"},
		 .account = "beta",
		 .caller_id = "main"},
		{.number = "+4416329604*",
		 .trunkv = {"teams"},
		 .account = "beta",
		 .caller_id = "screened"},
		{.number = "+4416329605*", .trunkv = {"teams"}, .caller_id = "screened"},
		{.number = "+4416329606*", .trunkv = {"pbx"}, .account = "beta"},
		{.number = "+4416329607*", .trunkv = {"pbx"}},
		{.number = "+441632960390",
		 .trunkv = {"teams"},
		 .account = "beta",
		 .caller_id = "main",
		 .location = "+441632960999"},
		{.number = "+441632960490",
		 .trunkv = {"teams"},
		 .caller_id = "screened",
		 .location = "+441632960998"},
		{.number = "+441632960110",
		 .trunkv = {"pbx"},
		 .enabled_from = FROM,
		 .enabled_to = TO},
		{.number = "+441632960100-119",
		 .trunkv = {"pbx"},
		 .carrierv = {"carrier"},
		 .carrierc = 1,
		 .enabled_from = TO},
	};
	static const struct sp_number_account_row beta = {
		.name = "beta", .main_number = "+441632960300", .file = "test", .line = 1};
	struct sp_number_build *b;
	struct sp_number_table *t;

	assert_int_equal(0, sp_number_build_alloc(&b, trunks, TRUNKS, number_error, NULL));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sp_number_row row = rows[i];

		row.file = "test";
		row.line = (unsigned)i + 1;
		row.trunkc = 1;
		assert_int_equal(0, sp_number_add(b, &row));
	}
	assert_int_equal(0, sp_number_add_account(b, &beta));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);
	return t;
}

static inline void make_conf(struct world *w, struct sp_trunk_setup *setupv)
{
	struct {
		struct sp_conf conf;
		struct sp_conf_interface ifc;
		struct sp_conf_trunk trunkv[TRUNKS];
	} *all = mem_zalloc(sizeof(*all), NULL);

	assert_non_null(all);
	w->conf = &all->conf;
	w->confv = all->trunkv;
	all->conf.trunkv = all->trunkv;
	all->conf.trunkc = TRUNKS;
	sa_set_str(&all->ifc.sip, "127.0.0.1", 5061);
	all->ifc.sip_advertise = "gw.example.net";
	for (unsigned i = 0; i < TRUNKS; i++) {
		all->trunkv[i] = (struct sp_conf_trunk){.name = names[i],
							.kind = i < TEAMS ? SP_TRUNK_CARRIER
									  : SP_TRUNK_SERVICE,
							.identityv = &identities[i],
							.identityc = 1,
							.carrierv = {CARRIER},
							.carrierc = i == TEAMS,
							.emergencyv = emergency,
							.emergencyc = i == BACKUP ? 0 : 3};
		setupv[i] = (struct sp_trunk_setup){&all->trunkv[i], &all->ifc, NULL};
	}
}

static inline int setup(void **state)
{
	static const struct sp_sip_handlers handlers = {.request = on_request, .ack = on_ack};
	struct world *w = mem_zalloc(sizeof(*w), NULL);
	struct sp_trunk_setup setupv[TRUNKS];

	assert_non_null(w);
	assert_int_equal(sp_loop_alloc_fake(&w->loop, 1000), 0);
	assert_int_equal(sp_sip_alloc(&w->sip, w->loop, &handlers, w), 0);
	assert_int_equal(sp_trunks_alloc(&w->ts, w->loop, w->sip), 0);
	make_conf(w, setupv);
	assert_int_equal(sp_trunks_apply(w->ts, w->conf, setupv, TRUNKS, w->trunkv), 0);
	w->env = (struct sp_call_env){.conf = w->conf, .numbers = numbers(), .trunkv = w->trunkv};
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < TRUNKS; i++)
		mem_deref(w->trunkv[i]);
	mem_deref(w->env.numbers);
	mem_deref(w->ts);
	mem_deref(w->conf);
	mem_deref(w->sip);
	mem_deref(w->loop);
	mem_deref(w->msg);
	mem_deref(w);
	return 0;
}

/** An INVITE to uri; from and extra: header lines' values, extra whole lines. */
static inline uint16_t find(struct world *w, unsigned from, const char *uri, const char *from_value,
			    const char *extra)
{
	struct sp_sip_fault fault;
	char text[1024];

	re_snprintf(text, sizeof(text),
		    "INVITE %s SIP/2.0\r\nVia: SIP/2.0/TLS x:1;branch=z9hG4bKq\r\n"
		    "From: %s;tag=a\r\nTo: <sip:x@gw>\r\n%sCall-ID: f1@x\r\nCSeq: 5 INVITE\r\n"
		    "Contact: <sip:x:5061>\r\nContent-Length: 0\r\n\r\n",
		    uri, from_value, extra);
	w->msg = mem_deref(w->msg);
	if (sp_sip_msg_parse(&w->msg, text, strlen(text), &fault))
		fail_msg("%s: %s", fault.reason, text);
	w->cause = NULL;
	return way_find(&w->way, &w->env, w->trunkv[from], w->msg, w->now_s, &w->cause);
}

static inline uint16_t refer(struct world *w, unsigned from, const char *target, const char *caller)
{
	struct sp_sip_addr addr;
	const struct route_refer r = {.to = &addr, .caller = caller, .party = w->party};
	struct pl text;

	pl_set_str(&text, target);
	if (sp_sip_addr_decode(&addr, &text))
		fail_msg("cannot be read: %s", target);
	w->cause = NULL;
	return way_refer(&w->way, &w->env, w->trunkv[from], &r, w->now_s, &w->cause);
}

/** number: of the rule that decides, "" for none. */
static inline void expect_route(const struct world *w, unsigned to, const char *user,
				const char *number)
{
	const struct route *route = &w->way.route;
	struct sp_number_rule rule;
	struct pl pl;

	assert_true(w->way.trunkc > 0 && w->way.trunkc == route->trunkc);
	assert_ptr_equal(w->way.trunkv[0], w->trunkv[to]);
	assert_int_equal(route->trunkv[0], to);
	assert_string_equal(route->user, user);
	assert_non_null(route->entry);
	pl_set_str(&pl, route->number);
	if (!*number) {
		assert_string_equal(route->number, "");
		return;
	}
	assert_true(sp_number_find(&rule, w->env.numbers, &pl, w->now_s));
	assert_string_equal(rule.first, number);
	assert_ptr_equal(rule.entry, route->entry);
}

static inline void expect_refused(const struct world *w, const char *cause)
{
	assert_non_null(w->cause);
	assert_non_null(strstr(w->cause, cause));
	assert_int_equal(w->way.trunkc, 0);
	assert_null(w->way.trunkv[0]);
}

#define OUTSIDE "<sip:+4930123@t>"
#define OWN_PAI "P-Asserted-Identity: <sip:+441632960101@t>\r\n"
#define OTHERS_PAI "P-Asserted-Identity: <sip:+441632960201@t>\r\n"
#define DIVERSION(value) "Diversion: " value ";reason=unconditional\r\n"
#define HISTORY(value) "History-Info: " value "\r\n"

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
