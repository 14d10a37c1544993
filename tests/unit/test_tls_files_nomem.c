/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/check, roots, context, dates with memory running out: each allocation
 * fails in turn, alone or with those that follow. A file is read whole or it is
 * said that there is no memory: no file is called bad that is good, and no chain,
 * bundle or list of dates is used that has lost a part.
 */
#include "alloc_fault.h"

#include <openssl/crypto.h>
#include "sallyport/tls_check.h"
#include "tls_fixture.h"

enum { FOREVER = 1 << 30, STRIDE = 97, CERTS = 2 };

static const unsigned lengths[] = {1, 8, FOREVER};

struct files {
	struct fix_dir dir;
	const char *chain, *key, *bundle;
	unsigned first, length;
	bool (*read)(const struct files *f); /* false: there was no memory */
	unsigned cases, well;
};

static bool check_pair(const struct files *f)
{
	struct sp_tls_cert_info info;
	const int err = sp_tls_check_pair(f->chain, f->key, &info, NULL, NULL);

	assert_true(!err || err == ENOMEM);
	return !err;
}

static bool check_ca(const struct files *f)
{
	struct sp_tls_report silent = {.count = 0};
	X509_STORE *store = NULL;
	int err = sp_tls_ca_load(&store, f->bundle, &silent);

	if (!err)
		assert_int_equal(CERTS, sk_X509_OBJECT_num(X509_STORE_get0_objects(store)));
	X509_STORE_free(store);
	if (!err)
		err = sp_tls_check_ca(f->bundle, NULL, NULL);
	assert_true(!err || err == ENOMEM);
	return !err;
}

static void count_dated(const struct sp_tls_dated *d, void *arg)
{
	++*(unsigned *)arg;
	assert_true(d->until > 0);
}

static bool read_dates(const struct files *f)
{
	unsigned n = 0;
	const int err = sp_tls_dates(f->chain, count_dated, &n);

	assert_true(!err || err == ENOMEM);
	assert_true(err || n == CERTS);
	return !err;
}

/* What is shown to peers, and by what they are judged. */
static bool make_context(const struct files *f)
{
	const char *names[] = {"a.example"};
	const struct sp_tls_peer_conf conf = {
		.trunk = "a", .identityv = names, .identityc = 1, .ca = f->bundle};
	STACK_OF(X509) *chain = NULL;
	struct sp_tls_context *ctx = NULL;
	struct sp_tls_peer *peer = NULL;
	int err = sp_tls_peer_alloc(&peer, &conf, NULL, NULL);

	if (!err)
		err = sp_tls_server_alloc(&ctx, f->chain, f->key, &peer, 1, NULL, NULL);
	if (!err) {
		assert_int_equal(1, SSL_CTX_get0_chain_certs(ctx->ssl, &chain));
		assert_int_equal(CERTS - 1, sk_X509_num(chain));
	}
	assert_true(!err || err == ENOMEM);
	mem_deref(ctx);
	mem_deref(peer);
	return !err;
}

static void one_case(void *arg)
{
	struct files *f = arg;
	unsigned was;

	alloc_plan(f->first, f->length < FOREVER ? f->first + f->length - 1 : FOREVER);
	was = alloc_enter();
	f->well += f->read(f);
	alloc_leave(was);
	alloc_heal();
	f->cases++;
	OPENSSL_thread_stop(); /* its list of errors */
}

static void sweep(struct files *f, bool (*read)(const struct files *f))
{
	const unsigned step = getenv("SALLYPORT_LONG") ? 1 : STRIDE;
	unsigned count = 0;

	f->read = read;
	for (unsigned i = 0; i < 3; i++) { /* OpenSSL fills its own tables */
		f->first = 0;
		f->length = 1;
		one_case(f);
		count = alloc_state.count;
		alloc_forget_all();
	}
	assert_int_equal(3, f->well);
	assert_in_range(count, 10, 20000);
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		f->length = lengths[l];
		for (f->first = 1 + (unsigned)l; f->first <= count; f->first += step) {
			if (alloc_grows(one_case, f))
				fail_msg("allocation %u, %u of them: it leaks", f->first,
					 f->length);
		}
	}
	print_message("%u allocations, %u cases, %u went well all the same\n", count, f->cases,
		      f->well);
	f->cases = f->well = 0;
}

static void each_allocation(void **state)
{
	struct files f = {.first = 0};
	struct fix_cert ca = fix_make(&(struct fix_spec){.cn = "CA", .ca = true}, NULL);
	struct fix_cert other = fix_make(&(struct fix_spec){.cn = "Other", .ca = true}, NULL);
	struct fix_cert leaf =
		fix_make(&(struct fix_spec){.cn = "a.example", .san = "DNS:a.example"}, &ca);

	(void)state;
	fix_dir_make(&f.dir);
	f.chain = fix_write_cert(&f.dir, "chain.crt", leaf.x, ca.x);
	f.bundle = fix_write_cert(&f.dir, "bundle.crt", ca.x, other.x);
	f.key = fix_write_key(&f.dir, "a.key", leaf.key, NULL);
	sweep(&f, check_pair);
	sweep(&f, check_ca);
	sweep(&f, read_dates);
	sweep(&f, make_context);
	fix_free(&ca);
	fix_free(&other);
	fix_free(&leaf);
	fix_dir_remove(&f.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
