/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a process has done to itself before it has a secret. In children: it is for good.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "sallyport/app.h"
#include "sallyport/base_secret.h"

static void in_child(bool (*fn)(void))
{
	int status = 0;
	const pid_t pid = fork();

	if (!pid)
		_exit(fn() ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static unsigned dump_filter(void)
{
	FILE *f = fopen("/proc/self/coredump_filter", "r");
	unsigned v = UINT32_MAX;

	if (f && fscanf(f, "%x", &v) != 1)
		v = UINT32_MAX;
	if (f)
		(void)fclose(f);

	return v;
}

static bool no_dumps(void)
{
	struct rlimit rl = {1, 1};

	if (prctl(PR_GET_DUMPABLE) != 1 || !dump_filter() || sp_app_guard())
		return false;

	return !prctl(PR_GET_DUMPABLE) && !dump_filter() && !getrlimit(RLIMIT_CORE, &rl) &&
	       !rl.rlim_cur && !rl.rlim_max;
}

static bool memory_of_openssl(void)
{
	void *p;

	if (sp_app_guard() || sp_secret_count())
		return false;

	p = OPENSSL_malloc(100);
	if (sp_secret_count() != 1)
		return false;
	p = OPENSSL_realloc(p, 10000);
	if (sp_secret_count() != 1)
		return false;
	OPENSSL_free(p);

	return !sp_secret_count();
}

/* Then some of it would lie elsewhere. */
static bool too_late(void)
{
	OPENSSL_free(OPENSSL_malloc(100));

	return sp_app_guard() == EALREADY;
}

static void test_no_dumps(void **state)
{
	(void)state;

	in_child(no_dumps);
}

static void test_memory_of_openssl(void **state)
{
	(void)state;

	in_child(memory_of_openssl);
	in_child(too_late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_dumps),
		cmocka_unit_test(test_memory_of_openssl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
