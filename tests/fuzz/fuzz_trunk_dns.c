/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzzes the reader of DNS answers. The first octet chooses the type that was
 * asked for; the name is always the same one, so that records can be its.
 */
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "../../src/trunk/dns_inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dns_answer *a, uint16_t type)
{
	if (a->recordc > DNS_SRV_MAX || (!a->recordc && !a->unavailable))
		abort();
	if (a->unavailable && (a->recordc || type != DNS_TYPE_SRV))
		abort();
	if (a->ttl_s > INT32_MAX)
		abort();
	for (size_t i = 0; i < a->recordc; ++i) {
		const struct dns_record *r = &a->recordv[i];

		if (type == DNS_TYPE_SRV) {
			if (!*r->host || !r->port || !memchr(r->host, 0, sizeof(r->host)) ||
			    strpbrk(r->host, " \"\\\r\n?"))
				abort();
			if (i && r->priority < r[-1].priority)
				abort();
		} else if (!dns_addr_usable(&r->addr)) {
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = {DNS_TYPE_SRV, DNS_TYPE_A, DNS_TYPE_AAAA};
	struct dns_answer a;
	uint16_t type;

	if (!size)
		return 0;
	type = types[*data % 3];
	if (!dns_answer_parse(&a, "a.b", type, data + 1, size - 1))
		check(&a, type);
	return 0;
}
