/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A peer with two keys sends packets under indexes that the input chooses, and
 * in between octets that it made up; we change our key now and then. Nothing
 * made up is accepted, no index of the peer's twice, none of ours used twice.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/media/srtp_priv.h"
#include "../unit/media_reference.h"

enum { LEGS = 2, SSRCS = 3, OPS = 200, ROOM = SRTP_PACKET_MAX + SP_SRTP_ROOM + SP_SRTP_MKI_MAX };

/* Indexes seen, by key and SSRC. */
struct used {
	struct {
		unsigned key;
		uint32_t ssrc;
		uint64_t index;
	} v[OPS];
	size_t n;
};

struct world {
	struct sp_srtp_in *in[LEGS];
	struct sp_srtp_out *out;
	struct ref legs[LEGS], ref;
	uint64_t index[LEGS][SSRCS];
	uint8_t mki_len;
	unsigned key; /* of ours, counted */
	struct used came, went;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void use(struct used *u, unsigned key, uint32_t ssrc, uint64_t index)
{
	for (size_t i = 0; i < u->n; i++)
		check(u->v[i].key != key || u->v[i].ssrc != ssrc || u->v[i].index != index);
	u->v[u->n].key = key;
	u->v[u->n].ssrc = ssrc;
	u->v[u->n++].index = index;
}

static void rekey(struct world *w, bool like)
{
	const uint8_t key[SP_SRTP_KEY_SIZE] = {0xff, (uint8_t)++w->key};
	struct sp_srtp_out *was = w->out;

	check(!sp_srtp_out_alloc(&w->out, key, like ? was : NULL));
	mem_deref(was);
	ref_init(&w->ref, key);
}

/* It goes out as what it was, under an index that is new; or not at all. */
static void forward(struct world *w, uint8_t *buf, size_t len, const struct sp_srtp_place *place)
{
	uint8_t plain[ROOM], copy[ROOM];
	const size_t n = len;

	memcpy(plain, buf, n);
	if (sp_srtp_protect(w->out, buf, &len, false, place))
		return;

	for (uint32_t roc = 0; roc < 2 * OPS; roc++) {
		memcpy(copy, buf, len);
		if (!ref_unprotect(&w->ref, copy, len, roc))
			continue;
		check(!memcmp(copy + 4, plain + 4, n - 4));
		use(&w->went, w->key, place->ssrc, (uint64_t)roc << 16 | srtp_get16(buf + 2));
		return;
	}
	abort();
}

/* A packet of the peer's. */
static void signed_packet(struct world *w, uint8_t op, int16_t jump)
{
	const unsigned leg = op & 1;
	const uint32_t ssrc = op % SSRCS;
	const bool search = op & 8, with_mki = op & 16;
	uint64_t *index = &w->index[leg][ssrc];
	struct sp_srtp_place place;
	uint8_t buf[ROOM];
	size_t n, len;

	*index = jump < 0 && *index < (uint64_t)-jump ? 0 : *index + (uint64_t)(int64_t)jump;
	n = ref_rtp(buf, ssrc, (uint16_t)*index, op);
	len = ref_protect(&w->legs[leg], buf, n, (uint32_t)(*index >> 16));
	if (with_mki) {
		memmove(buf + len - SRTP_TAG + w->mki_len, buf + len - SRTP_TAG, SRTP_TAG);
		memset(buf + len - SRTP_TAG, 0, w->mki_len);
		len += w->mki_len;
	}
	if (sp_srtp_unprotect(w->in[leg], buf, &len, false, 0, search, &place))
		return;

	check(len == n && place.ssrc == ssrc && place.index == *index);
	use(&w->came, leg, ssrc, *index);
	forward(w, buf, n, &place);
}

/* Nothing that is made up is authentic, and it stays as it is. */
static void made_up(struct world *w, uint8_t op, const uint8_t *data, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	struct sp_srtp_place place;
	size_t len = n;

	check(exact);
	memcpy(exact, data, n);
	check(sp_srtp_unprotect(w->in[op & 1], exact, &len, op & 2, op & 4, op & 8, &place));
	check(len == n && !memcmp(exact, data, n));
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w;

	if (size < 2)
		return 0;
	w = calloc(1, sizeof(*w));
	check(w);
	w->mki_len = data[0] & 0x7f;
	for (unsigned i = 0; i < LEGS; i++) {
		struct sp_srtp_params params = {.key = {(uint8_t)i}, .mki_len = w->mki_len};

		params.lifetime = data[1];
		check(!sp_srtp_in_alloc(&w->in[i], &params));
		ref_init(&w->legs[i], params.key);
	}
	rekey(w, false);

	data += 2;
	size -= 2;
	for (int i = 0; i < OPS && size >= 3; i++) {
		const uint8_t op = data[0];

		if (op < 0xe0) {
			signed_packet(w, op, (int16_t)srtp_get16(data + 1));
		} else if (op < 0xf8) {
			const size_t n = data[1] < size - 3 ? data[1] : size - 3;

			made_up(w, op, data + 3, n);
			data += n;
			size -= n;
		} else {
			rekey(w, op & 1);
		}
		data += 3;
		size -= 3;
	}

	for (unsigned i = 0; i < LEGS; i++)
		mem_deref(w->in[i]);
	mem_deref(w->out);
	free(w);

	return 0;
}
