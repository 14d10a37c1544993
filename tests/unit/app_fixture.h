/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A folder with certificates of certs/make-certs and a configuration in it,
 * for the tests of app/.
 */
#ifndef SALLYPORT_TEST_APP_FIXTURE_H
#define SALLYPORT_TEST_APP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "app_priv.h"

struct world {
	char dir[64];
	char conf[96];
	char addr[32]; /**< a loopback address of this test's own */
};

/** What a test's configuration differs in; NULL: as in a good one. */
struct variant {
	const char *cert, *key, *client;
	const char *ca;
	const char *trunk; /**< more keys of the carrier trunk */
	const char *kind;  /**< of the service trunk */
	const char *numbers, *files;
	const char *limits; /**< more keys of that group */
	const char *status; /**< the group, on the first line */
	const char *address, *advertise;
	int sip_port, port_min; /**< 0: 5061, 20000 */
	int drain_s;            /**< 0: 300         */
};

static inline void run(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	assert_int_equal(system(command), 0);
}

static inline void world_write(const struct world *w, const char *name, const char *text)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static inline const char * or (const char *s, const char *usual)
{
	return s ? s : usual;
}

/* Each line of it is asked for by number in tests: "tls" is line 5. */
static inline void world_conf(const struct world *w, const struct variant *v)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "limits = { calls = 10; drain_s = %d; %s }; %s\n"
		 "interfaces = (\n"
		 "  { name = \"core\";\n"
		 "    sip = { address = \"%s\"; port = %d; advertise = \"%s\"; };\n"
		 "    tls = { certificate = \"%s\"; key = \"%s\"; %s };\n"
		 "    media = { address = \"%s\"; ports = [ %d, %d ]; }; }\n"
		 ");\n"
		 "trunks = (\n"
		 "  { name = \"carrier-a\"; kind = \"carrier\"; interface = \"core\";\n"
		 "    identities = [ \"carrier.example\" ]; ca = \"%s\"; %s },\n"
		 "  { name = \"pbx\"; kind = \"%s\"; interface = \"core\"; ca = "
		 "\"service-ca.crt\";\n"
		 "    identities = [ \"service.example\" ]; carrier = \"carrier-a\"; }\n"
		 ");\n"
		 "numbers = (\n%s\n);\n"
		 "number_files = [ %s ];\n",
		 v->drain_s ? v->drain_s : 300, or (v->limits, ""),
		 or (v->status, "status = { socket = \"status.sock\"; };"),
		 or (v->address, w->addr), v->sip_port ? v->sip_port : 5061,
		 or (v->advertise, "core.gateway.example"), or (v->cert, "gateway-core.crt"),
		 or (v->key, "gateway-core.key"), or (v->client, ""), or (v->address, w->addr),
		 v->port_min ? v->port_min : 20000, (v->port_min ? v->port_min : 20000) + 199,
		 or (v->ca, "carrier-ca.crt"), or (v->trunk, ""), or (v->kind, "service"),
		 or (v->numbers, "{ number = \"+441632960001\"; trunk = \"pbx\"; }"),
		 or (v->files, ""));
	world_write(w, "sallyport.conf", text);
}

static inline int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	snprintf(w->dir, sizeof(w->dir), "/tmp/sallyport-app-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	run("%s/certs/make-certs %s >/dev/null", SP_SOURCE_DIR, w->dir);
	snprintf(w->conf, sizeof(w->conf), "%s/sallyport.conf", w->dir);
	snprintf(w->addr, sizeof(w->addr), "127.%d.%d.7", 64 + getpid() / 250 % 180,
		 getpid() % 250);
	*state = w;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;

	run("rm -rf %s", w->dir);
	free(w);
	return 0;
}

#endif
