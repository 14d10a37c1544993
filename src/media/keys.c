/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/keys: the keys under which one peer sends, over time (RFC 4568 7.1.4).
 */
#include <string.h>

#include "media_priv.h"

enum {
	SEARCH_MS =
		100, /* a search costs as much as some 50 packets: not for every one of a flood */
};

static void to_front(struct media_keys *k, size_t i)
{
	struct sp_srtp_in *s = k->v[i];

	memmove(&k->v[1], &k->v[0], i * sizeof(k->v[0]));
	k->v[0] = s;
}

/* Where the next one goes: a free place, or that of the oldest which is not in use. */
static size_t place_for(const struct media_keys *k)
{
	size_t i;

	for (i = 0; i < SP_RELAY_KEYS_MAX - 1; i++) {
		if (!k->v[i])
			return i;
	}

	return k->v[i] && k->v[i] == k->active ? i - 1 : i;
}

int media_keys_tell(struct media_keys *k, const struct sp_srtp_params *params)
{
	struct sp_srtp_in *s = NULL;
	size_t i;
	int err;

	if (!k || !params)
		return EINVAL;

	for (i = 0; i < SP_RELAY_KEYS_MAX && k->v[i]; i++) {
		if (sp_srtp_in_same(k->v[i], params)) {
			err = sp_srtp_in_told(k->v[i], params);
			if (!err)
				to_front(k, i);
			return err;
		}
	}

	err = sp_srtp_in_alloc(&s, params);
	if (err)
		return err;

	i = place_for(k);
	mem_deref(k->v[i]);
	k->v[i] = s;
	to_front(k, i);
	if (!k->active)
		k->active = s;

	return 0;
}

void media_keys_close(struct media_keys *k)
{
	for (size_t i = 0; i < SP_RELAY_KEYS_MAX; i++)
		k->v[i] = mem_deref(k->v[i]);
	k->active = NULL;
}

void media_keys_share(struct media_keys *k, const struct media_keys *with)
{
	for (size_t i = 0; i < SP_RELAY_KEYS_MAX; i++)
		k->v[i] = mem_ref(with->v[i]);
	k->active = with->active;
}

static uint32_t ssrc_of(const uint8_t *buf, size_t len, bool rtcp)
{
	const size_t at = rtcp ? 4 : 8;
	uint32_t ssrc;

	if (len < at + sizeof(ssrc))
		return 0;
	memcpy(&ssrc, buf + at, sizeof(ssrc));

	return ntohl(ssrc);
}

/*
 * The latest key that was told is tried where the active one does not do. That the active
 * one says "seen before" proves nothing: under another key the number is another packet's.
 */
static int unprotect_new(struct media_keys *k, uint8_t *buf, size_t *len, bool rtcp, bool search,
			 struct sp_srtp_place *place)
{
	/* the key before, also when RTCP or another SSRC was the first under the new one */
	const struct sp_srtp_in *old = k->active != k->v[0] ? k->active : k->v[1];
	const uint32_t roc = sp_srtp_in_roc(old, ssrc_of(buf, *len, rtcp));
	int err;

	err = sp_srtp_unprotect(k->v[0], buf, len, rtcp, roc, search, place);
	if (!err)
		k->active = k->v[0];

	return err;
}

int media_keys_unprotect(struct media_keys *k, uint8_t *buf, size_t *len, bool rtcp,
			 uint64_t now_ms, struct sp_srtp_place *place)
{
	int err;

	err = sp_srtp_unprotect(k->active, buf, len, rtcp, 0, false, place);
	if (!err)
		return 0;

	/* whatever it said: with another MKI, even what is no packet may be one */
	if (k->active != k->v[0] && !unprotect_new(k, buf, len, rtcp, false, place))
		return 0;

	/* ESTALE: the number looks old, too, where more than 2^15 packets are missing */
	if ((err != EACCES && err != ESTALE) || rtcp || now_ms - k->search_ms < SEARCH_MS)
		return err;

	k->search_ms = now_ms;

	return unprotect_new(k, buf, len, rtcp, true, place);
}
