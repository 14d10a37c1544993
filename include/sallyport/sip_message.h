/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/frame, sip/parse, sip/message: bytes of a reliable transport into
 * messages, and messages into bytes (RFC 3261 7, 18.3, 25).
 *
 * A parsed message owns one copy of its text, in one block of memory with it;
 * everything in it points there. mem_deref() frees it.
 * The parser is strict: what is not a SIP message by the grammar is refused,
 * never repaired, and what two readers could read differently (two
 * Content-Length, bare CR or LF, NUL) is not a SIP message.
 */
#ifndef SALLYPORT_SIP_MESSAGE_H
#define SALLYPORT_SIP_MESSAGE_H

#include "sallyport/sip_header.h"

enum {
	SP_SIP_START_MAX = 2048,
	SP_SIP_LINE_MAX = 4096, /**< one header field with its folded lines */
	SP_SIP_HEADERS_MAX = 128,
	SP_SIP_HEAD_MAX = 32 * 1024,
	SP_SIP_BODY_MAX = 32 * 1024,
	SP_SIP_VIA_MAX = 32,
	SP_SIP_MAX_FORWARDS = 70
};

/* clang-format off */
enum sp_sip_method {
	SP_SIP_INVITE, SP_SIP_ACK, SP_SIP_BYE, SP_SIP_CANCEL, SP_SIP_OPTIONS, SP_SIP_UPDATE,
	SP_SIP_PRACK, SP_SIP_INFO, SP_SIP_REFER, SP_SIP_NOTIFY, SP_SIP_SUBSCRIBE, SP_SIP_MESSAGE,
	SP_SIP_REGISTER, SP_SIP_PUBLISH, SP_SIP_OTHER
};
/* clang-format on */

/* clang-format off */
enum sp_sip_id {
	SP_HDR_OTHER, SP_HDR_VIA, SP_HDR_FROM, SP_HDR_TO, SP_HDR_CALL_ID, SP_HDR_CSEQ,
	SP_HDR_CONTACT, SP_HDR_MAX_FORWARDS, SP_HDR_CONTENT_LENGTH, SP_HDR_CONTENT_TYPE,
	SP_HDR_CONTENT_ENCODING, SP_HDR_ROUTE, SP_HDR_RECORD_ROUTE, SP_HDR_REQUIRE,
	SP_HDR_PROXY_REQUIRE, SP_HDR_SUPPORTED, SP_HDR_ALLOW, SP_HDR_REASON, SP_HDR_WARNING,
	SP_HDR_RETRY_AFTER, SP_HDR_PRIVACY, SP_HDR_P_ASSERTED_IDENTITY, SP_HDR_EXPIRES,
	SP_HDR_ERROR_INFO, SP_HDR_ACCEPT
};
/* clang-format on */

struct sp_sip_hdr {
	enum sp_sip_id id;
	struct pl name;
	struct pl value; /**< trimmed; folds replaced by spaces in our copy */
};

struct sp_sip_msg {
	bool request;
	enum sp_sip_method method; /**< of a response: the CSeq's */
	struct pl method_name;
	struct pl ruri; /**< requests: text and, decoded, below */
	struct sp_sip_uri uri;
	uint16_t status; /**< responses: 100..699 */
	struct pl reason;
	struct pl branch;  /**< topmost Via */
	struct pl sent_by; /**< topmost Via, host[:port] */
	struct sp_sip_addr from, to;
	struct pl from_tag, to_tag; /**< l == 0 when absent */
	struct pl call_id;
	uint32_t cseq;
	uint32_t max_forwards; /**< SP_SIP_MAX_FORWARDS when absent */
	bool has_max_forwards;
	struct pl content_type;
	struct pl body;
	char *text; /**< in the same block of memory as the struct */
	size_t hdrc;
	struct sp_sip_hdr hdrv[];
};

/** What is wrong with a message that was refused, and whether it can be answered. */
struct sp_sip_fault {
	uint16_t status;    /**< 400, 413, 416, 505: what a request would get   */
	const char *reason; /**< static text                                       */
	bool answerable;    /**< Via, From, To, Call-ID and CSeq of a request, not ACK, were good */
};

/**
 * Parse one whole message as the framer cut it. On EBADMSG with
 * fault->answerable, *mp is set all the same, good for a reply only.
 * @return 0, EBADMSG, ENOMEM
 */
int sp_sip_msg_parse(struct sp_sip_msg **mp, const char *p, size_t n, struct sp_sip_fault *fault);

/** First header with this id after `after` (NULL: from the start), or NULL. */
const struct sp_sip_hdr *sp_sip_msg_next(const struct sp_sip_msg *m, enum sp_sip_id id,
					 const struct sp_sip_hdr *after);

/** First header with this name, any case, compact form taken into account; or NULL. */
const struct sp_sip_hdr *sp_sip_msg_named(const struct sp_sip_msg *m, const char *name);

/** Is token one of the comma-separated values of any header with this id? */
bool sp_sip_msg_lists(const struct sp_sip_msg *m, enum sp_sip_id id, const char *token);

const char *sp_sip_method_name(enum sp_sip_method method);
enum sp_sip_method sp_sip_method(const struct pl *name);

/** Standard reason phrase; "Unknown" for codes without one. */
const char *sp_sip_reason(uint16_t status);

/** Cuts a byte stream into messages. Bounded: it holds at most one message. */
struct sp_sip_frame;

/** One whole message (p, n), or a keep-alive double CRLF (n == 0) (RFC 5626 3.5.1). */
typedef void(sp_sip_frame_h)(const char *p, size_t n, void *arg);

int sp_sip_frame_alloc(struct sp_sip_frame **fp, sp_sip_frame_h *h, void *arg);

/**
 * Feed bytes; h is called for each message completed. The handler may deref the frame.
 * @param why static text on failure
 * @return 0, EBADMSG or EMSGSIZE (the stream cannot be read on: close it), ENOMEM
 */
int sp_sip_frame_input(struct sp_sip_frame *f, const uint8_t *p, size_t n, const char **why);

/** Does it hold the beginning of a message? */
bool sp_sip_frame_partial(const struct sp_sip_frame *f);

/** We sent a keep-alive: the next CRLF that comes alone answers it (RFC 5626 3.5.1). */
void sp_sip_frame_pinged(struct sp_sip_frame *f);
/** How many such answers have come. */
uint64_t sp_sip_frame_pongs(const struct sp_sip_frame *f);

/**
 * Write one header line, "name: value CRLF".
 * @return 0, EBADMSG when the value would hold CR, LF or NUL (nothing is written), ENOMEM
 */
int sp_sip_put(struct mbuf *mb, const char *name, const char *fmt, ...);

/** A Warning header with code 399 and our host, text quoted (RFC 3261 20.43). */
int sp_sip_put_warning(struct mbuf *mb, const char *host, const char *text);

#endif
