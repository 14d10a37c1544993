/* SPDX-License-Identifier: BSD-3-Clause
 *
 * a=crypto (RFC 4568): what is read, what is refused and why, what is written.
 */
#include "unit/sdp_offers.h"

#define OURS "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY

struct sdes_case {
	const char *value;
	int err;
	uint32_t tag;
};

static const struct sdes_case casev[] = {
	/* RFC 4568 9.1: tag = 1*9DIGIT */
	{OURS, 0, 1},
	{"0 AES_CM_128_HMAC_SHA1_80 inline:" KEY, 0, 0},
	{"999999999 AES_CM_128_HMAC_SHA1_80 inline:" KEY, 0, 999999999},
	{"1000000000 AES_CM_128_HMAC_SHA1_80 inline:" KEY, EBADMSG, 0},
	{"4294967297 AES_CM_128_HMAC_SHA1_80 inline:" KEY, EBADMSG, 0},
	{"01 AES_CM_128_HMAC_SHA1_80 inline:" KEY, EBADMSG, 0},
	{"-1 AES_CM_128_HMAC_SHA1_80 inline:" KEY, EBADMSG, 0},
	{"x AES_CM_128_HMAC_SHA1_80 inline:" KEY, EBADMSG, 0},
	{"", EBADMSG, 0},
	{"1", EBADMSG, 0},
	{"  1  AES_CM_128_HMAC_SHA1_80\tinline:" KEY " ", 0, 1},
	{"1 aes_cm_128_hmac_sha1_80 INLINE:" KEY, 0, 1},

	/* RFC 4568 6.2: other suites */
	{"1 AES_CM_128_HMAC_SHA1_32 inline:" KEY, ENOTSUP, 0},
	{"1 F8_128_HMAC_SHA1_80 inline:" KEY, ENOTSUP, 0},
	{"1 AEAD_AES_256_GCM inline:" KEY, ENOTSUP, 0},
	{"1 AES_CM_128_HMAC_SHA1_80x inline:" KEY, ENOTSUP, 0},
	{"1 AES_CM_128_HMAC_SHA1_8 inline:" KEY, ENOTSUP, 0},
	{"1 NULL", ENOTSUP, 0},

	/* RFC 4568 6.1: the key */
	{"1 AES_CM_128_HMAC_SHA1_80", EPROTO, 0},
	{"1 AES_CM_128_HMAC_SHA1_80 " KEY, EPROTO, 0},
	{"1 AES_CM_128_HMAC_SHA1_80 inline:", EPROTO, 0},
	{"1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw", EPROTO, 0},
	{OURS "A", EPROTO, 0},
	{OURS "AA==", EPROTO, 0},
	{"1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw=", EPROTO, 0},
	{"1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGx-_", EPROTO, 0},
	{"1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoL DA0ODxAREhMUFRYXGBkaGxwd", EPROTO, 0},
	{"1 AES_CM_128_HMAC_SHA1_80 uri:" KEY, EPROTO, 0},

	/* lifetime */
	{OURS "|2^49", EPROTO, 0},
	{OURS "|2^", EPROTO, 0},
	{OURS "|2^-1", EPROTO, 0},
	{OURS "|3^5", EPROTO, 0},
	{OURS "|281474976710657", EPROTO, 0},
	{OURS "|18446744073709551617", EPROTO, 0},
	{OURS "|0", EPROTO, 0},
	{OURS "|01", EPROTO, 0},
	{OURS "|2^031", EPROTO, 0},
	{OURS "|2 ^31", EPROTO, 0},
	{OURS "|2^31|", EPROTO, 0},
	{OURS "||", EPROTO, 0},
	{OURS "|", EPROTO, 0},
	{OURS "|2^20|2^20", EPROTO, 0},
	{OURS ":2^20", EPROTO, 0},

	/* MKI (RFC 4568 6.1, 9.2): a positive number that fits into its octets */
	{OURS "|256:1", EPROTO, 0},
	{OURS "|65536:2", EPROTO, 0},
	{OURS "|72057594037927936:7", EPROTO, 0},
	{OURS "|18446744073709551616:8", EPROTO, 0},
	{OURS "|18446744073709551616:128", EPROTO, 0},
	{OURS "|99999999999999999999:128", EPROTO, 0},
	{OURS "|1:129", EPROTO, 0},
	{OURS "|1:257", EPROTO, 0},
	{OURS "|1:0", EPROTO, 0},
	{OURS "|0:1", EPROTO, 0},
	{OURS "|01:1", EPROTO, 0},
	{OURS "|1:01", EPROTO, 0},
	{OURS "|1:", EPROTO, 0},
	{OURS "|:1", EPROTO, 0},
	{OURS "|:", EPROTO, 0},
	{OURS "|1:1:1", EPROTO, 0},
	{OURS "|-1:1", EPROTO, 0},
	{OURS "|x:1", EPROTO, 0},
	{OURS "|1:x", EPROTO, 0},
	{OURS "|1:1|2^31", EPROTO, 0},
	{OURS "|2^31|1:1|", EPROTO, 0},
	{OURS "|2^31|1:1|2:1", EPROTO, 0},
	{OURS "|1:1|2:1", EPROTO, 0},
	{OURS "1:1", EPROTO, 0},

	/* several keys */
	{OURS "|1:4;inline:" KEY "|2:4", EPROTO, 0},
	{OURS "|2^20|1:4;inline:" KEY "|2^20|2:4", EPROTO, 0},
	{OURS ";inline:" KEY, EPROTO, 0},
	{OURS ";", EPROTO, 0},

	/* RFC 4568 6.3: session parameters */
	{OURS " KDR=0", 0, 1},
	{OURS " KDR=1", EPROTO, 0},
	{OURS " KDR=24", EPROTO, 0},
	{OURS " KDR=", EPROTO, 0},
	{OURS " UNENCRYPTED_SRTP", EPROTO, 0},
	{OURS " UNENCRYPTED_SRTCP", EPROTO, 0},
	{OURS " UNAUTHENTICATED_SRTP", EPROTO, 0},
	{OURS " FEC_ORDER=FEC_SRTP", EPROTO, 0},
	{OURS " FEC_KEY=inline:" KEY, EPROTO, 0},
	{OURS " WSH=64", 0, 1},
	{OURS " WSH=128 KDR=0", 0, 1},
	{OURS " WSH=63", EPROTO, 0},
	{OURS " WSH=", EPROTO, 0},
	{OURS " WSH=99999999999", EPROTO, 0},
	{OURS " -vendor", 0, 1},
	{OURS " -vendor=1 WSH=64 -x", 0, 1},
	{OURS " -", EPROTO, 0},
	{OURS " vendor", EPROTO, 0},
	{OURS " -vendor UNENCRYPTED_SRTP", EPROTO, 0},
};

static void decodes_as_the_table_says(void **state)
{
	uint8_t key[SP_SDES_KEY_SIZE];
	(void)state;

	for (size_t i = 0; i < SP_SDES_KEY_SIZE; ++i)
		key[i] = (uint8_t)i;

	for (size_t i = 0; i < sizeof(casev) / sizeof(casev[0]); ++i) {
		struct sp_sdes sdes;
		struct pl value;
		int err;

		memset(&sdes, 0xee, sizeof(sdes));
		pl_set_str(&value, casev[i].value);
		err = sp_sdes_decode(&sdes, &value);
		if (err != casev[i].err)
			fail_msg("\"%s\": %d, expected %d", casev[i].value, err, casev[i].err);

		if (!err) {
			assert_int_equal(sdes.tag, casev[i].tag);
			assert_memory_equal(sdes.key, key, sizeof(key));
		} else {
			assert_int_equal(sdes.key[0], 0xee);
		}
	}
}

struct info_case {
	const char *value;
	uint64_t lifetime, mki;
	uint8_t mki_len;
};

/* what stands behind the key (RFC 4568 6.1) */
static const struct info_case infov[] = {
	{OURS, 0, 0, 0},
	{OURS " WSH=64", 0, 0, 0},
	{OURS "|2^31", UINT64_C(1) << 31, 0, 0},
	{OURS "|2^0", 1, 0, 0},
	{OURS "|2^48", UINT64_C(1) << 48, 0, 0},
	{OURS "|1048576", 1048576, 0, 0},
	{OURS "|1", 1, 0, 0},
	{OURS "|281474976710656", UINT64_C(1) << 48, 0, 0},
	{OURS "|1:1", 0, 1, 1},
	{OURS "|2^31|1:1", UINT64_C(1) << 31, 1, 1},
	{OURS "|1048576|66051:4", 1048576, 66051, 4},
	{OURS "|255:1", 0, 255, 1},
	{OURS "|65535:2", 0, 65535, 2},
	{OURS "|72057594037927935:7", 0, (UINT64_C(1) << 56) - 1, 7},
	{OURS "|18446744073709551615:8", 0, UINT64_MAX, 8},
	{OURS "|1:128", 0, 1, 128},
	{OURS "|2^31|1:1 WSH=64", UINT64_C(1) << 31, 1, 1},
};

static void keeps_lifetime_and_mki(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(infov) / sizeof(infov[0]); ++i) {
		struct sp_sdes sdes;
		struct pl value;

		memset(&sdes, 0xee, sizeof(sdes));
		pl_set_str(&value, infov[i].value);
		if (sp_sdes_decode(&sdes, &value))
			fail_msg("%s", infov[i].value);

		assert_int_equal(sdes.tag, 1);
		assert_int_equal(sdes.key[29], 29);
		assert_true(sdes.lifetime == infov[i].lifetime);
		assert_true(sdes.mki == infov[i].mki);
		assert_int_equal(sdes.mki_len, infov[i].mki_len);
	}
}

static void refuses_missing_arguments(void **state)
{
	struct sp_sdes sdes = {.tag = 1};
	struct pl none = PL_INIT;
	(void)state;

	assert_int_equal(sp_sdes_decode(NULL, &none), EINVAL);
	assert_int_equal(sp_sdes_decode(&sdes, &none), EINVAL);
	assert_int_equal(sp_sdes_encode(NULL, &sdes), EINVAL);
}

/** RFC 4568 6.1: base64 of all 30 bytes, without padding; what is written can be read. */
static void encodes_what_it_decodes(void **state)
{
	struct mbuf *mb = mbuf_alloc(128);
	(void)state;

	for (unsigned n = 0; n < 256; ++n) {
		struct sp_sdes in = {.tag = n * 3906249}, out;
		struct pl value;

		for (size_t i = 0; i < sizeof(in.key); ++i)
			in.key[i] = (uint8_t)(n + i * 31);

		mbuf_rewind(mb);
		assert_int_equal(sp_sdes_encode(mb, &in), 0);
		value.p = (const char *)mb->buf;
		value.l = mb->end;
		assert_int_equal(sp_sdes_decode(&out, &value), 0);
		assert_int_equal(out.tag, in.tag);
		assert_memory_equal(out.key, in.key, sizeof(in.key));
	}

	mem_deref(mb);
}

/** Lifetime and MKI are the peer's alone: ours are not said. */
static void encodes_to_the_byte(void **state)
{
	struct sp_sdes sdes = {.tag = 1, .lifetime = 1048576, .mki = 1, .mki_len = 1};
	struct mbuf *mb = mbuf_alloc(128);
	(void)state;

	for (size_t i = 0; i < sizeof(sdes.key); ++i)
		sdes.key[i] = (uint8_t)i;

	assert_int_equal(sp_sdes_encode(mb, &sdes), 0);
	assert_int_equal(mb->end, strlen(OURS));
	assert_memory_equal(mb->buf, OURS, strlen(OURS));

	/* a tag of ten digits is not one */
	sdes.tag = 1000000000;
	assert_int_equal(sp_sdes_encode(mb, &sdes), EINVAL);
	assert_int_equal(mb->end, strlen(OURS));

	mem_deref(mb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_as_the_table_says),
		cmocka_unit_test(keeps_lifetime_and_mki),
		cmocka_unit_test(refuses_missing_arguments),
		cmocka_unit_test(encodes_what_it_decodes),
		cmocka_unit_test(encodes_to_the_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
