/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sdp/sdes: the value of a=crypto (RFC 4568 4, 6 and 9), read strictly. Only
 * AES_CM_128_HMAC_SHA1_80 with one key and, but for an MKI, SRTP's defaults is
 * usable: whatever would change the packets on the wire and is not done here is
 * refused rather than ignored.
 */
#include <string.h>
#include <sallyport/base_util.h>
#include "sdp_priv.h"

static const char suite_name[] = "AES_CM_128_HMAC_SHA1_80";

enum {
	KEY_CHARS = SP_SDES_KEY_TEXT - 1,
	LIFETIME_POWER = 48, /* packets under one key (RFC 3711 9.2) */
	MKI_OCTETS = 128,    /* RFC 4568 6.1 */
	WSH_MIN = 64,        /* RFC 4568 6.3.7 */
	WSH_MAX = 65535
};

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/';
}

/** Digits without a leading zero. sp_u32() is for what fits 32 bits. */
static bool read_number(uint64_t *v, const struct pl *text, uint64_t max)
{
	uint64_t n = 0;

	if (!text->l || (text->l > 1 && text->p[0] == '0'))
		return false;

	for (size_t i = 0; i < text->l; ++i) {
		const uint64_t digit = (uint64_t)(text->p[i] - '0');

		if (text->p[i] < '0' || text->p[i] > '9' || n > (max - digit) / 10)
			return false;
		n = 10 * n + digit;
	}

	*v = n;
	return true;
}

/** "2^31" or a number of packets. */
static bool read_lifetime(uint64_t *v, const struct pl *text)
{
	struct pl power;
	uint64_t n;

	if (text->l <= 2 || memcmp(text->p, "2^", 2))
		return read_number(v, text, UINT64_C(1) << LIFETIME_POWER) && *v;

	power.p = text->p + 2;
	power.l = text->l - 2;
	if (!read_number(&n, &power, LIFETIME_POWER))
		return false;

	*v = UINT64_C(1) << n;
	return true;
}

/** "<value>:<length>": the value in that many octets, the first sent first. */
static bool read_mki(struct sp_sdes *sdes, const struct pl *text)
{
	const char *colon = memchr(text->p, ':', text->l);
	struct pl value, length;
	uint64_t octets, max;

	if (!colon)
		return false;

	value.p = text->p;
	value.l = (size_t)(colon - text->p);
	length.p = colon + 1;
	length.l = text->l - value.l - 1;

	if (!read_number(&octets, &length, MKI_OCTETS) || !octets)
		return false;

	max = octets < sizeof(max) ? (UINT64_C(1) << 8 * octets) - 1 : UINT64_MAX;
	if (!read_number(&sdes->mki, &value, max) || !sdes->mki)
		return false;

	sdes->mki_len = (uint8_t)octets;
	return true;
}

/** Take "|..." off rest, up to the next "|" or the end. */
static bool next_field(struct pl *field, struct pl *rest)
{
	const char *end;

	if (!rest->l || rest->p[0] != '|')
		return false;

	field->p = rest->p + 1;
	field->l = rest->l - 1;
	end = memchr(field->p, '|', field->l);
	if (end)
		field->l = (size_t)(end - field->p);

	rest->l -= field->l + 1;
	rest->p += field->l + 1;
	return true;
}

/** [|<lifetime>][|<MKI>:<length>]; another key, after ";", is neither (RFC 4568 9.2). */
static bool read_info(struct sp_sdes *sdes, struct pl *rest)
{
	struct pl field;

	if (!rest->l)
		return true;
	if (!next_field(&field, rest))
		return false;

	if (!memchr(field.p, ':', field.l)) {
		if (!read_lifetime(&sdes->lifetime, &field))
			return false;
		if (!rest->l)
			return true;
		if (!next_field(&field, rest))
			return false;
	}

	return read_mki(sdes, &field) && !rest->l;
}

/** inline:<key>[|<lifetime>][|<MKI>:<length>] (RFC 4568 6.1) */
static bool read_key(struct sp_sdes *sdes, const struct pl *params)
{
	static const struct pl method = PL("inline:");
	struct pl head = {params->p, method.l}, rest;
	const char *text = params->p + method.l;
	size_t n = SP_SDES_KEY_SIZE;

	if (params->l < method.l + KEY_CHARS || pl_casecmp(&head, &method))
		return false;

	for (size_t i = 0; i < KEY_CHARS; ++i) {
		if (!is_base64(text[i]))
			return false;
	}

	rest.p = text + KEY_CHARS;
	rest.l = params->l - method.l - KEY_CHARS;
	if (!read_info(sdes, &rest))
		return false;

	return !base64_decode(text, KEY_CHARS, sdes->key, &n) && n == SP_SDES_KEY_SIZE;
}

/** The number after "NAME="; false when param is something else. */
static bool read_param(uint32_t *v, const struct pl *param, const char *name, uint32_t max)
{
	struct pl head = {param->p, strlen(name)}, number;

	if (param->l <= head.l || pl_strcasecmp(&head, name))
		return false;

	number.p = param->p + head.l;
	number.l = param->l - head.l;

	return !sp_u32(v, &number, max);
}

/**
 * Session parameters that leave SRTP as it is: a key derivation rate of 0, a
 * window hint, and what the sender marks as optional with "-". UNENCRYPTED_SRTP
 * and its kin fall through like every other.
 */
static bool param_ok(const struct pl *param)
{
	uint32_t v;

	if (param->p[0] == '-')
		return param->l > 1;
	if (read_param(&v, param, "KDR=", 24))
		return v == 0;
	if (read_param(&v, param, "WSH=", WSH_MAX))
		return v >= WSH_MIN;

	return false;
}

int sp_sdes_decode(struct sp_sdes *sdes, const struct pl *value)
{
	struct pl rest, tag, suite, word;
	struct sp_sdes out = {0};
	int err = 0;

	if (!sdes || !value || !value->p)
		return EINVAL;

	rest = *value;
	if (!sp_sdp_word(&tag, &rest) || !sp_sdp_word(&suite, &rest))
		return EBADMSG;

	/* an answer repeats the tag, and "01" would come back as "1" */
	if (sp_u32(&out.tag, &tag, SDES_TAG_MAX) || (tag.l > 1 && tag.p[0] == '0'))
		return EBADMSG;

	if (pl_strcasecmp(&suite, suite_name))
		return ENOTSUP;

	if (!sp_sdp_word(&word, &rest) || !read_key(&out, &word)) {
		err = EPROTO;
		goto out;
	}

	while (sp_sdp_word(&word, &rest)) {
		if (!param_ok(&word)) {
			err = EPROTO;
			goto out;
		}
	}

	*sdes = out;

out:
	explicit_bzero(&out, sizeof(out));
	return err;
}

int sp_sdes_encode(struct mbuf *mb, const struct sp_sdes *sdes)
{
	char text[SP_SDES_KEY_TEXT] = "";
	size_t n = KEY_CHARS;
	int err;

	if (!mb || !sdes || sdes->tag > SDES_TAG_MAX)
		return EINVAL;

	err = base64_encode(sdes->key, sizeof(sdes->key), text, &n);
	if (!err)
		err = mbuf_printf(mb, "%u %s inline:%s", sdes->tag, suite_name, text);

	explicit_bzero(text, sizeof(text));
	return err;
}
