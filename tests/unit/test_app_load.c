/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is measured of the process, what the calls hear of it, and what the log
 * says of an overload.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "app_priv.h"

enum { PAIRS = 10, LINES = 8 };

struct fix {
	struct sp_app app;
	struct sp_conf conf;
	struct sp_conf_interface interfacev[2];
	struct sp_call_env env;
	struct sp_ports *portsv[2];
	struct sp_sip *sip;
	unsigned lines;
	char line[LINES][1024];
};

static void log_keep(enum sp_log_level level, const char *line, void *arg)
{
	struct fix *f = arg;
	(void)level;

	assert_in_range(f->lines, 0, LINES - 1);
	snprintf(f->line[f->lines++], sizeof(f->line[0]), "%s", line);
}

static void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	(void)st;
	(void)req;
	(void)arg;
}

static void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	(void)c;
	(void)ack;
	(void)arg;
}

static int setup(void **state)
{
	static const struct sp_sip_handlers handlers = {.request = on_request, .ack = on_ack};
	struct fix *f = calloc(1, sizeof(*f));
	struct sa addr;

	assert_non_null(f);
	assert_int_equal(sa_set_str(&addr, "127.0.78.1", 0), 0);
	assert_int_equal(sp_loop_alloc_fake(&f->app.loop, 1000), 0);
	assert_int_equal(sp_sip_alloc(&f->sip, f->app.loop, &handlers, NULL), 0);
	assert_int_equal(sp_calls_alloc(&f->app.calls, f->app.loop, f->sip), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(sp_ports_alloc(&f->portsv[i], &addr, (uint16_t)(20000 + 100 * i),
						(uint16_t)(20000 + 100 * i + 2 * PAIRS - 1)),
				 0);
	f->conf.interfacev = f->interfacev;
	f->conf.interfacec = 2;
	f->conf.overload = (struct sp_conf_overload){
		.lag_ms = 50, .cpu_percent = 90, .memory_mb = 100000, .ports_percent = 95};
	f->env.conf = &f->conf;
	f->env.portsv = f->portsv;
	assert_int_equal(app_load_alloc(&f->app.load, &f->app), 0);
	sp_log_sink(log_keep, f);
	*state = f;

	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	sp_log_sink(NULL, NULL);
	mem_deref(f->app.load);
	mem_deref(f->app.calls);
	mem_deref(f->sip);
	for (int i = 0; i < 2; i++)
		mem_deref(f->portsv[i]);
	mem_deref(f->app.loop);
	free(f);

	return 0;
}

static void feed(struct fix *f, struct sp_overload_sample s, unsigned n)
{
	while (n--)
		app_load_take(f->app.load, &s);
}

/* Before there is a configuration there is nothing to hold the figures against. */
static void nothing_before_the_start(void **state)
{
	struct fix *f = *state;
	struct sp_overload_state s;

	sp_loop_advance(f->app.loop, 5000);
	sp_overload_state(f->app.load->overload, &s);
	assert_int_equal(s.last.memory_mb, 0);
	assert_int_equal(f->app.load->lag_max_ms, 0);
	assert_in_range(f->app.load->memory_mb, 1, 90000);
}

static void memory_and_ports_are_seen(void **state)
{
	struct fix *f = *state;
	const struct app_load *load = f->app.load;
	struct sp_overload_state s;
	struct sp_media *media = NULL;
	struct sp_relay *r = NULL;

	f->app.env = &f->env;
	assert_int_equal(sp_media_alloc(&media, f->app.loop), 0);
	assert_int_equal(sp_relay_alloc(&r, media,
					(struct sp_ports *[]){f->portsv[1], f->portsv[1]}, NULL,
					NULL),
			 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sp_relay_add(NULL, r), 0);
	sp_loop_advance(f->app.loop, 1200);
	assert_int_equal(load->ports_percent, 60); /* of the fuller interface */
	assert_in_range(load->memory_mb, 1, 90000);
	assert_int_equal(load->lag_ms, 0);
	sp_overload_state(load->overload, &s);
	assert_int_equal(s.last.ports_percent, 60);
	assert_int_equal(s.last.memory_mb, load->memory_mb);

	mem_deref(media);
	mem_deref(r);
	sp_loop_advance(f->app.loop, 1000);
	assert_int_equal(load->ports_percent, 0);
	assert_int_equal(f->lines, 0);
}

/* Once when it begins, once when it ends; with what the machine showed. */
static void overload_is_told(void **state)
{
	struct fix *f = *state;

	f->app.env = &f->env;
	feed(f, (struct sp_overload_sample){12, 99, 345, 6}, 50);
	assert_int_equal(f->lines, 1);
	assert_string_equal(f->line[0], "overload_begin cause=cpu lag_ms=12 cpu_percent=99 "
					"memory_mb=345 ports_percent=6 calls=0");
	while (sp_overload_admit(f->app.load->overload, SP_PRIORITY_NORMAL))
		;
	sp_loop_advance(f->app.loop, 100);
	feed(f, (struct sp_overload_sample){1, 20, 340, 5}, 200);
	assert_int_equal(f->lines, 2);
	assert_string_equal(f->line[1], "overload_end cause=cpu ms=100 refused=1 lag_ms=1 "
					"cpu_percent=20 memory_mb=340 ports_percent=5 calls=0");
}

/* A reload changes the limits, and the next sample is held against the new ones. */
static void limits_follow_the_configuration(void **state)
{
	struct fix *f = *state;

	f->app.env = &f->env;
	feed(f, (struct sp_overload_sample){.ports_percent = 96}, 1);
	assert_int_equal(f->lines, 1);
	f->conf.overload.ports_percent = 0;
	feed(f, (struct sp_overload_sample){.ports_percent = 96}, 1);
	assert_int_equal(f->lines, 2);
	f->conf.overload.memory_mb = 1;
	sp_loop_advance(f->app.loop, 2000); /* we have more than that */
	assert_int_equal(f->lines, 3);
	assert_non_null(strstr(f->line[2], "overload_begin cause=memory"));
}

static unsigned trims;

/* In the place of malloc(3)'s. */
int malloc_trim(size_t pad)
{
	(void)pad;

	return (int)++trims;
}

/* Calls have ended, and what is free stays with the heap: between "full" and "room again", too. */
static void what_is_free_goes_back(void **state)
{
	struct fix *f = *state;

	f->app.env = &f->env;
	f->conf.overload.memory_mb = 1000;
	trims = 0;
	feed(f, (struct sp_overload_sample){.memory_mb = 1000}, 5);
	assert_int_equal(trims, 0);
	feed(f, (struct sp_overload_sample){.memory_mb = 1010}, 5);
	assert_int_equal(trims, 1);
	feed(f, (struct sp_overload_sample){.memory_mb = 970}, 1);
	assert_int_equal(trims, 1); /* once a minute */
	f->app.env = NULL;          /* the machine's own memory does not count here */
	sp_loop_advance(f->app.loop, 61 * 1000);
	f->app.env = &f->env;
	feed(f, (struct sp_overload_sample){.memory_mb = 970}, 1);
	assert_int_equal(trims, 2); /* it is still shut */
	feed(f, (struct sp_overload_sample){.memory_mb = 900}, 1);
	f->app.env = NULL;
	sp_loop_advance(f->app.loop, 61 * 1000);
	f->app.env = &f->env;
	feed(f, (struct sp_overload_sample){.memory_mb = 970}, 1);
	assert_int_equal(trims, 2);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_before_the_start), T(memory_and_ports_are_seen),
		T(overload_is_told),         T(limits_follow_the_configuration),
		T(what_is_free_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
