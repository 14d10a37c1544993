/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Preloaded into the daemon by test_hardening.py: code that an intruder got into it, and a
 * daemon that does not guard itself against dumps.
 *
 *   INTRUDER_RUNS=FILE   at SIGUSR2 the program becomes "touch FILE"
 *   INTRUDER_DUMPS=DIR   a core dump may be written, in DIR
 */
#define _GNU_SOURCE 1
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int prctl(int option, ...);

static const char *file, *dir;

static void on_signal(int signo)
{
	char *const argv[] = {"touch", (char *)file, NULL};
	(void)signo;

	(void)execve("/bin/touch", argv, environ);
}

__attribute__((constructor)) static void begin(void)
{
	struct rlimit rl;

	file = getenv("INTRUDER_RUNS");
	dir = getenv("INTRUDER_DUMPS");
	(void)unsetenv("LD_PRELOAD"); /* touch needs none */
	if (file)
		(void)signal(SIGUSR2, on_signal);
	if (dir && !chdir(dir)) {
		rl.rlim_cur = rl.rlim_max = RLIM_INFINITY;
		(void)syscall(SYS_prlimit64, 0, RLIMIT_CORE, &rl, NULL);
	}
}

int prctl(int option, ...)
{
	unsigned long a[4];
	va_list ap;

	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);

	if (dir && option == PR_SET_DUMPABLE)
		return 0;

	return (int)syscall(SYS_prctl, option, a[0], a[1], a[2], a[3]);
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *rl)
{
	if (dir && resource == RLIMIT_CORE)
		return 0;

	return (int)syscall(SYS_prlimit64, 0, resource, rl, NULL);
}
