/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the dns*.c files share, and nobody else needs.
 *
 *   dns_name.c    a name that is watched: when to look it up, what to keep
 *   dns_lookup.c  one look-up: SRV, then the addresses of all that it names
 *   dns.c         one question, by c-ares in our loop; the settings
 *   dns_answer.c  PURE: the octets of an answer into records
 *
 * A look-up asks through struct dns_ops, so that tests answer by hand on a
 * fake clock.
 */
#ifndef SALLYPORT_TRUNK_DNS_INNER_H
#define SALLYPORT_TRUNK_DNS_INNER_H

#include "dns_priv.h"

enum {
	DNS_ADDRS_MAX = 16,    /**< addresses of one record type of one host that are used */
	DNS_ANSWERS_MAX = 128, /**< records of one answer that are read                    */
	DNS_CNAMES_MAX = 8,    /**< aliases that are followed within one answer            */
	DNS_WHY_SIZE = 320
};

struct dns_record {
	struct sa addr;            /**< A, AAAA; port 0 */
	char host[DNS_HOST_SIZE];  /**< SRV: the target */
	uint16_t priority, weight; /**< SRV */
	uint16_t port;
};

/** What one question got. */
struct dns_answer {
	uint32_t ttl_s;   /**< the least of those of recordv and of the aliases on the way */
	bool unavailable; /**< the only SRV record has the target "." (RFC 2782) */
	size_t recordc;
	struct dns_record recordv[DNS_SRV_MAX];
};

/* dns_answer.c */
int dns_answer_parse(struct dns_answer *a, const char *name, uint16_t type, const uint8_t *p,
		     size_t len);
bool dns_addr_usable(const struct sa *addr);

/** A question; mem_deref() withdraws it. */
struct dns_question;

/**
 * From the loop, once; why of an error is a constant, a lives until h returns.
 * @param err 0; ENOENT: DNS says that there is no such name or record; else DNS failed
 * @param a   NULL with err
 */
typedef void(dns_answer_h)(int err, const char *why, const struct dns_answer *a, void *arg);

/** How questions are asked, and how routes are looked for. */
struct dns_ops {
	/** h is never called from inside. @return 0 or ENOMEM */
	int (*ask)(struct dns_question **qp, struct dns *d, const char *name, uint16_t type,
		   dns_answer_h *h, void *arg);
	bool (*routed)(const struct sa *addr);
};

struct dns {
	struct sp_loop *loop;
	const struct dns_ops *ops;
	char *servers; /**< NULL: those of /etc/resolv.conf */
	unsigned ttl_min_s, ttl_max_s;
	struct list namel;    /**< struct dns_name, borrowed */
	struct list channell; /**< struct channel; the head is the one that is asked */
	uint64_t resolv_id;   /**< of the /etc/resolv.conf that was read */
	bool library;
};

/** For tests: without c-ares, everything is asked by ops. */
int dns_alloc_ops(struct dns **dp, struct sp_loop *loop, const struct dns_conf *conf,
		  const struct dns_ops *ops);

/** What one look-up of a name gave. */
struct dns_result {
	int err;          /**< 0, ENOENT or how DNS failed; places may be there all the same */
	bool keep;        /**< nothing was learned: earlier places stay */
	bool stale;       /**< some of placev are earlier ones */
	bool unavailable; /**< SRV says so: no places; as good as an answer with some */
	uint32_t ttl_s;
	size_t placec;
	struct dns_place placev[DNS_PLACES_MAX];
	char why[DNS_WHY_SIZE];      /**< of err */
	char without[DNS_HOST_SIZE]; /**< a host of SRV records that has no address, or "" */
};

/** A look-up in progress; mem_deref() withdraws it. */
struct dns_lookup;

/** Once, perhaps from inside dns_lookup_start(). */
typedef void(dns_lookup_h)(const struct dns_result *r, void *arg);

/** What is looked up, and what is known of it; must outlive the look-up. */
struct dns_subject {
	const char *host;
	uint16_t port;
	bool srv;
	const struct dns_place *placev;
	size_t placec;
};

/* dns_lookup.c */
int dns_lookup_start(struct dns_lookup **lp, struct dns *d, const struct dns_subject *subject,
		     dns_lookup_h *h, void *arg);

/* dns_name.c */
void dns_names_refresh(struct dns *d);
void dns_names_orphan(struct dns *d);

#endif
