/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Beside alloc_fault.h, for programs that one runs by hand when a case has failed.
 */
#ifndef ALLOC_OPTIONS_H
#define ALLOC_OPTIONS_H

#include <unistd.h>
#include "alloc_fault.h"

static struct {
	bool all;              /* -a: each case, not a sample (or SALLYPORT_LONG=1) */
	bool verbose;          /* -v: name each case before it runs                 */
	unsigned only, length; /* -n, -l: this allocation; so many of them          */
} options;                     /* -t: show where it is */

static inline void read_options(int argc, char **argv)
{
	int c;

	options.all = getenv("SALLYPORT_LONG") != NULL;
	while ((c = getopt(argc, argv, "avtn:l:")) != -1) {
		if ('a' == c)
			options.all = true;
		else if ('v' == c)
			options.verbose = true;
		else if ('t' == c)
			alloc_state.trace = true;
		else if ('n' == c)
			options.only = (unsigned)strtoul(optarg, NULL, 10);
		else if ('l' == c)
			options.length = (unsigned)strtoul(optarg, NULL, 10);
		else
			exit(2);
	}
}

#endif
