/* SPDX-License-Identifier: BSD-3-Clause
 *
 * After a key was freed nothing of it is left in the process: neither the
 * master key nor what was derived from it.
 */
#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "unit/srtp_fixture.h"

enum {
	MASK = 0xa5,        /* the test keeps what it looks for in disguise */
	LARGEST = 64 << 20, /* octets of a mapping that is read: not the sanitizer's shadow */
	CHUNK = 64 << 10,
	SECRET_MAX = 32,
	DEEP = 64 << 10, /* octets of stack below the test that it leaves alone */
};

/* Octets that must go. */
struct secret {
	const char *name;
	size_t kept; /* how often two objects have it while they are in use */
	size_t len;
	uint8_t masked[SECRET_MAX];
};

static struct secret secrets[16];
static size_t count;

static void secret_add(const char *name, size_t kept, const void *p, size_t len)
{
	struct secret *s = &secrets[count++];

	s->name = name;
	s->kept = kept;
	s->len = len;
	for (size_t i = 0; i < len; i++)
		s->masked[i] = ((const uint8_t *)p)[i] ^ MASK;
}

static size_t secret_count(const struct secret *s, const uint8_t *p, size_t n)
{
	size_t found = 0, i, k;

	for (i = 0; i + s->len <= n; i++) {
		for (k = 0; k < s->len && (p[i + k] ^ MASK) == s->masked[k]; k++)
			;
		found += k == s->len;
	}

	return found;
}

/* How often it stands in one mapping. It is read through the kernel, so that the sanitizer
 * has no say in what is freed. */
static size_t mapping_count(int fd, uintptr_t from, uintptr_t to, const struct secret *s)
{
	static uint8_t buf[CHUNK + SECRET_MAX];
	const uintptr_t own = (uintptr_t)buf;
	size_t found = 0;

	for (uintptr_t at = from; at < to; at += CHUNK) {
		const size_t want = min((size_t)(to - at), CHUNK + s->len - 1);
		ssize_t n;

		if (at < own + sizeof(buf) && own < at + want) { /* what was read before */
			memset(buf, 0, sizeof(buf));
			n = pread(fd, buf, want, (off_t)at);
			memset(buf, 0, sizeof(buf));
			continue;
		}
		n = pread(fd, buf, want, (off_t)at);
		if (n > 0)
			found += secret_count(s, buf, (size_t)n);
	}
	memset(buf, 0, sizeof(buf));

	return found;
}

static size_t process_count(const struct secret *s)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int fd = open("/proc/self/mem", O_RDONLY);
	char line[512];
	size_t found = 0;

	assert_true(maps && fd >= 0);
	while (fgets(line, sizeof(line), maps)) {
		uintptr_t from, to;
		char mode[8];

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &from, &to, mode) == 3 &&
		    mode[0] == 'r' && mode[1] == 'w' && to - from <= LARGEST)
			found += mapping_count(fd, from, to, s);
	}
	(void)fclose(maps);
	(void)close(fd);

	return found;
}

static void pad_add(const char *name, const uint8_t *key, uint8_t with)
{
	uint8_t pad[SRTP_AUTH_KEY];

	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] = key[i] ^ with;
	secret_add(name, 0, pad, sizeof(pad));
	OPENSSL_cleanse(pad, sizeof(pad));
}

/* What is derived for RTP, or RTCP: the key schedule begins with its key. */
static void secrets_of(const struct ref_keys *ref)
{
	struct srtp_keys *k = calloc(1, sizeof(*k));
	uint64_t salt;

	secret_add("cipher key", 2, ref->cipher, sizeof(ref->cipher));
	secret_add("auth key", 0, ref->auth, sizeof(ref->auth));
	pad_add("auth key XOR ipad", ref->auth, 0x36);
	pad_add("auth key XOR opad", ref->auth, 0x5c);
	secret_add("salt", 0, ref->salt, sizeof(ref->salt));
	memcpy(&salt, ref->salt, sizeof(salt));
	salt = be64toh(salt);
	secret_add("salt as it is kept", 2, &salt, sizeof(salt));
	salt = 0;

	srtp_mac_key(k, ref->auth);
	secret_add("outer state of HMAC", 2, k->outer, sizeof(k->outer));
	srtp_keys_wipe(k);
	free(k);
}

/* What the keys of a master key are, by the reference. */
static void secrets_init(void)
{
	struct ref *ref = calloc(1, sizeof(*ref));
	uint8_t *key = calloc(1, SP_SRTP_KEY_SIZE);

	sp_random(key, SP_SRTP_KEY_SIZE);
	ref_init(ref, key);
	secret_add("master key", 2, key, SP_SRTP_KEY_SIZE);
	secrets_of(&ref->rtp);
	secrets_of(&ref->rtcp);
	OPENSSL_cleanse(ref, sizeof(*ref));
	OPENSSL_cleanse(key, SP_SRTP_KEY_SIZE);
	free(ref);
	free(key);
}

static void master_key(uint8_t key[SP_SRTP_KEY_SIZE])
{
	for (size_t i = 0; i < SP_SRTP_KEY_SIZE; i++)
		key[i] = secrets[0].masked[i] ^ MASK;
}

struct pair {
	struct sp_srtp_in *in;
	struct sp_srtp_out *out;
	struct srtp_keys keys[2];
};

/* Derive only: no packet writes over what that leaves on the stack. */
static void pair_derive(struct pair *p)
{
	uint8_t key[SP_SRTP_KEY_SIZE];

	master_key(key);
	assert_int_equal(srtp_keys_derive(&p->keys[0], key, false), 0);
	assert_int_equal(srtp_keys_derive(&p->keys[1], key, true), 0);
	OPENSSL_cleanse(key, sizeof(key));
}

static void pair_new(struct pair *p)
{
	struct sp_srtp_params params = {.mki = 0};

	master_key(params.key);
	assert_int_equal(sp_srtp_in_alloc(&p->in, &params), 0);
	assert_int_equal(sp_srtp_out_alloc(&p->out, params.key, NULL), 0);
	OPENSSL_cleanse(&params, sizeof(params));
}

/* RTP and RTCP through both. */
static void pair_use(struct pair *p)
{
	for (uint16_t i = 0; i < 20; i++) {
		struct sp_srtp_place place = place_of(i, 1, i);
		uint8_t buf[BUF];
		size_t n = i % 2 ? ref_rtcp(buf, i, 1) : ref_rtp(buf, i, i, 8u * i);

		assert_int_equal(sp_srtp_protect(p->out, buf, &n, i % 2, &place), 0);
		assert_int_equal(sp_srtp_unprotect(p->in, buf, &n, i % 2, 0, false, &place), 0);
	}
}

static void pair_free(struct pair *p)
{
	p->in = mem_deref(p->in);
	p->out = mem_deref(p->out);
}

/* Run it so far down the stack that what it leaves there is not written over by chance. */
static void deep(void (*fn)(struct pair *), struct pair *p)
{
	volatile uint8_t pad[DEEP];

	pad[0] = 1;
	fn(p);
	assert_int_equal(pad[0], 1);
}

static void all_gone(void)
{
	for (size_t i = 0; i < count; i++) {
		if (process_count(&secrets[i]))
			fail_msg("%s is still there", secrets[i].name);
	}
}

static void test_derived(void **state)
{
	static struct pair p;
	(void)state;

	deep(pair_derive, &p);
	for (size_t i = 0; i < count; i++) {
		if (!secrets[i].kept && process_count(&secrets[i]))
			fail_msg("%s was left on the stack", secrets[i].name);
	}
	srtp_keys_wipe(&p.keys[0]);
	srtp_keys_wipe(&p.keys[1]);
	all_gone();
}

static void test_wiped(void **state)
{
	static struct pair p;
	(void)state;

	deep(pair_new, &p);
	deep(pair_use, &p);
	for (size_t i = 0; i < count; i++) { /* in the objects and nowhere else */
		if (process_count(&secrets[i]) != secrets[i].kept)
			fail_msg("%s is not there as often as it should", secrets[i].name);
	}
	deep(pair_free, &p);
	all_gone();
}

/* Once with another key: where functions are bound at their first call the dynamic linker
 * leaves the processor's registers on the stack. */
static void warm_up(void)
{
	struct pair p = {.in = in_new(b3_master), .out = out_new(b3_master, NULL)};

	pair_use(&p);
	pair_free(&p);
}

static int setup(void **state)
{
	(void)state;
	warm_up();
	secrets_init();

	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derived),
		cmocka_unit_test(test_wiped),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
