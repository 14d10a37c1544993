/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/frame: cuts the byte stream of a reliable transport into messages
 * (RFC 3261 7.5 and 18.3; keep-alives of RFC 5626 3.5.1).
 *
 * Each byte is looked at when it comes and never again, so that a stream
 * costs the same however it is sliced; the head is walked once more, when it is
 * whole, for its Content-Length. That must be there exactly once: where a
 * message ends is not to be a matter of opinion.
 *
 * The buffer holds the message at hand and nothing else, and is given back
 * when there is none.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "sallyport/base_util.h"
#include "parse_priv.h"

enum { BUFFER_MIN = 1024, MESSAGE_MAX = SP_SIP_HEAD_MAX + SP_SIP_BODY_MAX };

enum state {
	IDLE,       /* between messages */
	IDLE_CR,    /* there, after CR  */
	TEXT,       /* inside a line    */
	LINE_CR,    /* after its CR     */
	LINE_START, /* after its CRLF   */
	HEAD_CR,    /* CR at the start of a line */
	BODY,
	BROKEN
};

struct sp_sip_frame {
	enum state state;
	bool pinged; /* a lone CRLF answers our keep-alive */
	bool after;  /* a message has ended in these bytes */
	uint64_t pongs;
	unsigned crlfs; /* seen between messages            */
	unsigned lines; /* of the head, folds not counted   */
	size_t line;    /* length of the current line       */
	uint8_t *buf;
	size_t len, size;
	size_t whole; /* in BODY: length of the message     */
	int err;      /* in BROKEN */
	const char *why;
	sp_sip_frame_h *h;
	void *arg;
};

static void frame_destructor(void *data)
{
	struct sp_sip_frame *f = data;

	mem_deref(f->buf);
}

int sp_sip_frame_alloc(struct sp_sip_frame **fp, sp_sip_frame_h *h, void *arg)
{
	struct sp_sip_frame *f;

	if (!fp || !h)
		return EINVAL;

	f = mem_zalloc(sizeof(*f), frame_destructor);
	if (!f)
		return ENOMEM;

	f->h = h;
	f->arg = arg;
	*fp = f;

	return 0;
}

static int broken(struct sp_sip_frame *f, int err, const char *why)
{
	f->state = BROKEN;
	f->err = err;
	f->why = why;
	f->buf = mem_deref(f->buf);
	f->len = f->size = 0;

	return err;
}

static int reserve(struct sp_sip_frame *f, size_t size)
{
	uint8_t *buf;

	if (size <= f->size)
		return 0;

	/* mem_realloc() does not take NULL. */
	buf = f->buf ? mem_realloc(f->buf, size) : mem_alloc(size, NULL);
	if (!buf)
		return broken(f, ENOMEM, "out of memory");

	f->buf = buf;
	f->size = size;

	return 0;
}

static int append(struct sp_sip_frame *f, const uint8_t *p, size_t n)
{
	if (f->len + n > f->size) {
		size_t size = f->size ? f->size * 2 : BUFFER_MIN;
		int err;

		while (size < f->len + n)
			size *= 2;

		err = reserve(f, size);
		if (err)
			return err;
	}

	memcpy(f->buf + f->len, p, n);
	f->len += n;

	return 0;
}

static int head_append(struct sp_sip_frame *f, const uint8_t *p, size_t n)
{
	if (f->len + n > SP_SIP_HEAD_MAX)
		return broken(f, EMSGSIZE, "head too long");

	return append(f, p, n);
}

/* Hand over what is in the buffer, and be ready for the next message. */
static void deliver(struct sp_sip_frame *f)
{
	const size_t n = f->len;

	f->state = IDLE;
	f->after = true;
	f->crlfs = 0;
	f->len = 0;
	f->h((const char *)f->buf, n, f->arg);
	if (f->buf)
		explicit_bzero(f->buf, n); /* there may be keys in its body */
}

/* What is no header name but has all its letters, and no others: "Content-Length"
 * before a control character, in quotes, folded, without its colon. There are
 * readers who take away what is around them, and end the message elsewhere. */
static bool looks_like_length(const struct pl *name)
{
	char letters[] = "content-length";
	size_t n = 0;

	for (size_t i = 0; i < name->l; i++) {
		const char c = (char)(name->p[i] | 0x20);

		if (c < 'a' || c > 'z')
			continue;
		if (n == sizeof(letters) - 2)
			return false;
		letters[n++] = c;
	}
	letters[n] = '\0';

	return !strcmp(letters, "l") || !strcmp(letters, "contentlength");
}

/* One header field with its folds: is it Content-Length, and which? */
static int field_length(struct sp_sip_frame *f, struct pl field, bool *found)
{
	const char *colon = memchr(field.p, ':', field.l);
	struct pl name = field, value;
	uint32_t length;
	int err;

	name.l = colon ? (size_t)(colon - field.p) : field.l;
	sp_sip_trim(&name);
	if (!colon || !sp_sip_is_token(&name))
		return looks_like_length(&name) ? broken(f, EBADMSG, "ambiguous Content-Length")
						: 0;
	if (sp_sip_name_id(&name) != SP_HDR_CONTENT_LENGTH)
		return 0;
	if (*found)
		return broken(f, EBADMSG, "more than one Content-Length");

	value.p = colon + 1;
	value.l = field.l - (size_t)(value.p - field.p);
	while (value.l && strchr(" \t\r\n", value.p[0]))
		pl_advance(&value, 1);
	while (value.l && strchr(" \t\r\n", value.p[value.l - 1]))
		--value.l;

	err = sp_u32(&length, &value, SP_SIP_BODY_MAX);
	if (err == ERANGE)
		return broken(f, EMSGSIZE, "body too long");
	if (err)
		return broken(f, EBADMSG, "bad Content-Length");

	*found = true;
	f->whole = f->len + length;

	return 0;
}

/* The head is whole: how long is the message? */
static int head_end(struct sp_sip_frame *f)
{
	const char *p = (const char *)f->buf, *end = p + f->len - 2;
	bool found = false;
	int err;

	/* The start line is no header, even if it looks like one. */
	p = (const char *)memchr(p, '\n', f->len) + 1;

	while (p < end) {
		struct pl field = {p, 0};

		do
			p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
		while (p < end && sp_sip_isblank(*p));

		field.l = (size_t)(p - field.p);
		err = field_length(f, field, &found);
		if (err)
			return err;
	}

	if (!found)
		return broken(f, EBADMSG, "no Content-Length");

	err = reserve(f, f->whole);
	if (err)
		return err;

	f->state = BODY;
	if (f->len == f->whole)
		deliver(f);

	return 0;
}

/* Two CRLFs that come together are the peer's own keep-alive even when an answer
 * to ours is due: many never answer. One that comes with the end of a message
 * is none either: some put it behind each. */
static void lone_crlf(struct sp_sip_frame *f)
{
	if (!f->pinged || f->crlfs != 1)
		return;

	f->crlfs = 0;
	if (f->after)
		return;

	f->pinged = false;
	++f->pongs;
}

/* Between messages. @return bytes consumed, in *used */
static int idle_input(struct sp_sip_frame *f, const uint8_t *p, size_t *used)
{
	*used = 1;

	if (f->state == IDLE_CR) {
		if (*p != '\n')
			return broken(f, EBADMSG, "bare CR");

		f->state = IDLE;
		if (++f->crlfs == 2) {
			f->crlfs = 0;
			f->h((const char *)p, 0, f->arg);
		}
	} else if (*p == '\r') {
		f->state = IDLE_CR;
	} else if (sp_sip_ischar((char)*p, CH_TOKEN)) {
		lone_crlf(f);
		f->state = TEXT;
		f->lines = 1;
		f->line = 0;
		*used = 0;
	} else {
		return broken(f, EBADMSG, "not SIP");
	}

	return 0;
}

/* The rest of a line, up to its CR or the end of the input. Of several things
 * that are wrong the first one counts, whatever came along with it. */
static int text_input(struct sp_sip_frame *f, const uint8_t *p, size_t n, size_t *used)
{
	const size_t max = f->lines == 1 ? SP_SIP_START_MAX : SP_SIP_LINE_MAX;
	const uint8_t *cr = memchr(p, '\r', n), *lf, *nul;
	size_t l = cr ? (size_t)(cr - p) : n;
	int err;

	lf = memchr(p, '\n', l);
	if (lf)
		l = (size_t)(lf - p);
	nul = memchr(p, '\0', l);
	if (nul)
		l = (size_t)(nul - p);

	f->line += l;
	if (f->line > max)
		return broken(f, EMSGSIZE, f->lines == 1 ? "start line too long" : "line too long");

	err = head_append(f, p, l);
	if (err)
		return err;

	*used = l;
	if (nul)
		return broken(f, EBADMSG, "NUL");
	if (lf)
		return broken(f, EBADMSG, "bare LF");
	if (!cr)
		return 0;

	f->state = LINE_CR;
	*used = l + 1;

	return head_append(f, cr, 1);
}

/* The first byte of a line. The line is a new one, a fold, or the empty line. */
static int line_start(struct sp_sip_frame *f, uint8_t c)
{
	if (c == '\r') {
		f->state = HEAD_CR;
		return head_append(f, &c, 1);
	}

	if (sp_sip_isblank((char)c)) {
		if (f->lines == 1)
			return broken(f, EBADMSG, "folded start line");
		f->line += 2;
	} else {
		++f->lines;
		f->line = 0;
	}
	f->state = TEXT;

	return 0;
}

static int head_input(struct sp_sip_frame *f, const uint8_t *p, size_t n, size_t *used)
{
	int err;

	if (f->state == TEXT)
		return text_input(f, p, n, used);

	if (f->state == LINE_START) {
		*used = *p == '\r';
		return line_start(f, *p);
	}

	*used = 1;
	if (*p != '\n')
		return broken(f, EBADMSG, "bare CR");

	if (f->state == LINE_CR) {
		f->state = LINE_START;
		return head_append(f, p, 1);
	}

	err = head_append(f, p, 1);

	return err ? err : head_end(f);
}

static int body_input(struct sp_sip_frame *f, const uint8_t *p, size_t n, size_t *used)
{
	int err;

	*used = min(n, f->whole - f->len);
	err = append(f, p, *used);
	if (err)
		return err;

	if (f->len == f->whole)
		deliver(f);

	return 0;
}

static int input(struct sp_sip_frame *f, const uint8_t *p, size_t n, size_t *used)
{
	switch (f->state) {

	case IDLE:
	case IDLE_CR:
		return idle_input(f, p, used);

	case BODY:
		return body_input(f, p, n, used);

	case BROKEN:
		return f->err;

	default:
		return head_input(f, p, n, used);
	}
}

int sp_sip_frame_input(struct sp_sip_frame *f, const uint8_t *p, size_t n, const char **why)
{
	int err = 0;

	if (!f || (!p && n))
		return EINVAL;

	/* Our own reference, so that the handler may drop the owner's. */
	mem_ref(f);
	f->after = false;

	while (n && !err && mem_nrefs(f) > 1) {
		size_t used = 0;

		err = input(f, p, n, &used);
		p += used;
		n -= used;
	}

	if (err && why)
		*why = f->why;

	if (f->state == IDLE)
		lone_crlf(f);
	if (f->state == IDLE || f->state == IDLE_CR) {
		f->buf = mem_deref(f->buf);
		f->size = 0;
	}
	mem_deref(f);

	return err;
}

bool sp_sip_frame_partial(const struct sp_sip_frame *f)
{
	return f && f->state != IDLE && f->state != IDLE_CR && f->state != BROKEN;
}

void sp_sip_frame_pinged(struct sp_sip_frame *f)
{
	if (!f)
		return;
	f->pinged = true;
	f->crlfs = 0;
}

uint64_t sp_sip_frame_pongs(const struct sp_sip_frame *f)
{
	return f ? f->pongs : 0;
}
