/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as the user part of a URI, read by some trunk's numbering (the
 * first byte says whose). What comes out is E.164 or nothing; without settings
 * it is what number/ makes of it; and it can be written to the trunk again.
 */
#include <stdlib.h>
#include <string.h>

#include <sallyport/base_util.h>
#include <sallyport/number_build.h>
#include "../../src/call/route_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sp_conf_numbering plans[] = {
	{.country = NULL},
	{.country = "44", .national_prefix = "0", .international_prefix = "00"},
	{.country = "+1", .international_prefix = "011", .strip = "1"},
	{.add = "+", .format = SP_FORMAT_INTERNATIONAL},
	{.strip = "+", .add = "0", .country = "39", .format = SP_FORMAT_NATIONAL},
	{.strip = "9",
	 .add = "020",
	 .country = "44",
	 .national_prefix = "0",
	 .international_prefix = "00",
	 .format = SP_FORMAT_NATIONAL,
	 .strip_out = "0",
	 .add_out = "9"},
};

/* Without settings: as number/ reads the unescaped text. */
static void check_plain(const struct pl *user, const char *out)
{
	char plain[128], want[SP_NUMBER_SIZE] = "";
	struct pl pl;

	if (!sp_sip_unescape(plain, sizeof(plain), user)) {
		pl_set_str(&pl, plain);
		(void)sp_number_normalise(want, &pl);
	}
	if (strcmp(want, out))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[SP_NUMBER_SIZE], written[NUMBERING_SIZE], dialled[NUMBERING_SIZE];
	const struct sp_conf_numbering *n;
	struct pl user;
	int err;

	if (!size)
		return 0;
	n = &plans[data[0] % (sizeof(plans) / sizeof(plans[0]))];
	user = (struct pl){(const char *)data + 1, size - 1};

	err = numbering_in(out, n, &user);
	if (err != (out[0] ? 0 : EINVAL))
		abort();
	if (n == plans)
		check_plain(&user, out);
	if (!numbering_dialled(dialled, &user) != (dialled[0] != '\0') ||
	    dialled[strspn(dialled, "+0123456789*#")])
		abort();
	if (err)
		return 0;

	if (!dialled[0] || out[0] != '+' || out[1] < '1' || out[1] > '9' ||
	    out[1 + strspn(out + 1, "0123456789")])
		abort();
	if (numbering_out(written, n, out) || !written[0] ||
	    written[strspn(written, "+0123456789")])
		abort();
	return 0;
}
