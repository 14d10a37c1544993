/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/message: looking things up in a parsed message, writing header lines,
 * reason phrases.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "parse_priv.h"

const struct sp_sip_hdr *sp_sip_msg_next(const struct sp_sip_msg *m, enum sp_sip_id id,
					 const struct sp_sip_hdr *after)
{
	if (!m)
		return NULL;

	for (const struct sp_sip_hdr *h = after ? after + 1 : m->hdrv; h < m->hdrv + m->hdrc; h++) {
		if (h->id == id)
			return h;
	}

	return NULL;
}

const struct sp_sip_hdr *sp_sip_msg_named(const struct sp_sip_msg *m, const char *name)
{
	const struct sp_sip_name *known;
	struct pl wanted;

	if (!m || !name)
		return NULL;

	pl_set_str(&wanted, name);
	known = sp_sip_name_find(&wanted);
	if (known && known->id != SP_HDR_OTHER)
		return sp_sip_msg_next(m, known->id, NULL);

	for (size_t i = 0; i < m->hdrc; i++) {
		const struct sp_sip_hdr *h = &m->hdrv[i];

		if (!pl_casecmp(&h->name, &wanted))
			return h;
		/* The other form of the same name. */
		if (known && known->compact && h->id == SP_HDR_OTHER &&
		    (h->name.l == 1 || h->name.l == known->len) &&
		    sp_sip_name_find(&h->name) == known)
			return h;
	}

	return NULL;
}

bool sp_sip_msg_lists(const struct sp_sip_msg *m, enum sp_sip_id id, const char *token)
{
	const struct sp_sip_hdr *h = NULL;
	struct pl value;

	if (!token)
		return false;

	while ((h = sp_sip_msg_next(m, id, h))) {
		struct pl rest = h->value;

		while (sp_sip_list_next(&value, &rest)) {
			if (!pl_strcasecmp(&value, token))
				return true;
		}
	}

	return false;
}

/* The line is made in place and checked there: one that would break out, or
 * does not fit, is taken back, and no memory beside mb's is needed. */
int sp_sip_put(struct mbuf *mb, const char *name, const char *fmt, ...)
{
	const size_t pos = mb ? mb->pos : 0, end = mb ? mb->end : 0;
	struct pl pl;
	va_list ap;
	int err;

	if (!mb || !name || !fmt)
		return EINVAL;

	pl_set_str(&pl, name);
	if (!sp_sip_is_token(&pl))
		return EBADMSG;

	err = mbuf_printf(mb, "%s: ", name);
	if (err)
		goto out;

	va_start(ap, fmt);
	err = mbuf_vprintf(mb, fmt, ap);
	va_end(ap);
	if (err)
		goto out;

	pl.p = (const char *)mb->buf + pos;
	pl.l = mb->pos - pos;
	err = sp_sip_printable(&pl) ? mbuf_write_str(mb, "\r\n") : EBADMSG;

out:
	if (err) {
		mb->pos = pos;
		mb->end = end;
	}

	return err;
}

/* %H handler: text inside a quoted-string. */
static int quoted_print(struct re_printf *pf, void *arg)
{
	int err = 0;

	for (const char *text = arg; *text && !err; text++) {
		if (*text == '"' || *text == '\\')
			err = pf->vph("\\", 1, pf->arg);
		if (!err)
			err = pf->vph(text, 1, pf->arg);
	}

	return err;
}

int sp_sip_put_warning(struct mbuf *mb, const char *host, const char *text)
{
	if (!host || !text)
		return EINVAL;

	return sp_sip_put(mb, "Warning", "399 %s \"%H\"", host, quoted_print, text);
}
