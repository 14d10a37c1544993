/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sallyport: arguments, and the order of the start.
 */
#include <ares.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <openssl/crypto.h>

#include "sallyport/app.h"
#include "sallyport/base_log.h"

static const char default_file[] = "/etc/sallyport/sallyport.conf";

static int usage(void)
{
	(void)printf(
		"Usage: sallyport [--check [--verbose] | --status [--calls] [--json] | --metrics]\n"
		"                 [FILE]\n"
		"       sallyport --lookup NUMBER [--caller NUMBER] [--trunk NAME] [--time TIME]\n"
		"                 [--json] [FILE]\n"
		"\n"
		"SIP/RTP border gateway: mutual TLS and SRTP on both sides. Runs in the\n"
		"foreground and logs to stderr.\n"
		"\n"
		"  FILE           configuration; %s if not given\n"
		"  -c, --check    check it and all that it names, print what it amounts to,\n"
		"                 change nothing; every mistake is printed, exit status 1\n"
		"  -v, --verbose  with --check: also every setting of each trunk, and whether the\n"
		"                 file, the trunk's profile or a default says so\n"
		"  -s, --status   ask the gateway that runs on it how it is: interfaces, trunks,\n"
		"                 targets, calls, limits; exit status 1 when nobody answers\n"
		"  -l, --calls    with --status: every call instead, and how its media fares\n"
		"  -j, --json     with --status and --lookup: for programs\n"
		"  -m, --metrics  the same as Prometheus text\n"
		"  -n, --lookup NUMBER\n"
		"                 what would become of a call to this number: which rule decides,\n"
		"                 the route and the headers, and where each of them was written;\n"
		"                 exit status 2 when the call would be refused\n"
		"  -f, --caller NUMBER\n"
		"                 with --lookup: who calls; withheld if not given\n"
		"  -t, --trunk NAME\n"
		"                 with --lookup: where the call comes from; if not given, the\n"
		"                 service whose number calls, or else the first carrier\n"
		"  -T, --time TIME\n"
		"                 with --lookup: when, as in 2026-12-01T00:00:00Z; else now\n"
		"  -h, --help     this text\n"
		"  -V, --version  version of this program and of its libraries\n"
		"\n"
		"Signals: HUP reloads the configuration; USR1 logs what --status prints; TERM\n"
		"and INT stop taking calls and end when there are none; a second one hangs up.\n",
		default_file);

	return 0;
}

static int version(void)
{
	(void)printf("sallyport %s (libre %s, OpenSSL %s, c-ares %s; built with "
		     "libconfig %s)\n",
		     SALLYPORT_VERSION, sys_libre_version_get(),
		     OpenSSL_version(OPENSSL_VERSION_STRING), ares_version(NULL),
		     SALLYPORT_LIBCONFIG);

	return 0;
}

/* Where one of these is closed, a socket would get its number, and the log would go there. */
static void fill_std(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		/* the lowest free number is this one */
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", O_RDWR);
	}
}

static int run(const char *file)
{
	struct sp_loop *loop = NULL;
	struct sp_app *app = NULL;
	int err;

	err = sp_loop_alloc(&loop, sp_app_max_fds());
	if (err)
		goto failed;
	err = sp_app_alloc(&app, loop, file); /* rooms wired, nothing open */
	if (err)
		goto failed;
	err = sp_app_signals(app); /* from here on they wait for the loop */
	if (err)
		goto failed;
	err = sp_app_load(app); /* configuration, certificates, listeners */
	if (!err)
		err = sp_app_confine(app); /* what is not open by now stays shut */
	if (err)
		goto out; /* it logged why */

	sp_app_ready(app, SALLYPORT_VERSION);
	err = sp_loop_run(loop); /* until drained */
	goto out;

failed:
	sp_log(SP_LOG_ERROR, "start_failed", "mistakes=0 error=\"%m\"", err);
out:
	mem_deref(app);
	mem_deref(loop);

	return err ? 1 : 0;
}

/* What the command line asks for. */
struct wanted {
	bool check, verbose, status, calls, json, metrics;
	struct sp_app_question lookup; /* number NULL: not asked */
};

/* @return what does not go together, or NULL */
static const char *contradiction(const struct wanted *w)
{
	const struct sp_app_question *q = &w->lookup;

	if (w->check + w->status + w->metrics + !!q->number > 1)
		return "one of --check, --status, --metrics and --lookup";
	if (w->verbose && !w->check)
		return "--verbose goes with --check";
	if (w->json && !w->status && !q->number)
		return "--json goes with --status and --lookup";
	if (w->calls && !w->status)
		return "--calls goes with --status";
	if ((q->caller || q->trunk || q->time) && !q->number)
		return "--caller, --trunk and --time go with --lookup";

	return NULL;
}

static int carry_out(const struct wanted *w, const char *file)
{
	if (w->lookup.number)
		return sp_app_lookup(file, &w->lookup, stdout, stderr);
	if (w->check)
		return sp_app_check(file, w->verbose, stdout, stderr);
	if (w->metrics)
		return sp_app_status(file, SP_APP_METRICS, stdout, stderr);
	if (w->calls)
		return sp_app_status(file, w->json ? SP_APP_CALLS_JSON : SP_APP_CALLS, stdout,
				     stderr);
	if (w->status)
		return sp_app_status(file, w->json ? SP_APP_JSON : SP_APP_TABLE, stdout, stderr);

	return run(file);
}

/* One option of the command line. @return false: not one of those that want something */
static bool take(struct wanted *w, int option, const char *argument)
{
	switch (option) {

	case 'c':
		w->check = true;
		break;
	case 'v':
		w->verbose = true;
		break;
	case 's':
		w->status = true;
		break;
	case 'l':
		w->calls = true;
		break;
	case 'j':
		w->json = w->lookup.json = true;
		break;
	case 'm':
		w->metrics = true;
		break;
	case 'n':
		w->lookup.number = argument;
		break;
	case 'f':
		w->lookup.caller = argument;
		break;
	case 't':
		w->lookup.trunk = argument;
		break;
	case 'T':
		w->lookup.time = argument;
		break;
	default:
		return false;
	}

	return true;
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"check", no_argument, NULL, 'c'},
		{"verbose", no_argument, NULL, 'v'},
		{"status", no_argument, NULL, 's'},
		{"calls", no_argument, NULL, 'l'},
		{"json", no_argument, NULL, 'j'},
		{"metrics", no_argument, NULL, 'm'},
		{"lookup", required_argument, NULL, 'n'},
		{"caller", required_argument, NULL, 'f'},
		{"trunk", required_argument, NULL, 't'},
		{"time", required_argument, NULL, 'T'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	struct wanted w = {0};
	const char *wrong;
	int c, err;

	fill_std();
	(void)umask(077);
	err = sp_app_guard(); /* before there is a secret */
	if (err) {
		sp_log(SP_LOG_ERROR, "start_failed", "mistakes=0 error=\"%m\"", err);
		return 1;
	}

	while ((c = getopt_long(argc, argv, "cvsljmn:f:t:T:hV", options, NULL)) != -1) {
		if (c == 'h')
			return usage();
		if (c == 'V')
			return version();
		if (!take(&w, c, optarg)) /* getopt_long() said what is wrong */
			goto misused;
	}

	if (argc - optind > 1) {
		(void)fprintf(stderr, "sallyport: one configuration file, not %d\n", argc - optind);
		goto misused;
	}
	wrong = contradiction(&w);
	if (wrong) {
		(void)fprintf(stderr, "sallyport: %s\n", wrong);
		goto misused;
	}

	return carry_out(&w, optind < argc ? argv[optind] : default_file);

misused:
	(void)fprintf(stderr, "Try \"sallyport --help\".\n");

	return 2;
}
