/* SPDX-License-Identifier: BSD-3-Clause
 *
 * trunk/: who tries which numbers exist. A call to a number that the number
 * table does not know (of a service: from one) takes a token of its trunk;
 * without tokens (`unknown_per_minute`) no call of the trunk is looked up.
 */
#ifndef SALLYPORT_TRUNK_SCAN_H
#define SALLYPORT_TRUNK_SCAN_H

#include "sallyport/trunk.h"

/**
 * May a number be looked up for this trunk? To be asked before the table is.
 * @return false: counted (SP_TRUNK_LIMIT_UNKNOWN) and logged ("number_scan" once, until a minute
 *         has passed without unknown numbers), no token taken
 */
bool sp_trunk_scan_admit(struct sp_trunk *t);

/** The same, and nothing is counted or logged. */
bool sp_trunk_scan_ready(struct sp_trunk *t);

/** The table did not know the number. Counted, also without a limit. */
void sp_trunk_scan_unknown(struct sp_trunk *t);

#endif
