/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading the table of tests/torture (its README.md says how it is written) and
 * making octets of a row's messages. tests/system/torture.py does the same.
 */
#ifndef TORTURE_TABLE_H
#define TORTURE_TABLE_H

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>

enum { TT_LINES_MAX = 48, TT_EXPECTS_MAX = 6, TT_READS_MAX = 8, TT_ROWS_MAX = 600 };

enum tt_where { TT_ALONE, TT_IN_CALL, TT_IN_INVITE };

struct tt_row {
	const char *name, *of;
	enum tt_where where;
	unsigned inner; /* what the inner message gets; 0: nothing */
	const char *expectv[TT_EXPECTS_MAX], *readv[TT_READS_MAX];
	size_t expectc, readc;
	const char *linev[TT_LINES_MAX]; /* with its mark: "| ", ": ", "+ ", "--", "next" */
	size_t linec;
};

struct tt_table {
	struct tt_row *rowv;
	size_t rowc;
};

/** What {name} stands for; the octets of the body are len, and not among these. */
struct tt_vars {
	const char *id;
	const char *to_tag; /* in a call: ";tag=..." */
	/* of a response: what the request had, or NULL */
	const char *via, *branch, *from, *to, *callid, *cseq;
	unsigned message;   /* of the row, from 1 */
	const char *method; /* the first word of the message */
};

static inline const char *tt_keep(const char *text)
{
	char *copy = NULL;

	assert_int_equal(0, str_dup(&copy, text));

	return copy;
}

static inline void tt_row_free(struct tt_row *row)
{
	for (size_t i = 0; i < row->expectc; i++)
		mem_deref((void *)(uintptr_t)row->expectv[i]);
	for (size_t i = 0; i < row->readc; i++)
		mem_deref((void *)(uintptr_t)row->readv[i]);
	for (size_t i = 0; i < row->linec; i++)
		mem_deref((void *)(uintptr_t)row->linev[i]);
	mem_deref((void *)(uintptr_t)row->name);
	mem_deref((void *)(uintptr_t)row->of);
}

static inline void tt_free(struct tt_table *t)
{
	for (size_t i = 0; i < t->rowc; i++)
		tt_row_free(&t->rowv[i]);
	t->rowv = mem_deref(t->rowv);
}

/* The rest of a line that begins with this word, or NULL. */
static inline const char *tt_word(const char *line, const char *word)
{
	const size_t n = strlen(word);

	if (strncmp(line, word, n) || (line[n] && line[n] != ' '))
		return NULL;

	return line[n] ? line + n + 1 : line + n;
}

static inline void tt_line(struct tt_table *t, const char *line)
{
	struct tt_row *row = t->rowc ? &t->rowv[t->rowc - 1] : NULL;
	const char *rest;

	if (!line[0] || line[0] == '#')
		return;

	rest = tt_word(line, "row");
	if (rest) {
		assert_true(t->rowc < TT_ROWS_MAX);
		t->rowv[t->rowc++].name = tt_keep(rest);
		return;
	}

	assert_non_null(row);
	if (strchr("|:+-", line[0]) || !strcmp(line, "next")) {
		assert_true(row->linec < TT_LINES_MAX);
		row->linev[row->linec++] = tt_keep(line);
	} else if ((rest = tt_word(line, "expect"))) {
		assert_true(row->expectc < TT_EXPECTS_MAX);
		row->expectv[row->expectc++] = tt_keep(rest);
	} else if ((rest = tt_word(line, "reads"))) {
		assert_true(row->readc < TT_READS_MAX);
		row->readv[row->readc++] = tt_keep(rest);
	} else if ((rest = tt_word(line, "of"))) {
		row->of = tt_keep(rest);
	} else if ((rest = tt_word(line, "in"))) {
		row->where = strcmp(rest, "call") ? TT_IN_INVITE : TT_IN_CALL;
	} else if ((rest = tt_word(line, "inner"))) {
		row->inner = (unsigned)atoi(rest);
	} else if (!tt_word(line, "sees") && !tt_word(line, "lacks") && !tt_word(line, "from") &&
		   !tt_word(line, "hears")) {
		fail_msg("%s: what is this: %s", row->name, line);
	}
}

static inline void tt_load(struct tt_table *t, const char *path)
{
	char line[4096];
	FILE *f = fopen(path, "r");

	if (!f)
		fail_msg("no %s", path);
	if (!t->rowv)
		t->rowv = mem_zalloc(TT_ROWS_MAX * sizeof(*t->rowv), NULL);
	assert_non_null(t->rowv);

	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		tt_line(t, line);
	}
	fclose(f);
}

/* ---- octets of a row ---- */

static inline void tt_text(struct mbuf *mb, const char *text, const struct tt_vars *v, size_t len);

static const char tt_sdp[] = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n"
			     "t=0 0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 "
			     "AES_CM_128_HMAC_SHA1_80 inline:"
			     "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5\r\n";

static const char tt_inner[] = "OPTIONS sip:{gw} SIP/2.0\r\n"
			       "Via: SIP/2.0/TLS {peer};branch=z9hG4bKinner{id}\r\n"
			       "Max-Forwards: 70\r\n"
			       "From: <sip:{me}>;tag=inner\r\n"
			       "To: <sip:{gw}>\r\n"
			       "Call-ID: inner-{id}\r\n"
			       "CSeq: 1 OPTIONS\r\n"
			       "Content-Length: 0\r\n\r\n";

static const struct {
	const char *name, *text;
} tt_names[] = {
	{"gw", "gw.example"},
	{"me", "peer.example"},
	{"peer", "192.0.2.7:5061"},
	{"called", "+441632960001"},
	{"escaped", "%2b44%31632960001"},
	{"caller", "+441632970099"},
	{"target", "sip:gw.example"},
	{"branch", "z9hG4bK{id}-{n}"},
	{"via", "SIP/2.0/TLS {peer};branch={branch}"},
	{"from", "<sip:{caller}@{me}>;tag=f{id}"},
	{"to", "<sip:{called}@{gw}>{totag}"},
	{"callid", "{id}@{me}"},
	{"cseq", "{n}"},
	{"sdp", tt_sdp},
	{"media", "192.0.2.1"},
	{"port", "4000"},
};

/* The lines that "+ name" stands for. */
static const struct {
	const char *name, *text;
} tt_macros[] = {
	{"via", "Via: {via}\r\n"},
	{"mf", "Max-Forwards: 70\r\n"},
	{"from", "From: {from}\r\n"},
	{"to", "To: {to}\r\n"},
	{"id", "Call-ID: {callid}\r\n"},
	{"cseq", "CSeq: {cseq} {method}\r\n"},
	{"contact", "Contact: <sip:{peer};transport=tls>\r\n"},
	{"length", "Content-Length: {len}\r\n"},
	{"sdp", "Content-Type: application/sdp\r\n"},
	{"inner", tt_inner},
	{"std", "Via: {via}\r\nMax-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\n"
		"Call-ID: {callid}\r\nCSeq: {cseq} {method}\r\n"},
	{"answer", "Via: {via}\r\nFrom: {from}\r\nTo: {to};tag=peertag\r\n"
		   "Call-ID: {callid}\r\nCSeq: {cseq} INVITE\r\n"},
};

static inline bool tt_is(const char *name, size_t n, const char *s)
{
	return strlen(s) == n && !memcmp(name, s, n);
}

static inline const char *tt_given(const struct tt_vars *v, const char *name, size_t n)
{
	if (tt_is(name, n, "via"))
		return v->via;
	if (tt_is(name, n, "branch"))
		return v->branch;
	if (tt_is(name, n, "from"))
		return v->from;
	if (tt_is(name, n, "to"))
		return v->to;
	if (tt_is(name, n, "callid"))
		return v->callid;
	if (tt_is(name, n, "cseq"))
		return v->cseq;
	if (tt_is(name, n, "id"))
		return v->id;
	if (tt_is(name, n, "totag"))
		return v->to_tag ? v->to_tag : "";
	if (tt_is(name, n, "method"))
		return v->method;

	return NULL;
}

/* {name}, {len+3}, {5000*y} */
static inline void tt_brace(struct mbuf *mb, const char *p, size_t n, const struct tt_vars *v,
			    size_t len)
{
	const char *given = tt_given(v, p, n), *star = memchr(p, '*', n);

	if (given) {
		mbuf_write_str(mb, given);
	} else if (isdigit((unsigned char)*p) && star) {
		char text[256];

		assert_true(n < sizeof(text));
		memcpy(text, star + 1, n - (size_t)(star + 1 - p));
		text[n - (size_t)(star + 1 - p)] = '\0';
		for (int i = atoi(p); i > 0; i--)
			tt_text(mb, text, v, len);
	} else if (tt_is(p, n, "n")) {
		mbuf_printf(mb, "%u", v->message);
	} else if (!strncmp(p, "len", 3)) {
		mbuf_printf(mb, "%ld", (long)len + (n > 3 ? strtol(p + 3, NULL, 10) : 0));
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(tt_names); i++) {
			if (tt_is(p, n, tt_names[i].name)) {
				tt_text(mb, tt_names[i].text, v, len);
				return;
			}
		}
		fail_msg("no such name: %s", p);
	}
}

/* What stands behind a backslash. @return how many characters of it */
static inline size_t tt_escape(struct mbuf *mb, const char *p)
{
	static const char from[] = "rnt0\\{}", to[] = "\r\n\t\0\\{}";
	const char *at = *p ? strchr(from, *p) : NULL;
	char hex[3];

	if (at) {
		mbuf_write_u8(mb, (uint8_t)to[at - from]);
		return 1;
	}
	assert_true(*p == 'x' && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2]));
	memcpy(hex, p + 1, 2);
	hex[2] = '\0';
	mbuf_write_u8(mb, (uint8_t)strtoul(hex, NULL, 16));

	return 3;
}

static inline void tt_text(struct mbuf *mb, const char *text, const struct tt_vars *v, size_t len)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\\') {
			p += tt_escape(mb, p + 1);
		} else if (*p == '{') {
			const char *end = strchr(p, '}');

			assert_non_null(end);
			tt_brace(mb, p + 1, (size_t)(end - p - 1), v, len);
			p = end;
		} else {
			mbuf_write_u8(mb, (uint8_t)*p);
		}
	}
}

static inline void tt_macro(struct mbuf *mb, const char *names, const struct tt_vars *v, size_t len)
{
	while (*names) {
		const size_t n = strcspn(names, " ");
		bool found = false;

		for (size_t i = 0; i < ARRAY_SIZE(tt_macros) && !found; i++) {
			found = tt_is(names, n, tt_macros[i].name);
			if (found)
				tt_text(mb, tt_macros[i].text, v, len);
		}
		if (!found)
			fail_msg("no such lines: %s", names);
		names += n + strspn(names + n, " ");
	}
}

/* Lines first..end-1 of a row. */
static inline void tt_lines(struct mbuf *mb, const struct tt_row *row, size_t first, size_t end,
			    const struct tt_vars *v, size_t len)
{
	for (size_t i = first; i < end; i++) {
		const char *line = row->linev[i], *text = line[1] ? line + 2 : "";

		if (line[0] == '+') {
			tt_macro(mb, text, v, len);
		} else if (line[0] == '-') {
			mbuf_write_str(mb, "\r\n");
		} else {
			tt_text(mb, text, v, len);
			if (line[0] == '|')
				mbuf_write_str(mb, "\r\n");
		}
	}
}

/* One message of a row, whose body begins behind "--". */
static inline void tt_message(struct mbuf *mb, const struct tt_row *row, size_t first, size_t end,
			      struct tt_vars *v)
{
	struct mbuf *body = mbuf_alloc(256);
	char method[64] = "";
	size_t head = end;

	for (size_t i = end; i-- > first;) {
		if (row->linev[i][0] == '-')
			head = i + 1;
	}
	if (strlen(row->linev[first]) > 2)
		(void)sscanf(row->linev[first] + 2, "%63[^ ]", method);
	v->method = method;
	tt_lines(body, row, head, end, v, 0);
	tt_lines(mb, row, first, head, v, body->end);
	mbuf_write_mem(mb, body->buf, body->end);
	mem_deref(body);
}

/** The octets of all messages of a row. */
static inline struct mbuf *tt_octets(const struct tt_row *row, const struct tt_vars *vars)
{
	struct mbuf *mb = mbuf_alloc(1024);
	struct tt_vars v = *vars;
	size_t first = 0;

	v.message = 0;
	for (size_t i = 0; i <= row->linec; i++) {
		if (i < row->linec && strcmp(row->linev[i], "next"))
			continue;
		++v.message;
		tt_message(mb, row, first, i, &v);
		first = i + 1;
	}

	return mb;
}

#endif
