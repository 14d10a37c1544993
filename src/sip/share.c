/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How much of the tables one owner takes. A server transaction keeps its
 * request for up to 32 s, so an owner that asks much and acknowledges nothing
 * would fill them; the limit holds for all its connections together, so that a
 * new connection does not begin at zero.
 */
#include <errno.h>
#include <re.h>
#include "sip_priv.h"

static void destructor(void *arg)
{
	struct sip_share *share = arg;

	list_unlink(&share->le);
}

/** The owner's share, a reference to it; NULL without memory. */
struct sip_share *sip_share_get(struct sp_sip *sip, const void *owner)
{
	struct sip_share *share;
	struct le *le;

	/* as many as there are trunks with connections */
	LIST_FOREACH(&sip->shares, le)
	{
		share = le->data;
		if (share->owner == owner)
			return mem_ref(share);
	}

	share = mem_zalloc(sizeof(*share), destructor);
	if (!share)
		return NULL;

	share->owner = owner;
	list_append(&sip->shares, &share->le, share);

	return share;
}

/* What a request that is kept costs, nearly all of it its text and headers. */
static size_t cost(const struct sp_sip_msg *req)
{
	return sizeof(*req) + req->hdrc * sizeof(req->hdrv[0]) +
	       (size_t)(req->body.p + req->body.l - req->text);
}

bool sip_share_full(const struct sp_sip *sip, const struct sip_share *share,
		    const struct sp_sip_msg *req)
{
	return share->transactions >= sip->owner_max ||
	       share->bytes + cost(req) > sip->owner_bytes_max;
}

void sip_share_take(struct sip_share *share, const struct sp_sip_msg *req)
{
	++share->transactions;
	share->bytes += cost(req);
}

void sip_share_give(struct sip_share *share, const struct sp_sip_msg *req)
{
	--share->transactions;
	share->bytes -= cost(req);
}
