/* SPDX-License-Identifier: BSD-3-Clause
 *
 * conf/: what every part of the configuration is made of.
 */
#ifndef SALLYPORT_CONF_COMMON_H
#define SALLYPORT_CONF_COMMON_H

#include <re.h>

/** Where something was written. */
struct sp_conf_src {
	const char *file; /**< owned by the configuration */
	unsigned line;
};

/** A file that the configuration names; path is absolute, or NULL when not given. */
struct sp_conf_path {
	const char *path;
	struct sp_conf_src src;
};

/** How often something may happen: a token bucket. per_s 0: as often as it likes. */
struct sp_conf_rate {
	unsigned per_s; /**< sustained          */
	unsigned burst; /**< at once; at least 1 */
};

struct sp_conf_pair {
	struct sp_conf_path certificate, key;
};

#endif
