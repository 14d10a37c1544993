/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/pem: reading PEM files, and telling what is wrong with them.
 *
 * A file is read once, whole, into memory that is wiped afterwards: OpenSSL's
 * own file reading would leave pieces of private keys in stdio buffers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "tls_priv.h"

void sp_tls_report(struct sp_tls_report *r, const char *path, const char *mend, const char *fmt,
		   ...)
{
	char text[256];
	va_list ap;

	++r->count;
	if (!r->h)
		return;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->h(path, text, mend, r->arg);
}

/* The file may be a private key: whoever frees mb wipes it. */
static int read_all(struct mbuf **mbp, int fd, size_t size)
{
	struct mbuf *mb = mbuf_alloc(size + 1);

	if (!mb)
		return ENOMEM;

	while (mb->end < size) {
		const ssize_t n = read(fd, mb->buf + mb->end, size - mb->end);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		mb->end += (size_t)n;
	}

	*mbp = mb;
	return 0;
}

void sp_tls_pem_wipe(struct mbuf *mb)
{
	if (mb)
		OPENSSL_cleanse(mb->buf, mb->size);
	mem_deref(mb);
}

int sp_tls_pem_read(struct mbuf **mbp, const char *path, size_t max, mode_t *mode,
		    struct sp_tls_report *r)
{
	struct stat st;
	/* O_NONBLOCK: a FIFO in the file's place must not hang the process */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int err;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err = errno;
		sp_tls_report(r, path,
			      err == EACCES ? "let the user that the gateway runs as read it"
					    : "put the file there, or correct the path",
			      "cannot be read: %m", err);
	} else if (S_ISDIR(st.st_mode)) {
		err = EINVAL;
		sp_tls_report(r, path, "name a PEM file in it", "is a directory");
	} else if (!S_ISREG(st.st_mode)) {
		err = EINVAL;
		sp_tls_report(r, path, "name a PEM file", "is no regular file");
	} else if ((uint64_t)st.st_size > max) {
		err = EINVAL;
		sp_tls_report(r, path, "is it the right file?",
			      "is too large: %llu bytes, %zu are the most",
			      (unsigned long long)st.st_size, max);
	} else {
		*mode = st.st_mode;
		err = read_all(mbp, fd, (size_t)st.st_size);
	}

	if (fd >= 0)
		(void)close(fd);
	return err;
}

int sp_tls_day_print(struct re_printf *pf, const ASN1_TIME *t)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return re_hprintf(pf, "an unreadable date");
	return re_hprintf(pf, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

bool sp_tls_expired(const X509 *cert)
{
	return X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0;
}

/* malloc() sets errno, which OpenSSL keeps. Its list of errors has not all of them: it needs memory
 * itself. */
void sp_tls_memory_begin(void)
{
	errno = 0;
}

int sp_tls_memory_end(int err)
{
	return errno == ENOMEM ? ENOMEM : err;
}

X509 *sp_tls_pem_next(BIO *bio)
{
	return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

/* After the last certificate OpenSSL leaves "no start line"; anything else is damage. */
bool sp_tls_pem_end(void)
{
	const unsigned long e = ERR_peek_last_error();

	return ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}
