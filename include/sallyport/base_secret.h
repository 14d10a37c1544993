/* SPDX-License-Identifier: BSD-3-Clause
 *
 * base/secret: memory for keys. No core dump has it (MADV_DONTDUMP), no child process
 * (MADV_WIPEONFORK), and it is wiped when it is given back.
 *
 * Any thread may use it. It is the process's own, with no object to hand round, because
 * OpenSSL's allocations come with none.
 */
#ifndef SALLYPORT_BASE_SECRET_H
#define SALLYPORT_BASE_SECRET_H

#include <stddef.h>

enum { SP_SECRET_ALIGN = 32 };

/** Octets that it takes of the machine at most. */
#define SP_SECRET_MAX ((size_t)4 << 30)

/** n octets of zeros. NULL: none left (errno is ENOMEM); or n is 0. */
void *sp_secret_alloc(size_t n);

/** As realloc(3); what it grew from is wiped, what it grew by is not always zero. */
void *sp_secret_realloc(void *p, size_t n);

/** Wipe and give back; ends the process when p is none of these. NULL is ignored. @return NULL */
void *sp_secret_free(void *p);

/** Blocks that are in use. */
size_t sp_secret_count(void);

#endif
