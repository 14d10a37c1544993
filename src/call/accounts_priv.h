/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/accounts: how many calls the accounts of the number table have, and how
 * often they make new ones. Emergency calls are not counted here.
 */
#ifndef SALLYPORT_CALL_ACCOUNTS_PRIV_H
#define SALLYPORT_CALL_ACCOUNTS_PRIV_H

#include "sallyport/base_loop.h"
#include "sallyport/conf_limits.h"
#include "sallyport/number.h"

enum { ACCOUNTS_MAX = 100000 /**< at once: those with calls, or used a moment ago */ };

struct accounts;
struct account;

/** Accounts must be gone from all calls before this is. */
int accounts_alloc(struct accounts **ap, struct sp_loop *loop);

/**
 * One more call of an account. Its limits are its own, if it has any, else those for
 * all; it is counted by its name, whichever table it is of.
 * @param of named "": no account, neither counted nor limited
 * @param ap set, for accounts_end(); NULL for no account
 * @return NULL, or the limit that refuses the call (counted, and logged once a second at most)
 */
const char *accounts_begin(struct accounts *as, const struct sp_conf_limits *all,
			   const struct sp_number_account *of, struct account **ap);

/** A call of the account has ended. NULL is ignored. */
void accounts_end(struct account *a);

/** How many are kept: those with calls, and those whose tokens are not all back. */
size_t accounts_kept(const struct accounts *as);

#endif
