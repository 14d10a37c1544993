/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/srtp_in: SRTP and SRTCP as they arrive: verify, check for replay,
 * decrypt (RFC 3711 3.3, 3.4).
 *
 * A packet without proof changes nothing here, and costs two tags at most
 * unless a search was asked for: its message is hashed once, and another
 * rollover counter costs the message's end again.
 */
#include <string.h>
#include <openssl/crypto.h>

#include "sallyport/base_util.h"
#include "srtp_priv.h"

enum {
	LAYOUTS = 2,    /* with MKI and without                          */
	RANGES = 4,     /* of rollover counters                          */
	TAGS_PLAIN = 2, /* computed for one packet, unless it is searched */
};

/* Rollover counters to try: [from, to). */
struct range {
	uint64_t from, to;
};

/* A packet on its way through. */
struct packet {
	uint8_t *buf;
	size_t len;  /* as it came                              */
	size_t body; /* without MKI, tag and SRTCP index: found */
	uint32_t ssrc;
	uint64_t index;
};

static void in_destructor(void *arg)
{
	struct sp_srtp_in *s = arg;

	srtp_secret_free(s->secret);
	mem_deref(s->rtp.table.v);
	mem_deref(s->rtcp.table.v);
}

static bool params_ok(const struct sp_srtp_params *p)
{
	if (p->mki_len > SP_SRTP_MKI_MAX)
		return false;

	return !p->mki_len || p->mki_len >= sizeof(p->mki) || !(p->mki >> 8 * p->mki_len);
}

/* Packets that may come under a key. */
static uint64_t most_of(uint64_t lifetime, uint64_t indexes)
{
	return lifetime && lifetime < indexes ? lifetime : indexes;
}

int sp_srtp_in_told(struct sp_srtp_in *s, const struct sp_srtp_params *params)
{
	if (!s || !params || !params_ok(params))
		return EINVAL;

	if (s->mki_len != params->mki_len || s->mki != params->mki)
		s->rtp.mki = s->rtcp.mki = SRTP_MKI_UNKNOWN;
	s->mki = params->mki;
	s->mki_len = params->mki_len;
	s->rtp.most = most_of(params->lifetime, SRTP_INDEXES);
	s->rtcp.most = most_of(params->lifetime, SRTCP_INDEXES);

	return 0;
}

int sp_srtp_in_alloc(struct sp_srtp_in **sp, const struct sp_srtp_params *params)
{
	struct sp_srtp_in *s;

	if (!sp || !params || !params_ok(params))
		return EINVAL;

	s = mem_zalloc(sizeof(*s), in_destructor);
	if (s)
		s->secret = srtp_secret_alloc(params->key);
	if (!s || !s->secret) {
		mem_deref(s);
		return ENOMEM;
	}

	s->rtp.keys = &s->secret->rtp;
	s->rtcp.keys = &s->secret->rtcp;
	(void)sp_srtp_in_told(s, params);
	sp_random(&s->runs, sizeof(s->runs)); /* runs of another key have other numbers */
	*sp = s;

	return 0;
}

bool sp_srtp_in_same(const struct sp_srtp_in *s, const struct sp_srtp_params *params)
{
	return s && params && !CRYPTO_memcmp(s->secret->master, params->key, sizeof(params->key));
}

static int keys_ready(struct sp_srtp_in *s, struct srtp_in_half *half)
{
	return half->keys->aes ? 0
			       : srtp_keys_derive(half->keys, s->secret->master, half == &s->rtcp);
}

/* ---- MKI ---- */

/* Does the MKI stand in front of the tag? It is a big-endian number (RFC 4568 6.1). */
static bool mki_matches(const struct sp_srtp_in *s, const uint8_t *mki)
{
	const size_t n = s->mki_len;
	uint8_t wrong = 0;

	for (size_t i = 0; i < n; i++) {
		const size_t shift = n - 1 - i;

		wrong |= (uint8_t)(mki[i] ^ (shift < 8 ? s->mki >> 8 * shift : 0));
	}

	return !wrong;
}

/*
 * Octets between ciphertext and tag in each layout that this packet may have. What
 * authentic packets have shown holds, until a search asks for everything.
 */
static size_t layouts(size_t mki[LAYOUTS], const struct sp_srtp_in *s,
		      const struct srtp_in_half *half, const struct packet *p, size_t least,
		      bool search)
{
	const size_t len = s->mki_len;
	size_t n = 0;

	if (len && p->len >= least + len && (half->mki != SRTP_MKI_NOT_THERE || search) &&
	    mki_matches(s, p->buf + p->len - SRTP_TAG - len))
		mki[n++] = len;
	if (!len || half->mki != SRTP_MKI_THERE || search)
		mki[n++] = 0;

	return n;
}

/* ---- authentication ---- */

/* In constant time: nothing is decided before all octets were looked at. */
static bool tag_equal(const uint8_t *a, const uint8_t *b)
{
	uint64_t a8, b8;
	uint16_t a2, b2;

	memcpy(&a8, a, sizeof(a8));
	memcpy(&b8, b, sizeof(b8));
	memcpy(&a2, a + sizeof(a8), sizeof(a2));
	memcpy(&b2, b + sizeof(b8), sizeof(b2));

	return !((a8 ^ b8) | (uint64_t)(a2 ^ b2));
}

static bool tag_ok(struct srtp_in_half *half, struct srtp_mac *mac, const struct packet *p,
		   uint32_t roc)
{
	uint8_t tag[SRTP_TAG];

	half->tags++;
	srtp_mac_tag(mac, half->keys, roc, tag);

	return tag_equal(tag, p->buf + p->len - SRTP_TAG);
}

/* The rollover counter under which a packet is authentic, with so many octets of MKI. */
static bool roc_find(uint32_t *roc, struct srtp_in_half *half, const struct packet *p, size_t mki,
		     const struct range rangev[RANGES], unsigned *tags)
{
	struct srtp_mac mac;

	srtp_mac_begin(&mac, half->keys, p->buf, p->len - SRTP_TAG - mki, true);
	for (size_t i = 0; i < RANGES; i++) {
		for (uint64_t v = rangev[i].from; v < rangev[i].to; v++) {
			if (!*tags)
				return false;
			--*tags;
			*roc = (uint32_t)v;
			if (tag_ok(half, &mac, p, *roc))
				return true;
		}
	}

	return false;
}

/* ---- rollover counters ---- */

/* Appendix A, but that there is nothing before 0: then it can only have jumped ahead. */
static uint64_t roc_guess(uint64_t high, uint16_t seq)
{
	const uint64_t roc = high >> 16;
	const uint16_t latest = (uint16_t)high;

	if (latest < 0x8000)
		return roc && seq > latest + 0x8000 ? roc - 1 : roc;

	return seq < latest - 0x8000 ? roc + 1 : roc;
}

/* Where a known SSRC's packet may be. @return 0, EALREADY, EKEYEXPIRED, or ESTALE:
 * then a search may still find it ahead. */
static int ranges_known(struct range rangev[RANGES], const struct srtp_in_row *row, uint16_t seq,
			bool search)
{
	const uint64_t guess = roc_guess(row->window.high, seq);

	if (guess >> 32)
		return EKEYEXPIRED;

	rangev[0] = (struct range){guess, guess + 1};
	if (search)
		rangev[0].to = min(guess + 1 + SP_SRTP_ROC_TRIES, UINT64_C(1) << 32);

	switch (srtp_window_look(&row->window, guess << 16 | seq)) {
	case SRTP_SEEN:
		return EALREADY;
	case SRTP_STALE:
		rangev[0].from++;
		return ESTALE;
	default:
		return 0;
	}
}

static void ranges_unknown(struct range rangev[RANGES], uint32_t roc, bool search)
{
	const uint64_t from = roc;

	rangev[0] = (struct range){0, 1};
	if (roc)
		rangev[1] = (struct range){from, from + 1};
	if (!search)
		return;

	rangev[2] = (struct range){1, SP_SRTP_ROC_TRIES};
	if (roc) {
		rangev[3].from = max(from + 1, (uint64_t)SP_SRTP_ROC_TRIES);
		rangev[3].to = min(from + SP_SRTP_ROC_TRIES, UINT64_C(1) << 32);
	}
}

/* ---- what both protocols end with ---- */

/*
 * The packet is authentic: decrypt it, then let the state know it.
 * @param mki octets of it that the packet had
 */
static int accept_packet(struct sp_srtp_in *s, struct srtp_in_half *half, struct packet *p,
			 struct srtp_in_row *row, size_t head, size_t mki,
			 struct sp_srtp_place *place)
{
	const bool first = !row;
	void *added;
	int err;

	if (half->count >= half->most)
		return EKEYEXPIRED;

	if (!row) {
		err = srtp_table_add(&half->table, sizeof(*row), p->ssrc, &added);
		if (err)
			return err;
		row = added;
		row->run = s->runs++;
	}

	err = srtp_keys_crypt(half->keys, p->ssrc, p->index, p->buf + head, p->body - head);
	if (err)
		return err;

	half->count++;
	half->mki = mki ? SRTP_MKI_THERE : SRTP_MKI_NOT_THERE;
	place->ssrc = p->ssrc;
	place->run = row->run;
	place->index = p->index;
	place->first = first;
	place->late = p->index < row->window.high;
	srtp_window_set(&row->window, p->index);

	return 0;
}

/* ---- RTP ---- */

static int unprotect_rtp(struct sp_srtp_in *s, struct packet *p, uint32_t roc, bool search,
			 struct sp_srtp_place *place)
{
	const size_t head = srtp_rtp_head(p->buf, p->len, SRTP_TAG);
	unsigned tags = search ? UINT_MAX : TAGS_PLAIN;
	struct range rangev[RANGES] = {{0, 0}};
	struct srtp_in_half *half = &s->rtp;
	struct srtp_in_row *row;
	size_t mki[LAYOUTS], n;
	uint16_t seq;
	int err;

	if (!head)
		return EBADMSG;

	err = keys_ready(s, half);
	if (err)
		return err;

	p->ssrc = srtp_get32(p->buf + 8);
	seq = srtp_get16(p->buf + 2);
	row = srtp_table_find(&half->table, sizeof(*row), p->ssrc);
	if (row)
		err = ranges_known(rangev, row, seq, search);
	else
		ranges_unknown(rangev, roc, search);
	if (err && !(err == ESTALE && search))
		return err;

	n = layouts(mki, s, half, p, head + SRTP_TAG, search);
	for (size_t i = 0; i < n; i++) {
		if (!roc_find(&roc, half, p, mki[i], rangev, &tags))
			continue;
		p->body = p->len - SRTP_TAG - mki[i];
		p->index = (uint64_t)roc << 16 | seq;

		return accept_packet(s, half, p, row, head, mki[i], place);
	}

	return err ? err : EACCES;
}

/* ---- RTCP ---- */

/* Is it authentic with so many octets of MKI, and new? Sets body and index. */
static int rtcp_verify(struct srtp_in_half *half, struct packet *p, const struct srtp_in_row *row,
		       size_t mki)
{
	const size_t signed_len = p->len - SRTP_TAG - mki;
	const uint32_t word = srtp_get32(p->buf + signed_len - SRTCP_INDEX);
	struct srtp_mac mac;

	if (!(word >> 31)) /* not encrypted: nobody agreed on that */
		return EBADMSG;

	p->body = signed_len - SRTCP_INDEX;
	p->index = word & 0x7fffffff;
	if (row) {
		const enum srtp_seen seen = srtp_window_look(&row->window, p->index);

		if (seen)
			return seen == SRTP_SEEN ? EALREADY : ESTALE;
	}

	srtp_mac_begin(&mac, half->keys, p->buf, signed_len, false);

	return tag_ok(half, &mac, p, 0) ? 0 : EACCES;
}

static int unprotect_rtcp(struct sp_srtp_in *s, struct packet *p, bool search,
			  struct sp_srtp_place *place)
{
	const size_t least = SRTCP_HEADER + SRTCP_INDEX + SRTP_TAG;
	struct srtp_in_half *half = &s->rtcp;
	struct srtp_in_row *row;
	size_t mki[LAYOUTS], n;
	int err, wrong = 0;

	if (!srtp_rtcp_ok(p->buf, p->len, SRTCP_INDEX + SRTP_TAG))
		return EBADMSG;

	err = keys_ready(s, half);
	if (err)
		return err;

	p->ssrc = srtp_get32(p->buf + 4);
	row = srtp_table_find(&half->table, sizeof(*row), p->ssrc);
	n = layouts(mki, s, half, p, least, search);
	for (size_t i = 0; i < n; i++) {
		err = rtcp_verify(half, p, row, mki[i]);
		if (!err)
			return accept_packet(s, half, p, row, SRTCP_HEADER, mki[i], place);
		if (!wrong || wrong == EBADMSG)
			wrong = err;
	}

	return wrong ? wrong : EACCES;
}

int sp_srtp_unprotect(struct sp_srtp_in *s, uint8_t *buf, size_t *len, bool rtcp, uint32_t roc,
		      bool search, struct sp_srtp_place *place)
{
	struct packet p = {.buf = buf, .len = *len};
	int err;

	if (rtcp)
		err = unprotect_rtcp(s, &p, search, place);
	else
		err = unprotect_rtp(s, &p, roc, search, place);
	if (!err)
		*len = p.body;

	return err;
}

uint32_t sp_srtp_in_roc(const struct sp_srtp_in *s, uint32_t ssrc)
{
	struct srtp_table table;
	const struct srtp_in_row *row;

	if (!s)
		return 0;

	table = s->rtp.table; /* a look changes nothing */
	row = srtp_table_find(&table, sizeof(*row), ssrc);

	return row ? (uint32_t)(row->window.high >> 16) : 0;
}
