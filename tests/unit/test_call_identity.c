/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who calls: P-Asserted-Identity (RFC 3325), Privacy (RFC 3323), Identity with
 * Date (RFC 8224), and the From and To that go with them.
 */
#include "headers_fixture.h"

#define PAI "P-Asserted-Identity: "
#define PAI_IN                                                                                     \
	PAI "\"Alice\" <sip:+441632960009;cpc=x@core.wire.example;user=phone;x=y>, "               \
	    "<tel:+44-1632-960009;ext=4>\r\n"
#define PAI_OUT                                                                                    \
	PAI "\"Alice\" <sip:+441632960009@gw.example;user=phone>\r\n" PAI "<tel:+441632960009>"    \
	    "\r\n"
#define ANONYMOUS "\"Anonymous\" <sip:anonymous@anonymous.invalid>"

/* RFC 3325 5, 7: only between trunks that both are trusted. */
static void asserted(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	assert_string_equal(pass(&f, PAI_IN), "");
	f.from.trusted = true;
	assert_string_equal(pass(&f, PAI_IN), "");
	f.to.trusted = true;
	assert_string_equal(pass(&f, PAI_IN), PAI_OUT);
	f.ctx.status = 200; /* and the other way */
	assert_string_equal(pass(&f, PAI_IN), PAI_OUT);
	f.ctx.status = 0;
	f.from.trusted = false; /* it is not believed */
	assert_string_equal(pass(&f, PAI_IN), "");
	/* RFC 3325 9.1 names these two as without */
	f.from.trusted = true;
	f.ctx.method = SP_SIP_CANCEL;
	assert_string_equal(pass(&f, PAI_IN "Privacy: id\r\n"), "");
	f.ctx.method = SP_SIP_ACK;
	assert_string_equal(pass(&f, PAI_IN "Privacy: id\r\n"), "");
	finish(&f);
}

/* Which of them: one sip, one tel, that name no network (RFC 3325 9.1). */
static void asserted_values(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"<sip:a@h1>, <sip:b@h2>", PAI "<sip:a@gw.example>\r\n"},
		{"sip:a@h1", PAI "<sip:a@gw.example>\r\n"},
		{"<sips:+441632960009@h1>", PAI "<sip:+441632960009@gw.example;user=phone>\r\n"},
		{"<sip:core.wire.example>", PAI "<sip:gw.example>\r\n"},
		{"\"a@h1\" <sip:a@h1>", PAI "<sip:a@gw.example>\r\n"},
		{"\"at h1\" <sip:a@h1>", PAI "<sip:a@gw.example>\r\n"},
		{"<tel:+441>, <tel:+442>", PAI "<tel:+441>\r\n"},
		{"<tel:960009;phone-context=wire.example>, <tel:+442>", PAI "<tel:+442>\r\n"},
		{"<urn:service:sos>, <sip:a@h1>", PAI "<sip:a@gw.example>\r\n"},
		{"<sip:a b@h>, ,,<sip:a@h1>", PAI "<sip:a@gw.example>\r\n"},
		{"<urn:service:sos>", ""},
	};
	struct fixture f;
	char line[256];

	(void)state;
	start(&f);
	f.from.trusted = f.to.trusted = true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)re_snprintf(line, sizeof(line), PAI "%s\r\n", cases[i].in);
		assert_string_equal(pass(&f, line), cases[i].out);
	}
	finish(&f);
}

/* Numbers are written as the trunk wants them. */
static void asserted_numbering(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	f.from.trusted = f.to.trusted = true;
	f.from.numbering = f.to.numbering = (struct sp_conf_numbering){
		.country = "44", .national_prefix = "0", .international_prefix = "00"};
	f.to.numbering.format = SP_FORMAT_NATIONAL;
	assert_string_equal(pass(&f, PAI "<sip:00441632960009@h>, <tel:+441632960009>\r\n"),
			    PAI "<sip:01632960009@gw.example>\r\n" PAI "<tel:+441632960009>\r\n");
	assert_string_equal(from_of(&f, "<sip:01632960001@h>;tag=1", ""),
			    "<sip:01632960001@gw.example>");
	f.to.numbering.format = SP_FORMAT_E164;
	f.to.numbering.user_phone = true;
	assert_string_equal(from_of(&f, "<sip:01632960001@h>;tag=1", ""),
			    "<sip:+441632960001@gw.example;user=phone>");
	finish(&f);
}

/* The gateway's own word for a service's number: RFC 3325 5, it has authenticated it. */
static void vouched(void **state)
{
	static const char word[] = PAI "<sip:+441632960001@gw.example;user=phone>\r\n";
	struct fixture f;

	(void)state;
	start(&f);
	turn(&f);
	assert_string_equal(pass(&f, ""), "");
	f.to.trusted = true;
	assert_string_equal(pass(&f, PAI "<sip:+44999@evil.example>\r\n"), word);
	f.from.trusted = true; /* one that asserts nothing */
	assert_string_equal(pass(&f, ""), word);
	assert_string_equal(pass(&f, PAI_IN), PAI_OUT);
	f.from.trusted = false;
	f.ctx.initial = false; /* nobody has checked From of a re-INVITE */
	assert_string_equal(pass(&f, ""), "");
	f.ctx.initial = true;
	assert_string_equal(pass(&f, ""), word);
	f.ctx.own_number = false; /* another decided: the called one, or none */
	assert_string_equal(pass(&f, ""), "");
	finish(&f);

	start(&f); /* a carrier's caller is not ours to vouch for */
	f.to.trusted = true;
	f.ctx.own_number = true;
	assert_string_equal(pass(&f, ""), "");
	finish(&f);
}

/* caller_id = "main", location: the carrier sees another number than the one that calls. */
static void shown(void **state)
{
	static const char word[] = PAI "<sip:01632960900@gw.example>\r\n";
	static const char *const nobody = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
	struct fixture f;

	(void)state;
	start(&f);
	turn(&f);
	f.ctx.shown = "+441632960900";
	f.to.numbering = (struct sp_conf_numbering){
		.country = "44", .national_prefix = "0", .format = SP_FORMAT_NATIONAL};
	assert_string_equal(from_of(&f, ALICE, ""), "<sip:01632960900@gw.example>");
	assert_string_equal(pass(&f, PAI_IN), ""); /* not trusted */
	assert_string_equal(from_of(&f, "<sip:anonymous@anonymous.invalid>;tag=1", ""), nobody);
	assert_string_equal(from_of(&f, ALICE, "Privacy: id\r\n"), nobody);
	f.to.trusted = true;
	assert_string_equal(from_of(&f, ALICE, "Privacy: id\r\n"), "<sip:01632960900@gw.example>");
	assert_string_equal(pass(&f, "Privacy: id\r\n"),
			    PAI "<sip:01632960900@gw.example>\r\nPrivacy: id\r\n");
	assert_string_equal(pass(&f, PAI_IN), word);
	f.from.trusted = true;
	assert_string_equal(pass(&f, PAI_IN), word);
	f.ctx.own_number = false; /* it need not be the caller's */
	assert_string_equal(pass(&f, ""), word);
	f.from.kind = SP_TRUNK_CARRIER; /* as of a call that a transfer makes */
	assert_string_equal(pass(&f, ""), word);
	/* later messages: in the place of what would go, where something would */
	f.ctx.initial = false;
	assert_string_equal(pass(&f, ""), "");
	assert_string_equal(pass(&f, PAI_IN), word);
	f.ctx.anonymous = true; /* the wish of the INVITE stands, our word must not undo it */
	assert_string_equal(pass(&f, PAI_IN),
			    PAI "<sip:01632960900@gw.example>\r\nPrivacy: id\r\n");
	assert_string_equal(pass(&f, PAI_IN "Privacy: none\r\n"),
			    PAI "<sip:01632960900@gw.example>\r\nPrivacy: none\r\n");
	f.ctx.anonymous = false;
	f.from.trusted = false;
	assert_string_equal(pass(&f, PAI_IN), "");
	/* services see who calls */
	f.ctx.initial = f.from.trusted = true;
	f.to.kind = SP_TRUNK_SERVICE;
	f.to.numbering = (struct sp_conf_numbering){.user_phone = true};
	assert_string_equal(pass(&f, PAI_IN), PAI_OUT);
	assert_string_equal(from_of(&f, ALICE, ""),
			    "\"Alice\" <sip:+441632960001@gw.example;user=phone>");
	finish(&f);
}

/* caller_id = "screened": what is asserted later in the call nobody has looked at. */
static void screened(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	turn(&f);
	f.from.trusted = f.to.trusted = f.ctx.screened = true;
	assert_non_null(strstr(pass(&f, PAI_IN), PAI)); /* route.c has */
	f.ctx.initial = false;
	assert_string_equal(pass(&f, PAI_IN), "");
	assert_string_equal(pass(&f, PAI_IN "Privacy: id\r\n"), "Privacy: id\r\n");
	f.ctx.screened = false;
	assert_non_null(strstr(pass(&f, PAI_IN), PAI));
	finish(&f);
}

/* RFC 8224 4.1: what signs another From than the one that goes out is no longer true. */
static void shown_and_signed(void **state)
{
	static const char lines[] =
		"Identity: a.b.c;info=<https://x.example/p.cer>\r\nDate: now\r\n";
	struct fixture f;

	(void)state;
	start(&f);
	turn(&f);
	f.to.pass_identity = true;
	assert_non_null(strstr(pass(&f, lines), "Identity: a.b.c"));
	f.ctx.shown = "+441632960900";
	assert_string_equal(pass(&f, lines), "");
	assert_string_equal(from_of(&f, ALICE, lines), "<sip:+441632960900@gw.example;user=phone>");
	f.uri = mem_deref(f.uri);
	assert_int_equal(headers_to(&f.uri, &f.ctx, "+441632960002", "c.example"), 0);
	assert_string_equal(f.uri, "<sip:+441632960002@c.example;user=phone>");
	finish(&f);
}

/*
 * A call that a user of the service forwards (RFC 5806, RFC 7044): From is the
 * outside caller's and stays so, our word is for the number that is the service's.
 */
static void vouched_forwarded(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	turn(&f);
	f.to.trusted = true;
	arrive(&f, "\"Bob\" <sip:+4930123@desk.example>;tag=a1", "");
	assert_int_equal(headers_put(f.mb, &f.ctx), 0);
	assert_int_equal(mbuf_write_u8(f.mb, 0), 0);
	assert_string_equal((char *)f.mb->buf, PAI "<sip:+441632960001@gw.example;user=phone>\r\n");
	assert_string_equal(from_of(&f, "\"Bob\" <sip:+4930123@desk.example>;tag=a1", ""),
			    "\"Bob\" <sip:+4930123@gw.example;user=phone>");
	finish(&f);
}

/* A caller who is anonymous without saying why is not named beyond us by our own word. */
static void vouched_anonymous(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	turn(&f);
	f.to.trusted = true;
	arrive(&f, ANONYMOUS ";tag=a1", "");
	assert_int_equal(headers_put(f.mb, &f.ctx), 0);
	arrive(&f, ANONYMOUS ";tag=a1", "Privacy: none\r\n");
	assert_int_equal(headers_put(f.mb, &f.ctx), 0);
	assert_int_equal(mbuf_write_u8(f.mb, 0), 0);
	assert_string_equal((char *)f.mb->buf,
			    PAI "<sip:+441632960001@gw.example;user=phone>\r\nPrivacy: id\r\n" PAI
				"<sip:+441632960001@gw.example;user=phone>\r\nPrivacy: none\r\n");
	finish(&f);
}

/* RFC 3323 4.2: to those who will heed it, from everybody; known words only. */
static void privacy(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	assert_string_equal(pass(&f, "Privacy: id\r\n"), "");
	f.to.trusted = true;
	assert_string_equal(pass(&f, "Privacy: id\r\n"), "Privacy: id\r\n");
	assert_string_equal(
		pass(&f, "Privacy: Critical ;ID;wire.example\r\nPrivacy: user, history\r\n"),
		"Privacy: id;user;history;critical\r\n");
	assert_string_equal(pass(&f, "Privacy: header;session;none\r\n"),
			    "Privacy: header;session;none\r\n");
	assert_string_equal(pass(&f, "Privacy: idx\r\n"), "");
	assert_string_equal(pass(&f, "Privacy: ;;,\r\n"), "");
	finish(&f);
}

/* RFC 3323 4.1.1.3: where nobody would heed the wish, we do. */
static void private_from(void **state)
{
	static const char known[] = "\"Alice\" <sip:+441632960001@gw.example;user=phone>";
	static const char *const hiding[] = {"id", "user", "header", "none;id", "critical,user"};
	static const char *const others[] = {"none", "session", "critical", "history", "idem"};
	struct fixture f;
	char line[64];

	(void)state;
	start(&f);
	assert_string_equal(from_of(&f, ALICE, ""), known);
	for (size_t i = 0; i < ARRAY_SIZE(hiding); i++) {
		(void)re_snprintf(line, sizeof(line), "Privacy: %s\r\n", hiding[i]);
		f.to.trusted = false;
		assert_string_equal(from_of(&f, ALICE, line), ANONYMOUS);
		f.to.trusted = true;
		assert_string_equal(from_of(&f, ALICE, line), known);
		(void)re_snprintf(line, sizeof(line), "Privacy: %s\r\n", others[i]);
		f.to.trusted = false;
		assert_string_equal(from_of(&f, ALICE, line), known);
	}
	finish(&f);
}

/* A rule may ask for privacy in the caller's name, or take the wish away. */
static void private_by_rule(void **state)
{
	static const struct sp_conf_rule hide = {
		.action = SP_RULE_SET, .header = "Privacy", .value = "id"};
	static const struct sp_conf_rule show = {.action = SP_RULE_REMOVE, .header = "Privacy"};
	struct fixture f;

	(void)state;
	start(&f);
	f.from.rules_inc = 1;
	f.from.rules_inv = &hide;
	assert_string_equal(from_of(&f, ALICE, ""), ANONYMOUS);
	f.from.rules_inv = &show;
	assert_string_equal(from_of(&f, ALICE, "Privacy: id\r\n"),
			    "\"Alice\" <sip:+441632960001@gw.example;user=phone>");
	finish(&f);
}

/* Our From: no host, no parameter and no name of the other side. */
static void from(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"<sip:+441632960001@h>;tag=1", "<sip:+441632960001@gw.example;user=phone>"},
		{"<tel:+44-1632-960001>;tag=1", "<sip:+441632960001@gw.example;user=phone>"},
		{"<sip:%2B441632960001@h>;tag=1", "<sip:+441632960001@gw.example;user=phone>"},
		{"<sip:100;phone-context=h@h>;tag=1", "<sip:100@gw.example>"},
		{"\"Bob\" <sip:bob:secret@h>;tag=1", "\"Bob\" <sip:bob@gw.example>"},
		{"\"bob@h\" <sip:bob@h>;tag=1", "<sip:bob@gw.example>"},
		{"\"PBX at h1\" <sip:bob@h1>;tag=1", "<sip:bob@gw.example>"},
		{"<sip:h>;tag=1", "<sip:gw.example>"},
		{"\"Joe\" <sip:anonymous@h>;tag=1", ANONYMOUS},
		{"\"Joe\" <sip:joe@Anonymous.invalid>;tag=1", ANONYMOUS},
	};
	struct fixture f;

	(void)state;
	start(&f);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(from_of(&f, cases[i].in, ""), cases[i].out);
	f.to.numbering.user_phone = false;
	assert_string_equal(from_of(&f, cases[0].in, ""), "<sip:+441632960001@gw.example>");
	/* a user part that is made already */
	f.uri = mem_deref(f.uri);
	assert_int_equal(headers_from(&f.uri, &f.ctx, "01632960001"), 0);
	assert_string_equal(f.uri, "<sip:01632960001@gw.example>");
	finish(&f);
}

/* A call of the gateway's own, such as a transfer that it carries out. */
static void own_from(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	f.ctx.from = NULL;
	assert_int_equal(headers_from(&f.uri, &f.ctx, NULL), 0);
	assert_string_equal(f.uri, "<sip:+441632960001@gw.example;user=phone>");
	f.uri = mem_deref(f.uri);
	f.ctx.caller = "";
	assert_int_equal(headers_from(&f.uri, &f.ctx, NULL), 0);
	assert_string_equal(f.uri, "<sip:gw.example>");
	finish(&f);
}

#define SIGNED                                                                                     \
	"Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n"                                                  \
	"y: eyJ.eyJ.sig;info=<https://cert.example/a>;alg=ES256;ppt=shaken\r\n"                    \
	"Identity: eyJ..sig2,  x;info=<https://b/>\r\n"
#define SIGNED_OUT                                                                                 \
	"Identity: eyJ.eyJ.sig;info=<https://cert.example/a>;alg=ES256;ppt=shaken\r\n"             \
	"Identity: eyJ..sig2,  x;info=<https://b/>\r\n"                                            \
	"Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n"

/* RFC 8224 4.1, 5.2: it is worth something only with From, To and Date as signed. */
static void signature(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	assert_string_equal(pass(&f, SIGNED), "");
	f.to.pass_identity = true;
	assert_string_equal(pass(&f, SIGNED), SIGNED_OUT);
	assert_string_equal(pass(&f, "Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n"), "");
	f.ctx.initial = false;
	assert_string_equal(pass(&f, SIGNED), "");
	f.ctx.initial = true;
	/* it holds the number that the caller does not want to be known */
	assert_string_equal(pass(&f, SIGNED "Privacy: id\r\n"), "");
	assert_string_equal(from_of(&f, ALICE, SIGNED "Privacy: id\r\n"), ANONYMOUS);
	f.to.trusted = true;
	assert_string_equal(pass(&f, SIGNED "Privacy: id\r\n"), "Privacy: id\r\n" SIGNED_OUT);
	finish(&f);
}

/* From as it came, but for the tag, wherever that stands. */
static void signed_from(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ALICE, "\"Alice\" <sip:+441632960001@wire.example;user=phone>"},
		{"sip:bob@h;x=\";tag=0\" ; tag = a1 ;y=z", "sip:bob@h;x=\";tag=0\"  ;y=z"},
		{"<sip:bob@h;tag=0>;TAG=a1", "<sip:bob@h;tag=0>"},
		{"\"a;tag=2\"  <sip:bob@h>;tag=a1;y", "\"a;tag=2\"  <sip:bob@h>;y"},
		{"<sip:anonymous@anonymous.invalid>;tag=1", "<sip:anonymous@anonymous.invalid>"},
	};
	struct fixture f;

	(void)state;
	start(&f);
	f.to.pass_identity = true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(from_of(&f, cases[i].in, SIGNED), cases[i].out);
	finish(&f);
}

static void uris(void **state)
{
	struct headers_uris u;
	struct fixture f;

	(void)state;
	start(&f);
	f.to.pass_identity = true;
	arrive(&f, ALICE, "");
	assert_int_equal(headers_uris(&u, &f.ctx, "+441632960002", NULL, "2001:db8::1", 5061), 0);
	assert_string_equal(u.local, "\"Alice\" <sip:+441632960001@gw.example;user=phone>");
	assert_string_equal(u.remote, "<sip:+441632960002@[2001:db8::1];user=phone>");
	assert_string_equal(u.target, "sip:+441632960002@[2001:db8::1];transport=tls;user=phone");
	headers_uris_reset(&u);
	f.to.domain = "desk.example";
	assert_int_equal(headers_uris(&u, &f.ctx, "112", "1000", "10.0.0.1", 5071), 0);
	assert_string_equal(u.local, "\"Alice\" <sip:1000@gw.example>");
	assert_string_equal(u.remote, "<sip:112@desk.example>");
	assert_string_equal(u.target, "sip:112@desk.example:5071;transport=tls");
	headers_uris_reset(&u);
	f.to.numbering = (struct sp_conf_numbering){
		.country = "44", .national_prefix = "0", .format = SP_FORMAT_NATIONAL};
	assert_int_equal(headers_uris(&u, &f.ctx, "+441632960002", NULL, "10.0.0.1", 0), 0);
	assert_string_equal(u.local, "\"Alice\" <sip:01632960001@gw.example>");
	assert_string_equal(u.remote, "<sip:01632960002@desk.example>");
	assert_string_equal(u.target, "sip:01632960002@desk.example;transport=tls");
	headers_uris_reset(&u);
	/* signed: From and To verbatim; the Request-URI is the next hop's */
	arrive(&f, ALICE, SIGNED);
	assert_int_equal(headers_uris(&u, &f.ctx, "112", "1000", "10.0.0.1", 0), 0);
	assert_string_equal(u.local, "\"Alice\" <sip:+441632960001@wire.example;user=phone>");
	assert_string_equal(u.remote, "<sip:+441632960002@gw.example;user=phone>");
	assert_string_equal(u.target, "sip:112@desk.example;transport=tls");
	headers_uris_reset(&u);
	assert_null(u.local);
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asserted),
		cmocka_unit_test(asserted_values),
		cmocka_unit_test(asserted_numbering),
		cmocka_unit_test(vouched),
		cmocka_unit_test(shown),
		cmocka_unit_test(screened),
		cmocka_unit_test(shown_and_signed),
		cmocka_unit_test(vouched_forwarded),
		cmocka_unit_test(vouched_anonymous),
		cmocka_unit_test(privacy),
		cmocka_unit_test(private_from),
		cmocka_unit_test(private_by_rule),
		cmocka_unit_test(from),
		cmocka_unit_test(own_from),
		cmocka_unit_test(signature),
		cmocka_unit_test(signed_from),
		cmocka_unit_test(uris),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
