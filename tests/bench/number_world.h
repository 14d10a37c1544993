/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The numbers of an invented carrier, for the benchmarks of number/. Half of
 * the exact numbers lie in full blocks of a thousand (+44, thousands of area
 * codes), half each alone in four countries; prefixes of five to nine digits, many of them
 * within another, lie in a country of their own (+39). The n-th number is made
 * of n alone, so that nothing need be kept to ask for it again.
 */
#ifndef SALLYPORT_BENCH_NUMBER_WORLD_H
#define SALLYPORT_BENCH_NUMBER_WORLD_H

#include <stdint.h>
#include <string.h>
#include <sallyport/number.h>

enum {
	WORLD_ACCOUNTS = 5000,
	WORLD_LENGTHS = 5,    /**< of prefixes */
	WORLD_LENGTH_MIN = 5, /**< the country's digits not counted */
	WORLD_PREFIXES_MAX = 500000,
	WORLD_ROW_MAX = 96
};

/** xorshift64*: the same numbers in each run. */
static inline uint64_t world_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;

	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/** n digits of v. @return behind them */
static inline char *world_digits(char *p, uint64_t v, unsigned n)
{
	for (unsigned i = n; i--; v /= 10)
		p[i] = (char)('0' + v % 10);

	return p + n;
}

static inline char *world_text(char *p, const char *s)
{
	const size_t len = strlen(s);

	memcpy(p, s, len);

	return p + len;
}

/** The n-th exact number. @return behind it */
static inline char *world_exact(char *p, uint64_t n)
{
	static const char *const countries[] = {"+49", "+12", "+33", "+61"};
	const uint64_t half = n / 2;

	/* factors that share none with ten: each value comes once */
	if (n % 2) {
		p = world_text(p, countries[half % 4]);
		return world_digits(p, half * 7368787 % 1000000000, 9);
	}

	p = world_text(p, "+441");
	p = world_digits(p, half / 1000 * 48271 % 1000000, 6);

	return world_digits(p, half % 1000, 3);
}

/** The n-th prefix, without "*". @return behind it */
static inline char *world_prefix(char *p, uint64_t n)
{
	static const uint64_t powers[] = {100000, 1000000, 10000000, 100000000, 1000000000};
	const unsigned length = (unsigned)(n % WORLD_LENGTHS);

	p = world_text(p, "+39");

	return world_digits(p, n / WORLD_LENGTHS * 7368787 % powers[length],
			    WORLD_LENGTH_MIN + length);
}

/** The account of the n-th exact number: those of a block have one. */
static inline unsigned world_account(uint64_t n)
{
	return (unsigned)((n % 2 ? n : n / 2000) * 2654435761u % WORLD_ACCOUNTS);
}

static inline char *world_rest(char *p, const char *label, unsigned account)
{
	p = world_text(p, ",teams,carrier-a,acct-");
	p = world_digits(p, account, 4);
	*p++ = ',';
	p = world_text(p, label);
	p = world_text(p, ",tenant-");
	p = world_digits(p, account, 4);
	*p++ = '\n';

	return p;
}

static inline const char *world_header(void)
{
	return "number,trunk,carrier,account,label,header:X-MS-TenantID\n";
}

/** A number of ten digits behind its country's, the rest at random. @return behind it */
static inline char *world_extend(char *p, char *behind, uint64_t *state)
{
	return world_digits(behind, world_random(state), (unsigned)(13 - (behind - p)));
}

#endif
