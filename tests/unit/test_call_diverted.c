/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who diverted a call: Diversion (RFC 5806) and History-Info (RFC 7044, and the
 * RFC 4244 that Teams still writes), and either as the other (RFC 7544).
 */
#include "headers_fixture.h"

#define DIV "Diversion: "
#define HI "History-Info: "

/* RFC 7544 3.2: three diversions, newest first; oldest first. */
#define DIVERSIONS_IN                                                                              \
	DIV "<sip:+443@h3;user=phone>;reason=unconditional;counter=1;privacy=off, "                \
	    "\"Two\" <sip:+442@h2>;reason=user-busy;privacy=full\r\n" DIV                          \
	    "<tel:+44-1>;reason=no-answer;counter=2;limit=5\r\n"
#define DIVERSIONS_OUT                                                                             \
	DIV "<sip:+443@gw.example;user=phone>;reason=unconditional;counter=1;privacy=off\r\n" DIV  \
	    "<sip:+442@gw.example;user=phone>;reason=user-busy;counter=1;privacy=full\r\n" DIV     \
	    "<sip:+441@gw.example;user=phone>;reason=no-answer;counter=2;privacy=off\r\n"
#define HISTORY                                                                                    \
	HI "<sip:+441@gw.example;user=phone>;index=1\r\n" HI                                       \
	   "<sip:+442@gw.example;user=phone;cause=408?Privacy=history>;index=1.1;mp=1\r\n" HI      \
	   "<sip:+443@gw.example;user=phone;cause=486>;index=1.1.1;mp=1.1\r\n" HI                  \
	   "<sip:+441632960002@gw.example;user=phone;cause=302>;index=1.1.1.1;mp=1.1.1\r\n"

static void begin(struct fixture *f, enum sp_conf_diverted form)
{
	start(f);
	f->from.trusted = f->to.trusted = true;
	f->to.diverted = form;
}

static void who(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, SP_DIVERTED_DIVERSION);
	assert_string_equal(pass(&f, DIVERSIONS_IN), DIVERSIONS_OUT);
	f.ctx.initial = false; /* only with the INVITE that makes the call */
	assert_string_equal(pass(&f, DIVERSIONS_IN HISTORY), "");
	f.ctx.initial = true;
	f.from.trusted = false; /* anybody can write that he diverted a call */
	assert_string_equal(pass(&f, DIVERSIONS_IN HISTORY), "");
	f.from.trusted = true;
	f.to.diverted = SP_DIVERTED_DROP;
	assert_string_equal(pass(&f, DIVERSIONS_IN HISTORY), "");
	f.to.diverted = SP_DIVERTED_HISTORY_INFO;
	assert_string_equal(pass(&f, ""), "");
	finish(&f);
}

static void diversion_to_history(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, SP_DIVERTED_HISTORY_INFO);
	assert_string_equal(pass(&f, DIVERSIONS_IN), HISTORY);
	f.to.domain = "desk.example"; /* what the request URI has */
	f.ctx.called = "";
	assert_string_equal(pass(&f, DIV "<sip:bob@h>\r\n"),
			    HI "<sip:bob@gw.example>;index=1\r\n" HI
			       "<sip:desk.example;cause=404>;index=1.1;mp=1\r\n");
	finish(&f);
}

static void history_to_diversion(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, SP_DIVERTED_DIVERSION);
	assert_string_equal(
		pass(&f, HISTORY), DIV
		"<sip:+443@gw.example;user=phone>;reason=unconditional;counter=1;privacy="
		"off\r\n" DIV
		"<sip:+442@gw.example;user=phone>;reason=user-busy;counter=1;privacy=full\r\n" DIV
		"<sip:+441@gw.example;user=phone>;reason=no-answer;counter=1;privacy=off\r\n");
	f.to.diverted = SP_DIVERTED_HISTORY_INFO;
	assert_string_equal(pass(&f, HISTORY), HISTORY);
	finish(&f);
}

/* Hops are no diversions (RFC 7044 5: "rc" is the same user, "mp" another's). */
static void hops(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, SP_DIVERTED_DIVERSION);
	assert_string_equal(pass(&f, HI "<sip:a@h>;index=1, <sip:b@h>;index=1.1;rc=1\r\n"), "");
	assert_string_equal(pass(&f,
				 HI "<sip:proxy.h>;index=1, <sip:a@h>;index=1.1;np=1,"
				    "<sip:b@h>;index=1.1.1;mp=1.1, <sip:b@c>;index=1.1.1.1\r\n"),
			    DIV "<sip:a@gw.example>;reason=unknown;counter=1;privacy=off\r\n");
	finish(&f);
}

/* RFC 4244 4.1: the Reason stands at the one who diverted; escaped, in the URI. */
static void old_history(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, SP_DIVERTED_DIVERSION);
	assert_string_equal(
		pass(&f, HI "<sip:+441@h;user=phone?Reason=SIP%3Bcause%3D486%3Btext%3D%22Busy%22"
			    "&Privacy=history>;index=1,<sip:+442@h>;index=1.1\r\n"),
		DIV "<sip:+441@gw.example;user=phone>;reason=user-busy;counter=1;privacy=full\r\n");
	/* alone, and not the last of two */
	assert_string_equal(
		pass(&f, HI "<sip:+441@h?Privacy=none&reason=SIP%3Bcause%3D302>;index=1\r\n"), DIV
		"<sip:+441@gw.example;user=phone>;reason=unconditional;counter=1;privacy=off\r\n");
	assert_string_equal(pass(&f, HI "<sip:+441@h?Reason=Q.850%3Bcause%3D16>;index=1\r\n"), "");
	assert_string_equal(pass(&f, HI "<sip:+441@h?Reason=SIP%3Bcause%3D%00>;index=1\r\n"), "");
	assert_string_equal(pass(&f, HI "<sip:+441@h?Reasons=SIP%3Bcause%3D302>;index=1\r\n"), "");
	finish(&f);
}

/* RFC 7544 3.2 and 3.3. */
static void reasons(void **state)
{
	static const struct {
		const char *reason, *cause, *back;
	} cases[] = {
		{"unknown", "404", "unknown"},
		{"UNCONDITIONAL", "302", "unconditional"},
		{"user-busy", "486", "user-busy"},
		{"no-answer", "408", "no-answer"},
		{"deflection", "480", "deflection"},
		{"unavailable", "503", "unavailable"},
		{"\"do-not-disturb\"", "404", "unknown"},
		{"time-of-day", "404", "unknown"},
		{"follow-me", "404", "unknown"},
		{"out-of-service", "404", "unknown"},
		{"away", "404", "unknown"},
		{"sip:evil", "404", "unknown"},
	};
	struct fixture f;
	char in[128], out[256];

	(void)state;
	begin(&f, SP_DIVERTED_HISTORY_INFO);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f.to.diverted = SP_DIVERTED_HISTORY_INFO;
		(void)re_snprintf(in, sizeof(in), DIV "<sip:a@h>;reason=%s\r\n", cases[i].reason);
		(void)re_snprintf(out, sizeof(out),
				  HI "<sip:a@gw.example>;index=1\r\n" HI
				     "<sip:+441632960002@gw.example;user=phone;cause=%s>"
				     ";index=1.1;mp=1\r\n",
				  cases[i].cause);
		assert_string_equal(pass(&f, in), out);
		f.to.diverted = SP_DIVERTED_DIVERSION;
		(void)re_snprintf(in, sizeof(in),
				  HI "<sip:a@h>;index=1,<sip:b@h;cause=%s>;index=2\r\n",
				  cases[i].cause);
		(void)re_snprintf(out, sizeof(out),
				  DIV "<sip:a@gw.example>;reason=%s;counter=1;privacy=off\r\n",
				  cases[i].back);
		assert_string_equal(pass(&f, in), out);
	}
	assert_string_equal(pass(&f, HI "<sip:a@h>;index=1,<sip:b@h;cause=487>;index=1.1\r\n"),
			    DIV "<sip:a@gw.example>;reason=deflection;counter=1;privacy=off\r\n");
	assert_string_equal(pass(&f, HI "<sip:a@h>;index=1,<sip:b@h;cause=x>;index=1.1\r\n"),
			    DIV "<sip:a@gw.example>;reason=unknown;counter=1;privacy=off\r\n");
	finish(&f);
}

/* Who wants no name gets none beyond the trust domain; that it happened is told. */
static void hidden(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, SP_DIVERTED_DIVERSION);
	f.to.trusted = false;
	assert_string_equal(
		pass(&f, DIV "<sip:+442@h>;reason=user-busy;privacy=full,<sip:+441@h>\r\n"), DIV
		"<sip:anonymous@anonymous.invalid>;reason=user-busy;counter=1;privacy=full\r\n" DIV
		"<sip:+441@gw.example;user=phone>;reason=unknown;counter=1;privacy=off\r\n");
	f.to.diverted = SP_DIVERTED_HISTORY_INFO;
	assert_string_equal(pass(&f, DIV "<sip:+442@h>;privacy=full\r\n"),
			    HI "<sip:anonymous@anonymous.invalid?Privacy=history>;index=1\r\n" HI
			       "<sip:+441632960002@gw.example;user=phone;cause=404>"
			       ";index=1.1;mp=1\r\n");
	/* a wish that cannot be read, or is too long, is one */
	f.to.diverted = SP_DIVERTED_DIVERSION;
	for (unsigned i = 0; i < 2; i++) {
		static const char *const lines[] = {
			HI "<sip:+442@h?Reason=SIP%3Bcause%3D302&Privacy=%00>;index=1\r\n",
			HI "<sip:+442@h?Reason=SIP%3Bcause%3D302&Privacy=history%3Baaaaaaaaaaaaaa"
			   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa>;index=1\r\n"};

		assert_string_equal(pass(&f, lines[i]),
				    DIV "<sip:anonymous@anonymous.invalid>;reason=unconditional;"
					"counter=1;privacy=full\r\n");
	}
	/* RFC 7044 10.1: for all of them at once */
	f.to.diverted = SP_DIVERTED_DIVERSION;
	assert_string_equal(pass(&f, DIV "<sip:+442@h>\r\nPrivacy: history\r\n"),
			    DIV "<sip:anonymous@anonymous.invalid>;reason=unknown;counter=1;"
				"privacy=full\r\n");
	f.to.trusted = true; /* a party without a name has none here either */
	assert_string_equal(pass(&f, DIV "<sip:unknown@unknown.invalid>\r\n"),
			    DIV "<sip:anonymous@anonymous.invalid>;reason=unknown;counter=1;"
				"privacy=off\r\n");
	finish(&f);
}

#define ONE DIV "<sip:x@h>;reason=away\r\n"

/* Both headers: the one that tells more. */
static void both(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, SP_DIVERTED_HISTORY_INFO);
	assert_string_equal(pass(&f, ONE HISTORY), HISTORY);
	f.to.diverted = SP_DIVERTED_DIVERSION;
	assert_string_equal(pass(&f, DIVERSIONS_IN HISTORY),
			    DIV "<sip:+443@gw.example;user=phone>;reason=unconditional;counter=1;"
				"privacy=off\r\n" DIV
				"<sip:+442@gw.example;user=phone>;reason=user-busy;counter=1;"
				"privacy=full\r\n" DIV
				"<sip:+441@gw.example;user=phone>;reason=no-answer;counter=1;"
				"privacy=off\r\n");
	assert_string_equal(pass(&f, ONE HI "<sip:y@h>;index=1\r\n"),
			    DIV "<sip:x@gw.example>;reason=away;counter=1;privacy=off\r\n");
	finish(&f);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* Of too many: the first, which was called, and the last ones. */
static void capped(void **state)
{
	struct fixture f;
	struct mbuf *mb = mbuf_alloc(1024);
	const char *out;
	char *text = NULL;

	(void)state;
	begin(&f, SP_DIVERTED_DIVERSION);
	for (int i = 14; i > 0; i--)
		assert_int_equal(
			mbuf_printf(mb, DIV "<sip:u%d@h>;counter=%d\r\n", i, i < 3 ? 3 : 1), 0);
	mb->pos = 0;
	assert_int_equal(mbuf_strdup(mb, &text, mb->end), 0);
	out = pass(&f, text);
	assert_int_equal(count(out, DIV), SP_CONF_DIVERSIONS_MAX);
	assert_int_equal(strncmp(out, DIV "<sip:u14@", 20), 0);
	assert_non_null(strstr(out, DIV "<sip:u6@gw.example>;reason=unknown;counter=1;"));
	assert_null(strstr(out, "u5@"));
	assert_null(strstr(out, "u2@"));
	/* 3 of its own, 3 of u2, one each of u3, u4, u5 */
	assert_non_null(strstr(out, DIV "<sip:u1@gw.example>;reason=unknown;counter=9;"));
	f.to.diverted = SP_DIVERTED_HISTORY_INFO;
	out = pass(&f, text);
	assert_int_equal(count(out, HI), SP_CONF_DIVERSIONS_MAX); /* with where it goes now */
	assert_non_null(strstr(out, HI "<sip:u1@gw.example>;index=1\r\n" HI "<sip:u7@"));
	assert_non_null(strstr(out, ";index=1.1.1.1.1.1.1.1.1.1;mp=1.1.1.1.1.1.1.1.1\r\n"));
	mem_deref(text);
	mem_deref(mb);
	finish(&f);
}

/* What is no entry is passed over; numbers out of range count as one. */
static void hostile(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, SP_DIVERTED_DIVERSION);
	assert_string_equal(pass(&f, DIV "nonsense, <sip:a@h>;counter=4294967297, ,<urn:a:b>,"
					 "<sip:b;x=evil.example@h>;counter=0\r\n"),
			    DIV "<sip:a@gw.example>;reason=unknown;counter=1;privacy=off\r\n" DIV
				"<sip:b@gw.example>;reason=unknown;counter=1;privacy=off\r\n");
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who),
		cmocka_unit_test(diversion_to_history),
		cmocka_unit_test(history_to_diversion),
		cmocka_unit_test(hops),
		cmocka_unit_test(old_history),
		cmocka_unit_test(reasons),
		cmocka_unit_test(hidden),
		cmocka_unit_test(both),
		cmocka_unit_test(capped),
		cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
