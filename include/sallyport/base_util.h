/* SPDX-License-Identifier: BSD-3-Clause
 *
 * base/id, base/limit: random identifiers, keyed hash, token bucket, strict
 * integers.
 */
#ifndef SALLYPORT_BASE_UTIL_H
#define SALLYPORT_BASE_UTIL_H

#include <re.h>

/** Fill p with n bytes fit for keys (getrandom(2)). Ends the process if the kernel has none. */
void sp_random(void *p, size_t n);

/** A uniformly random number in [0, bound); bound > 0. */
uint32_t sp_random_below(uint32_t bound);

/** Write size-1 random lower-case hex digits (4 bits each) and a NUL to buf. */
void sp_id_random(char *buf, size_t size);

/** Key of a hash table over bytes that a peer can choose. */
struct sp_hashkey {
	uint64_t k0, k1;
};

void sp_hashkey_init(struct sp_hashkey *key);

/** SipHash-2-4 of n bytes under key. */
uint64_t sp_hash(const struct sp_hashkey *key, const void *p, size_t n);

/** Token bucket; rate 0 means no limit. */
struct sp_limit {
	uint32_t rate;   /**< tokens per second         */
	uint32_t burst;  /**< most tokens at once       */
	uint64_t millis; /**< tokens held, in 1/1000 (of minutes 1/60000) */
	uint64_t last_ms;
	uint64_t refused; /**< how often it said no     */
	bool by_minute;   /**< rate is tokens per minute */
};

void sp_limit_init(struct sp_limit *l, uint32_t rate, uint32_t burst, uint64_t now_ms);

/** The same, with so many tokens a minute. It stays one of minutes when it is changed. */
void sp_limit_init_minute(struct sp_limit *l, uint32_t rate, uint32_t burst, uint64_t now_ms);

/** Take one token. @return false, and counted, when there is none. */
bool sp_limit_take(struct sp_limit *l, uint64_t now_ms);

/** Would sp_limit_take() find one? Takes and counts nothing. */
bool sp_limit_ready(struct sp_limit *l, uint64_t now_ms);

/** Does it hold all that it can, as if it had never been used? */
bool sp_limit_full(struct sp_limit *l, uint64_t now_ms);

/** When it will be full, if nothing is taken: in so many milliseconds; 0: it is. */
uint64_t sp_limit_full_ms(struct sp_limit *l, uint64_t now_ms);

/** Another rate and burst; the tokens that it holds stay, as far as they fit. */
void sp_limit_change(struct sp_limit *l, uint32_t rate, uint32_t burst, uint64_t now_ms);

/**
 * Strict decimal: digits only, at least one, no sign, no space, value <= max.
 * @return 0, EINVAL (not a number) or ERANGE
 */
int sp_u32(uint32_t *out, const struct pl *pl, uint32_t max);

/** How often one kind of log line may come: a peer must not be able to fill a disk. */
struct sp_quiet {
	struct sp_limit limit;
	uint64_t count; /**< since the last line */
};

void sp_quiet_init(struct sp_quiet *q, uint32_t rate, uint32_t burst, uint64_t now_ms);

/** It happened once more. @return 0: no line now; else how often since the last, now too. */
uint64_t sp_quiet_count(struct sp_quiet *q, uint64_t now_ms);

/** A network: an address and how many of its leading bits count. */
struct sp_net {
	struct sa addr;
	unsigned bits;
};

/** A list of networks; the empty one stands for "anywhere". */
struct sp_nets {
	const struct sp_net *v;
	size_t c;
};

/**
 * "192.0.2.0/24", "2001:db8::/32", or an address alone.
 * @return 0, EINVAL, ERANGE (bits set behind; net is then the network without them)
 */
int sp_net_parse(struct sp_net *net, const struct pl *text);

/** Is the address in one of them, or the list empty? IPv4 mapped into IPv6 (RFC 4291 2.5.5.2)
 * counts as IPv4. */
bool sp_nets_have(const struct sp_nets *nets, const struct sa *addr);

/**
 * As mbuf_alloc(), for what has keys in it: wiped when its last reference goes. Make it large
 * enough: where it grew from is not.
 */
struct mbuf *sp_mbuf_secret(size_t size);

/** true when s has no CR, LF, NUL or other control character but tab. */
bool sp_text_ok(const struct pl *s);

/** Octets of the UTF-8 character at p (RFC 3629 4), of which n > 0 are there; 0 when it is none. */
size_t sp_utf8_len(const char *p, size_t n);

/** Is it all UTF-8? What is not is read in more than one way, overlong forms above all. */
bool sp_utf8_ok(const struct pl *s);

#endif
