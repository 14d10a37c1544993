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
#include "sallyport/media.h"

static const char default_file[] = "/etc/sallyport/sallyport.conf";

static int usage(void)
{
	(void)printf(
		"Usage: sallyport [--check [--verbose]] [FILE]\n"
		"\n"
		"SIP/RTP border gateway: mutual TLS and SRTP on both sides. Runs in the\n"
		"foreground and logs to stderr.\n"
		"\n"
		"  FILE           configuration; %s if not given\n"
		"  -c, --check    check it and all that it names, print what it amounts to,\n"
		"                 change nothing; every mistake is printed, exit status 1\n"
		"  -v, --verbose  with --check: also every setting of each trunk, and whether the\n"
		"                 file, the trunk's profile or a default says so\n"
		"  -h, --help     this text\n"
		"  -V, --version  version of this program and of its libraries\n"
		"\n"
		"Signals: HUP reloads the configuration; TERM and INT stop taking calls and\n"
		"end when there are none; a second one hangs up.\n",
		default_file);

	return 0;
}

static int version(void)
{
	(void)printf("sallyport %s (libre %s, OpenSSL %s, c-ares %s; built with libsrtp %s, "
		     "libconfig %s)\n",
		     SALLYPORT_VERSION, sys_libre_version_get(),
		     OpenSSL_version(OPENSSL_VERSION_STRING), ares_version(NULL), SALLYPORT_LIBSRTP,
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

	err = sp_media_init(); /* SRTP tests itself before anything is open */
	if (err)
		goto failed;
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
	sp_media_close();

	return err ? 1 : 0;
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"check", no_argument, NULL, 'c'},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	bool check = false, verbose = false;
	const char *file;
	int c;

	fill_std();
	(void)umask(077);

	while ((c = getopt_long(argc, argv, "cvhV", options, NULL)) != -1) {
		switch (c) {

		case 'c':
			check = true;
			break;
		case 'v':
			verbose = true;
			break;
		case 'h':
			return usage();
		case 'V':
			return version();
		default: /* getopt_long() said what is wrong */
			goto misused;
		}
	}

	if (argc - optind > 1) {
		(void)fprintf(stderr, "sallyport: one configuration file, not %d\n", argc - optind);
		goto misused;
	}
	if (verbose && !check) {
		(void)fprintf(stderr, "sallyport: --verbose goes with --check\n");
		goto misused;
	}
	file = optind < argc ? argv[optind] : default_file;

	return check ? sp_app_check(file, verbose, stdout, stderr) : run(file);

misused:
	(void)fprintf(stderr, "Try \"sallyport --help\".\n");

	return 2;
}
