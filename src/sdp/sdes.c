/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sdp/sdes: the value of a=crypto (RFC 4568 4, 6 and 9), read strictly. Only
 * AES_CM_128_HMAC_SHA1_80 with one key, no MKI and SRTP's defaults is usable:
 * whatever would change the packets on the wire and is not done here is refused
 * rather than ignored.
 */
#include <string.h>
#include <sallyport/base_util.h>
#include "sdp_priv.h"

static const char suite_name[] = "AES_CM_128_HMAC_SHA1_80";

enum {
	KEY_CHARS = SP_SDES_KEY_TEXT - 1,
	LIFETIME_POWER = 48,  /* packets under one key (RFC 3711 9.2) */
	LIFETIME_DIGITS = 15, /* of 2^48 in decimal */
	WSH_MIN = 64,         /* RFC 4568 6.3.7 */
	WSH_MAX = 65535
};

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/';
}

/** "2^31" or a number of packets; its value does not matter, keys live for a call. */
static bool lifetime_ok(const struct pl *text)
{
	struct pl power;
	uint64_t v = 0;
	uint32_t n;

	if (text->l > 2 && !memcmp(text->p, "2^", 2)) {
		power.p = text->p + 2;
		power.l = text->l - 2;
		return !sp_u32(&n, &power, LIFETIME_POWER);
	}

	if (!text->l || text->l > LIFETIME_DIGITS)
		return false;

	for (size_t i = 0; i < text->l; ++i) {
		if (text->p[i] < '0' || text->p[i] > '9')
			return false;
		v = 10 * v + (uint64_t)(text->p[i] - '0');
	}

	return v > 0 && v <= UINT64_C(1) << LIFETIME_POWER;
}

/**
 * inline:<key>[|<lifetime>]. What follows a second "|" is an MKI, and so is a
 * first with a colon; several keys, parted by ";", need one.
 */
static bool read_key(uint8_t *key, const struct pl *params)
{
	static const struct pl method = PL("inline:");
	struct pl head = {params->p, method.l}, lifetime;
	const char *text = params->p + method.l;
	size_t left, n = SP_SDES_KEY_SIZE;

	if (params->l < method.l + KEY_CHARS || pl_casecmp(&head, &method))
		return false;

	for (size_t i = 0; i < KEY_CHARS; ++i) {
		if (!is_base64(text[i]))
			return false;
	}

	left = params->l - method.l - KEY_CHARS;
	if (left) {
		lifetime.p = text + KEY_CHARS + 1;
		lifetime.l = left - 1;
		if (text[KEY_CHARS] != '|' || !lifetime_ok(&lifetime))
			return false;
	}

	return !base64_decode(text, KEY_CHARS, key, &n) && n == SP_SDES_KEY_SIZE;
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
	struct sp_sdes out;
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

	if (!sp_sdp_word(&word, &rest) || !read_key(out.key, &word)) {
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
