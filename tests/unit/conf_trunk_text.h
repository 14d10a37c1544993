/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A configuration around one trunk under test, for what its report says to the
 * letter. What the trunk is given begins on line 4.
 */
#ifndef SALLYPORT_TEST_CONF_TRUNK_TEXT_H
#define SALLYPORT_TEST_CONF_TRUNK_TEXT_H

#include "conf_fixture.h"

#define TRUNK_INTERFACE(sip)                                                                       \
	"interfaces = ( { name = \"edge\"; sip = { " sip                                           \
	" }; tls = { certificate = \"c.crt\"; key = \"c.key\"; };"                                 \
	" media = { address = \"192.0.2.1\"; ports = [ 20000, 29999 ]; }; } );\n"
#define TRUNK_OF(kind, sip, more)                                                                  \
	TRUNK_INTERFACE(sip)                                                                       \
	"number_files = [ \"n.csv\" ];\ntrunks = ( { name = \"b\"; kind = \"" kind                 \
	"\"; interface = \"edge\"; identities = [ \"b.example\" ]; targets = [ \"b.example\" "     \
	"];\n" more " } );\n"
#define SIP_NAME "address = \"192.0.2.1\"; advertise = \"sbc.example.net\";"
#define TRUNK(more) TRUNK_OF("service", SIP_NAME, more)
/* What is reported of the trunk's member, "LINE: member...". */
#define AT(line, member) "sallyport.conf:" line ": trunks[0] \"b\"" member

struct mistake {
	const char *text, *lines;
};

static inline void check_mistakes(struct fixture *f, const struct mistake *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const int err = fixture_load(f, v[i].text);

		assert_string_equal(f->lines, v[i].lines);
		assert_int_equal(err, EINVAL);
	}
}
#define CHECK(table) check_mistakes(*state, table, sizeof(table) / sizeof((table)[0]))

/* The trunk of a text that has no mistakes, and nothing to note. */
static inline const struct sp_conf_trunk *load_trunk(struct fixture *f, const char *text)
{
	const int err = fixture_load(f, text);

	assert_string_equal(f->lines, "");
	assert_int_equal(err, 0);
	assert_int_equal(f->conf->trunkc, 1);

	return &f->conf->trunkv[0];
}

#endif
