/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A certificate in DER -> the names it shows. Whatever comes in, what comes
 * out are plain host names, safe to compare and to log, and not too many.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/tls/tls_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_text(const char *text)
{
	for (; *text; ++text)
		require((unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned char *p = data;
	X509 *x = d2i_X509(NULL, &p, (long)size);
	struct sp_tls_names *names = NULL;
	char text[2048];

	if (!x)
		return 0;

	require(!sp_tls_names_alloc(&names, x));
	require(sp_tls_names_count(names) <= SP_TLS_NAMES_MAX);
	for (size_t i = 0; i < sp_tls_names_count(names); ++i) {
		const char *name = sp_tls_names_at(names, i);

		require(sp_tls_name_ok(name, strlen(name), true));
		require(sp_tls_names_show(names, name, false));
	}

	(void)re_snprintf(text, sizeof(text), "%H", sp_tls_names_print, names);
	check_text(text);
	(void)re_snprintf(text, sizeof(text), "%H", sp_tls_subject_print, x);
	check_text(text);

	mem_deref(names);
	X509_free(x);
	return 0;
}
