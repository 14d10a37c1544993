/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/body: what goes on of a message's body. A description is always written
 * anew; beside it, in a multipart body (RFC 5621), a caller's location and the
 * like go on as they are.
 */
#include <string.h>

#include "call_priv.h"

static const char type_sdp[] = "application/sdp";

bool body_has_sdp(const struct sp_sip_msg *m)
{
	struct sp_sip_part part;

	return 0 == sp_sip_part_find(&part, m, type_sdp);
}

static bool is_multipart(const struct sp_sip_msg *m)
{
	static const char multipart[] = "multipart/";

	return m && m->body.l && m->content_type.l > sizeof(multipart) &&
	       0 == strncasecmp(m->content_type.p, multipart, sizeof(multipart) - 1);
}

bool body_readable(const struct sp_sip_msg *m)
{
	struct sp_sip_part part;
	int err = sp_sip_part_find(&part, m, type_sdp);

	return 0 == m->body.l || 0 == err || (ENOENT == err && is_multipart(m) && !part.count);
}

/** A description alone. */
static int plain(struct body *b, const struct mbuf *sdp)
{
	if (!sdp)
		return 0;
	(void)str_ncpy(b->type, type_sdp, sizeof(b->type));
	b->mb = mem_ref((void *)(uintptr_t)sdp);
	return 0;
}

/**
 * A multipart body with sdp in its description's place, or without the
 * description. @return ENOENT: nothing but the description is, or may go, in it
 */
static int parts(struct body *b, const struct sp_sip_msg *orig, const struct mbuf *sdp)
{
	struct sp_sip_part part;
	int err = sp_sip_part_find(&part, orig, type_sdp);

	if (part.count > 1 || (ENOENT == err && (sdp || part.count)))
		return ENOENT; /* further descriptions would name the other side's network */
	if (err && ENOENT != err)
		return EBADMSG;
	if (orig->content_type.l >= sizeof(b->type)) /* pl_strcpy() would cut it */
		return EBADMSG;
	(void)pl_strcpy(&orig->content_type, b->type, sizeof(b->type));
	b->mb = sp_mbuf_secret(orig->body.l + 1024);
	if (!b->mb)
		return ENOMEM;
	return err ? mbuf_write_pl(b->mb, &orig->body)
		   : sp_sip_part_replace(b->mb, orig, &part, sdp);
}

int body_make(struct body *b, const struct sp_sip_msg *orig, const struct mbuf *sdp)
{
	int err;

	memset(b, 0, sizeof(*b));
	b->described = sdp != NULL;
	if (!is_multipart(orig))
		return plain(b, sdp);
	err = parts(b, orig, sdp);
	if (err)
		body_clear(b);
	return ENOENT == err ? plain(b, sdp) : err;
}

void body_clear(struct body *b)
{
	b->mb = mem_deref(b->mb);
	b->type[0] = '\0';
	b->described = false;
}
