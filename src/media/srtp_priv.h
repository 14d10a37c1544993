/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/srtp: what its files share, and what its tests look into.
 */
#ifndef SALLYPORT_SRTP_PRIV_H
#define SALLYPORT_SRTP_PRIV_H

#include <openssl/evp.h>

#include "sallyport/media_srtp.h"

enum {
	SRTP_PACKET_MAX = 2048, /* octets, before protecting or unprotecting  */
	SRTP_TAG = 10,
	SRTP_HEADER = 12,
	SRTCP_HEADER = 8, /* with the sender's SSRC                     */
	SRTCP_INDEX = 4,  /* with the E bit                             */
	SRTP_KEY = 16,
	SRTP_SALT = 14,
	SRTP_AUTH_KEY = 20,
	SRTP_BLOCK = 16,
	SRTP_HASH_WORDS = 5,
	SRTP_HASH_BLOCK = 64,
	SRTP_WINDOW =
		256 /* packets that may overtake one another: 5 s of audio, a burst of video */
};

/* RFC 3711 9.2: what one key may be used for. */
#define SRTP_INDEXES (UINT64_C(1) << 48)
#define SRTCP_INDEXES (UINT64_C(1) << 31)

static inline uint16_t srtp_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t srtp_get32(const uint8_t *p)
{
	return (uint32_t)srtp_get16(p) << 16 | srtp_get16(p + 2);
}

static inline void srtp_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* ---- srtp_keys.c: what a key does ---- */

/**
 * The session keys of RTP, or of RTCP, under one master key, for all SSRCs alike. One
 * cache line, but for the key schedule. Made at the first packet: half of all calls that
 * are set up never see one, and a key schedule takes longer than an SDP line.
 */
struct srtp_keys {
	EVP_CIPHER_CTX *aes;             /* NULL: not derived yet                    */
	uint64_t salt[2];                /* times 2^16 (RFC 3711 4.1.1), host order  */
	uint32_t inner[SRTP_HASH_WORDS]; /* SHA-1 after key XOR ipad (RFC 2104)...   */
	uint32_t outer[SRTP_HASH_WORDS]; /* ...and opad                              */
};

/** All that one direction must not show, in memory for keys (base_secret.h). */
struct srtp_secret {
	struct srtp_keys rtp, rtcp;
	uint8_t master[SP_SRTP_KEY_SIZE];
};

/** @return NULL: no memory */
struct srtp_secret *srtp_secret_alloc(const uint8_t master[SP_SRTP_KEY_SIZE]);
void srtp_secret_free(struct srtp_secret *s);

/** RFC 3711 4.3, key derivation rate 0. @return 0, ENOMEM, EPROTO */
int srtp_keys_derive(struct srtp_keys *k, const uint8_t master[SP_SRTP_KEY_SIZE], bool rtcp);
void srtp_keys_wipe(struct srtp_keys *k);

/** XOR with the keystream of this SSRC and index (RFC 3711 4.1.1). @return 0, EPROTO */
int srtp_keys_crypt(const struct srtp_keys *k, uint32_t ssrc, uint64_t index, uint8_t *buf,
		    size_t len);

/** Hash the padded key. */
void srtp_mac_key(struct srtp_keys *k, const uint8_t key[SRTP_AUTH_KEY]);

/** A message hashed, but for its end: a rollover counter may still be put there. */
struct srtp_mac {
	uint32_t hash[SRTP_HASH_WORDS];
	size_t blocks; /* of tail                        */
	size_t roc_at; /* where in tail the counter goes */
	uint8_t tail[2 * SRTP_HASH_BLOCK];
};

/** @param roc leave room for a rollover counter behind the message (RFC 3711 4.2) */
void srtp_mac_begin(struct srtp_mac *m, const struct srtp_keys *k, const uint8_t *buf, size_t len,
		    bool roc);

/** Any number of times, with another roc each time; it is ignored where there is no room. */
void srtp_mac_tag(struct srtp_mac *m, const struct srtp_keys *k, uint32_t roc,
		  uint8_t tag[SRTP_TAG]);

/* ---- srtp.c: packets, tables, windows ---- */

/** Octets of header, CSRCs and extension; 0 if they and tail more octets do not fit. */
size_t srtp_rtp_head(const uint8_t *p, size_t len, size_t tail);

/** Is it RTCP with a sender's SSRC and tail more octets? */
bool srtp_rtcp_ok(const uint8_t *p, size_t len, size_t tail);

/** Which of the indexes up to the highest have been used. */
struct srtp_window {
	uint64_t high;
	uint64_t seen[SRTP_WINDOW / 64]; /* bit n: high - n */
};

enum srtp_seen { SRTP_NEW, SRTP_SEEN, SRTP_STALE };

enum srtp_seen srtp_window_look(const struct srtp_window *w, uint64_t index);

/** Note an index that is SRTP_NEW. */
void srtp_window_set(struct srtp_window *w, uint64_t index);

/** Entries that begin with their SSRC, in a row that grows. All zero at first. */
struct srtp_table {
	uint8_t *v;
	uint32_t n, size;
	uint32_t last; /* found last */
};

/** @return entry of ssrc, NULL if there is none */
static inline void *srtp_table_find(struct srtp_table *t, size_t entry, uint32_t ssrc)
{
	uint32_t i = t->last;

	if (i < t->n && *(const uint32_t *)(const void *)(t->v + i * entry) == ssrc)
		return t->v + i * entry;

	for (i = 0; i < t->n; i++) {
		if (*(const uint32_t *)(const void *)(t->v + i * entry) == ssrc) {
			t->last = i;
			return t->v + i * entry;
		}
	}

	return NULL;
}

/** An entry of zeros but for its ssrc. @return 0, EOVERFLOW, ENOMEM */
int srtp_table_add(struct srtp_table *t, size_t entry, uint32_t ssrc, void **ep);

/* ---- srtp_in.c ---- */

/** One SSRC, of RTP or RTCP. */
struct srtp_in_row {
	uint32_t ssrc;
	uint32_t run;
	struct srtp_window window;
};

/** What is known of whether the packets carry the MKI. */
enum srtp_mki { SRTP_MKI_UNKNOWN, SRTP_MKI_THERE, SRTP_MKI_NOT_THERE };

/** RTP or RTCP under the key. */
struct srtp_in_half {
	struct srtp_keys *keys;  /* of the secret         */
	struct srtp_table table; /* of struct srtp_in_row */
	uint64_t count;          /* authentic packets     */
	uint64_t most;           /* that there may be     */
	uint64_t tags;           /* computed              */
	enum srtp_mki mki;
};

struct sp_srtp_in {
	struct srtp_in_half rtp, rtcp;
	struct srtp_secret *secret;
	uint64_t mki; /* as sp_srtp_params */
	uint8_t mki_len;
	uint32_t runs;
};

/* ---- srtp_out.c ---- */

/** RTP of one SSRC. */
struct srtp_out_row {
	uint32_t ssrc;
	uint32_t run;
	int64_t delta; /* index here = index where it came from + delta */
	int64_t floor; /* the highest index before this run, -1: none    */
	struct srtp_window window;
};

/** RTCP of one SSRC. */
struct srtcp_out_row {
	uint32_t ssrc;
	uint32_t next; /* index */
};

struct sp_srtp_out {
	struct srtp_secret *secret;
	struct srtp_table rtp_table;  /* of struct srtp_out_row  */
	struct srtp_table rtcp_table; /* of struct srtcp_out_row */
};

#endif
