/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/srtp_out: SRTP and SRTCP as they leave (RFC 3711 3.3, 3.4).
 *
 * To encrypt two packets under one index is to show both (9.1). What comes
 * under several keys of a peer, one after the other or from several forks, goes
 * out under one key of ours, so an SSRC may come to the same index again. Two
 * things stand against that. The packets of a run are moved, all by the same
 * difference, so that they lie behind everything sent before it; and a window
 * of what was sent, as a receiver has it, refuses what would repeat for
 * whatever reason.
 */
#include <string.h>
#include <openssl/crypto.h>

#include "srtp_priv.h"

static void out_destructor(void *arg)
{
	struct sp_srtp_out *s = arg;

	srtp_secret_free(s->secret);
	mem_deref(s->rtp_table.v);
	mem_deref(s->rtcp_table.v);
}

static int table_copy(struct srtp_table *to, const struct srtp_table *from, size_t entry)
{
	if (!from->n)
		return 0;

	to->v = mem_alloc(from->size * entry, NULL);
	if (!to->v)
		return ENOMEM;

	memcpy(to->v, from->v, from->n * entry);
	to->n = from->n;
	to->size = from->size;

	return 0;
}

int sp_srtp_out_alloc(struct sp_srtp_out **sp, const uint8_t key[SP_SRTP_KEY_SIZE],
		      const struct sp_srtp_out *like)
{
	struct sp_srtp_out *s;
	int err = 0;

	if (!sp || !key)
		return EINVAL;

	s = mem_zalloc(sizeof(*s), out_destructor);
	if (!s)
		return ENOMEM;

	s->secret = srtp_secret_alloc(key);
	if (!s->secret)
		err = ENOMEM;

	/* Runs that are under way go on as they are, and SRTCP's index does (3.4:
	 * "after a re-key, the SRTCP index MUST NOT be reset to zero again"). */
	if (like && !err) {
		err = table_copy(&s->rtp_table, &like->rtp_table, sizeof(struct srtp_out_row));
		if (!err)
			err = table_copy(&s->rtcp_table, &like->rtcp_table,
					 sizeof(struct srtcp_out_row));
	}

	if (err)
		mem_deref(s);
	else
		*sp = s;

	return err;
}

const uint8_t *sp_srtp_out_key(const struct sp_srtp_out *s)
{
	return s ? s->secret->master : NULL;
}

static int keys_ready(struct sp_srtp_out *s, struct srtp_keys *k)
{
	return k->aes ? 0 : srtp_keys_derive(k, s->secret->master, k == &s->secret->rtcp);
}

/* ---- indexes ---- */

/*
 * Another run begins. A receiver takes the next sequence numbers, half of them all,
 * for new ones (appendix A): where the run's are among them they stay.
 */
static void run_begin(struct srtp_out_row *row, const struct sp_srtp_place *place, bool first)
{
	const int64_t index = (int64_t)place->index, high = (int64_t)row->window.high;
	const uint16_t ahead = (uint16_t)(index - high);

	row->run = place->run;
	if (first) {
		row->floor = -1;
		row->delta = -(index & ~INT64_C(0xffff));
		return;
	}

	row->floor = high;
	row->delta = high - index + (ahead && ahead < 0x8000 ? ahead : 1);
}

/* Index of a packet under our key. @return 0, EALREADY, EKEYEXPIRED, EOVERFLOW, ENOMEM */
static int index_take(uint64_t *index, struct sp_srtp_out *s, const struct sp_srtp_place *place)
{
	struct srtp_out_row *row;
	int64_t next;
	int err;

	if (place->index >= SRTP_INDEXES)
		return EKEYEXPIRED;

	row = srtp_table_find(&s->rtp_table, sizeof(*row), place->ssrc);
	if (!row) {
		void *added;

		err = srtp_table_add(&s->rtp_table, sizeof(*row), place->ssrc, &added);
		if (err)
			return err;
		row = added;
		run_begin(row, place, true);
	} else if (row->run != place->run ||
		   (int64_t)place->index + row->delta >= (int64_t)row->window.high + 0x8000) {
		/* another one, or the same after a gap that no receiver follows */
		run_begin(row, place, false);
	}

	next = (int64_t)place->index + row->delta;
	if (next <= row->floor)
		return EALREADY;
	if ((uint64_t)next >= SRTP_INDEXES)
		return EKEYEXPIRED;
	if (srtp_window_look(&row->window, (uint64_t)next))
		return EALREADY;

	srtp_window_set(&row->window, (uint64_t)next);
	*index = (uint64_t)next;

	return 0;
}

/* ---- packets ---- */

static int protect_rtp(struct sp_srtp_out *s, uint8_t *buf, size_t *len,
		       const struct sp_srtp_place *place)
{
	const size_t head = srtp_rtp_head(buf, *len, 0);
	struct srtp_mac mac;
	uint64_t index;
	int err;

	if (!head || srtp_get32(buf + 8) != place->ssrc ||
	    srtp_get16(buf + 2) != (uint16_t)place->index)
		return EBADMSG;

	err = keys_ready(s, &s->secret->rtp);
	if (!err)
		err = index_take(&index, s, place);
	if (err)
		return err;

	buf[2] = (uint8_t)(index >> 8);
	buf[3] = (uint8_t)index;
	err = srtp_keys_crypt(&s->secret->rtp, place->ssrc, index, buf + head, *len - head);
	if (err)
		return err;

	srtp_mac_begin(&mac, &s->secret->rtp, buf, *len, true);
	srtp_mac_tag(&mac, &s->secret->rtp, (uint32_t)(index >> 16), buf + *len);
	*len += SRTP_TAG;

	return 0;
}

static int protect_rtcp(struct sp_srtp_out *s, uint8_t *buf, size_t *len)
{
	struct srtcp_out_row *row;
	struct srtp_mac mac;
	uint32_t ssrc;
	void *added;
	int err;

	if (!srtp_rtcp_ok(buf, *len, 0))
		return EBADMSG;

	err = keys_ready(s, &s->secret->rtcp);
	if (err)
		return err;

	ssrc = srtp_get32(buf + 4);
	row = srtp_table_find(&s->rtcp_table, sizeof(*row), ssrc);
	if (!row) {
		err = srtp_table_add(&s->rtcp_table, sizeof(*row), ssrc, &added);
		if (err)
			return err;
		row = added;
	}
	if (row->next >= SRTCP_INDEXES)
		return EKEYEXPIRED;

	err = srtp_keys_crypt(&s->secret->rtcp, ssrc, row->next, buf + SRTCP_HEADER,
			      *len - SRTCP_HEADER);
	srtp_put32(buf + *len, 0x80000000u | row->next++);
	if (err)
		return err;

	*len += SRTCP_INDEX;
	srtp_mac_begin(&mac, &s->secret->rtcp, buf, *len, false);
	srtp_mac_tag(&mac, &s->secret->rtcp, 0, buf + *len);
	*len += SRTP_TAG;

	return 0;
}

int sp_srtp_protect(struct sp_srtp_out *s, uint8_t *buf, size_t *len, bool rtcp,
		    const struct sp_srtp_place *place)
{
	return rtcp ? protect_rtcp(s, buf, len) : protect_rtp(s, buf, len, place);
}
