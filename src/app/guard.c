/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Before there is a secret: no memory of this process gets into a core dump, and OpenSSL's
 * has a place of its own.
 *
 * All that OpenSSL allocates comes from base/secret: private keys, the secrets of TLS
 * connections and what was said in them, the key schedules of SRTP, and what it forgets
 * to wipe, such as the text of a key file on its way to a key.
 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "app_priv.h"
#include "sallyport/base_secret.h"

static void *openssl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;

	return sp_secret_alloc(n);
}

static void *openssl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;

	return sp_secret_realloc(p, n);
}

static void openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;

	(void)sp_secret_free(p);
}

/*
 * Nothing but mapped files, and root can change that: what gcore(1) writes of a process
 * for a report of a fault has no SIP message and no stack in it by accident.
 */
static void filter_dumps(void)
{
	const int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return; /* no /proc: what follows does not need it */

	(void)!write(fd, "0", 1);
	(void)close(fd);
}

int sp_app_guard(void)
{
	const struct rlimit none = {0, 0};

	filter_dumps();
	if (prctl(PR_SET_DUMPABLE, 0) || setrlimit(RLIMIT_CORE, &none))
		return errno;

	return CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) ? 0
										       : EALREADY;
}
