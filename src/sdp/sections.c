/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sdp/sections: a description cut into lines and the lines into sections
 * (RFC 8866 5). Each line is looked at once. Strict where a reader further on
 * could understand something else than we do (NUL, a lone CR, a second o=),
 * tolerant where the field is (LF alone, no t=, no ending on the last line).
 */
#include <string.h>
#include <sallyport/base_secret.h>
#include <sallyport/base_util.h>
#include "sdp_priv.h"

static void destructor(void *arg)
{
	struct sp_sdp *s = arg;

	(void)sp_secret_free(s->mediav);
}

static int bad(const char **why, const char *text)
{
	*why = text;
	return EBADMSG;
}

static int too_much(const char **why, const char *text)
{
	*why = text;
	return EOVERFLOW;
}

bool sp_sdp_word(struct pl *word, struct pl *rest)
{
	const char *p = rest->p, *end = rest->p + rest->l;

	while (p < end && (*p == ' ' || *p == '\t'))
		++p;

	word->p = p;
	while (p < end && *p != ' ' && *p != '\t')
		++p;

	word->l = (size_t)(p - word->p);
	rest->p = p;
	rest->l = (size_t)(end - p);

	return word->l > 0;
}

/** Take the next line off rest, without its LF or CRLF. */
static void next_line(struct pl *line, struct pl *rest)
{
	const char *lf = memchr(rest->p, '\n', rest->l);
	size_t taken = lf ? (size_t)(lf - rest->p) + 1 : rest->l;

	line->p = rest->p;
	line->l = lf ? taken - 1 : taken;
	if (line->l && line->p[line->l - 1] == '\r')
		--line->l;

	rest->p += taken;
	rest->l -= taken;
}

static int split(struct sp_sdp *s, const char **why)
{
	struct pl rest = {s->text, s->len}, line;
	bool blank = false;

	if (memchr(s->text, '\0', s->len))
		return bad(why, "SDP has a NUL character");

	while (rest.l) {
		next_line(&line, &rest);

		if (!line.l) {
			blank = true;
			continue;
		}
		if (blank)
			return bad(why, "SDP has an empty line");
		if (memchr(line.p, '\r', line.l))
			return bad(why, "SDP has a CR within a line");
		if (line.l < 2 || line.p[0] < 'a' || line.p[0] > 'z' || line.p[1] != '=')
			return bad(why, "SDP has a line that is not of the form x=value");
		if (s->linec == s->line_max)
			return too_much(why, "SDP has too many lines");

		s->linev[s->linec].text = line;
		s->linev[s->linec].kind = sp_sdp_kind(&line);
		++s->linec;
	}

	return 0;
}

/** Remember a text that names the sender's network: no copied line may hold it. */
static int add_host(struct sp_sdp *s, const struct pl *value, size_t words, const char **why)
{
	struct pl rest = *value, word, host = PL_INIT;
	const char *slash;
	size_t n = 0;

	while (sp_sdp_word(&word, &rest)) {
		host = word;
		++n;
	}
	if (n < words)
		return 0;

	slash = memchr(host.p, '/', host.l);
	if (slash)
		host.l = (size_t)(slash - host.p);

	if (host.l < SDP_HOST_MIN || !pl_strcmp(&host, "0.0.0.0"))
		return 0;

	for (size_t i = 0; i < s->hostc; ++i) {
		if (!pl_cmp(&s->hostv[i], &host))
			return 0;
	}
	if (s->hostc == SDP_HOSTS_MAX)
		return too_much(why, "SDP has too many different addresses");

	s->hostv[s->hostc++] = host;
	return 0;
}

static int index_origin(struct sp_sdp *s, const struct pl *value, const char **why)
{
	struct pl rest = *value, word;
	size_t n = 0;

	if (s->mediac || s->has_origin)
		return bad(why, "SDP has a second o= line");

	while (sp_sdp_word(&word, &rest))
		++n;
	if (n < 6)
		return bad(why, "SDP has a malformed o= line");

	s->has_origin = true;
	return add_host(s, value, 6, why);
}

static int index_media(struct sp_sdp *s, size_t n, const char **why)
{
	if (s->mediac == s->media_max) /* SP_SDP_MEDIA_MAX, or there are no more */
		return too_much(why, "SDP has too many media lines");

	s->sectionv[s->mediac].end = n;
	++s->mediac;
	s->sectionv[s->mediac].first = n;

	return 0;
}

/** The first direction of a section counts; others would only contradict it. */
static void index_dir(struct section *sec, struct line *line)
{
	struct pl name, value;

	if (sec->has_dir) {
		line->kind = LINE_DROP;
		return;
	}
	sp_sdp_attribute(&name, &value, &line->text);
	sec->has_dir = sp_sdp_dir_find(&sec->dir, &name);
}

/** c= and a=rtcp: the first of a section is its place, none of them stays hidden. */
static int index_conn(struct sp_sdp *s, struct section *sec, struct line *line, const char **why)
{
	struct pl value = {line->text.p + 2, line->text.l - 2};

	if (sec->conn.p)
		line->kind = LINE_DROP;
	else
		sec->conn = value;

	return add_host(s, &value, 3, why);
}

static int index_rtcp(struct sp_sdp *s, struct section *sec, struct line *line, const char **why)
{
	struct pl name, value;

	sp_sdp_attribute(&name, &value, &line->text);

	if (sec->rtcp.p)
		line->kind = LINE_DROP;
	else
		sec->rtcp = value;

	return add_host(s, &value, 4, why);
}

/** RFC 8858 3 wants a=rtcp-mux beside a=rtcp-mux-only, which says as much alone. */
static void index_mux(struct section *sec, struct line *line)
{
	struct pl name, value;

	sp_sdp_attribute(&name, &value, &line->text);

	if (sec->mux)
		line->kind = LINE_DROP;

	sec->mux = true;
	sec->mux_only |= !pl_strcasecmp(&name, "rtcp-mux-only");
}

static int index_line(struct sp_sdp *s, size_t n, const char **why)
{
	struct line *line = &s->linev[n];
	struct section *sec = &s->sectionv[s->mediac];
	struct pl value = {line->text.p + 2, line->text.l - 2};

	switch (line->kind) {

	case LINE_VERSION:
		return n ? bad(why, "SDP has a second v= line") : 0;
	case LINE_ORIGIN:
		return index_origin(s, &value, why);
	case LINE_NAME:
		if (s->mediac || s->has_name)
			return bad(why, "SDP has a second s= line");
		s->has_name = true;
		return 0;
	case LINE_TIME:
		s->has_time |= !s->mediac;
		return 0;
	case LINE_CONN:
		return index_conn(s, sec, line, why);
	case LINE_MLINE:
		return index_media(s, n, why);
	case LINE_CRYPTO:
		if (!sec->crypto)
			sec->crypto = n;
		return 0;
	case LINE_RTCP:
		return index_rtcp(s, sec, line, why);
	case LINE_MUX:
		index_mux(sec, line);
		return 0;
	case LINE_DIR:
		index_dir(sec, line);
		return 0;
	case LINE_RTPMAP:
	case LINE_COPY:
	case LINE_DROP:
		return 0;
	}

	return 0;
}

static int index_sections(struct sp_sdp *s, const char **why)
{
	int err = 0;

	if (!s->linec || pl_strcmp(&s->linev[0].text, "v=0"))
		return bad(why, "SDP does not begin with v=0");

	for (size_t n = 0; n < s->linec && !err; ++n)
		err = index_line(s, n, why);
	if (err)
		return err;

	s->sectionv[s->mediac].end = s->linec;

	/* a second o= in a media section was refused, so these are the session's */
	if (!s->has_origin)
		return bad(why, "SDP has no o= line");
	if (!s->has_name)
		return bad(why, "SDP has no s= line");

	return 0;
}

/** Room for as many lines as there are, and m-lines among them: most have 20 and one, and calls
 * keep two of these. */
static int alloc(struct sp_sdp **sp, const char *text, size_t len)
{
	size_t lines = 1, media = 0;
	struct sp_sdp *s;

	for (size_t i = 0; i < len && lines < SP_SDP_LINES_MAX; ++i) {
		lines += text[i] == '\n';
		media += text[i] == '\n' && i + 1 < len && text[i + 1] == 'm';
	}
	media = min(media, SP_SDP_MEDIA_MAX);
	s = mem_zalloc(sizeof(*s) + lines * sizeof(struct line), destructor);
	if (!s)
		return ENOMEM;
	s->mediav = sp_secret_alloc(media * sizeof(*s->mediav) + len);
	if (!s->mediav) {
		mem_deref(s);
		return ENOMEM;
	}
	s->media_max = media;
	s->line_max = lines;
	s->linev = (struct line *)(s + 1);
	s->text = (char *)(s->mediav + media);
	s->len = len;
	memcpy(s->text, text, len);
	*sp = s;

	return 0;
}

int sp_sdp_parse(struct sp_sdp **sp, const char *text, size_t len, const char **why)
{
	const char *ignored;
	struct sp_sdp *s;
	int err;

	if (!sp || (!text && len))
		return EINVAL;
	if (!why)
		why = &ignored;
	if (!len)
		return bad(why, "SDP is empty");
	if (len > SP_SDP_SIZE_MAX)
		return too_much(why, "SDP is too large");

	err = alloc(&s, text, len);
	if (err)
		return err;

	err = split(s, why);
	if (err)
		goto out;

	err = index_sections(s, why);
	if (err)
		goto out;

	for (size_t i = 0; i < s->mediac && !err; ++i)
		err = sp_sdp_media_judge(s, i, why);

out:
	if (err)
		mem_deref(s);
	else
		*sp = s;

	return err;
}

void sp_sdp_text(const struct sp_sdp *s, struct pl *text)
{
	text->p = s->text;
	text->l = s->len;
}

size_t sp_sdp_mediac(const struct sp_sdp *s)
{
	return s ? s->mediac : 0;
}

const struct sp_sdp_media *sp_sdp_media(const struct sp_sdp *s, size_t i)
{
	return s && i < s->mediac ? &s->mediav[i] : NULL;
}

/** The next line that is not o=; false at the end. */
static bool next_compared(struct pl *line, struct pl *rest)
{
	while (rest->l) {
		next_line(line, rest);
		if (line->l < 2 || memcmp(line->p, "o=", 2))
			return true;
	}

	return false;
}

bool sp_sdp_same(const struct pl *a, const struct pl *b)
{
	struct pl ra, rb, la, lb;

	if (!a || !b)
		return false;

	ra = *a;
	rb = *b;
	for (;;) {
		bool more = next_compared(&la, &ra);

		if (more != next_compared(&lb, &rb))
			return false;
		if (!more)
			return true;
		if (la.l != lb.l || memcmp(la.p, lb.p, la.l))
			return false;
	}
}
