/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sdp/, private: the index that the parser leaves behind and the rewriter
 * reads. A description is a row of lines; a section is a range of them:
 * section 0 is the session, section i + 1 belongs to m-line i.
 */
#ifndef SALLYPORT_SDP_PRIV_H
#define SALLYPORT_SDP_PRIV_H

#include <sallyport/sdp.h>

enum {
	SDES_TAG_MAX = 999999999, /**< 1*9DIGIT (RFC 4568 9.1) */
	SDP_HOSTS_MAX = 24,       /**< different addresses and names in o=, c= and a=rtcp */
	SDP_HOST_MIN = 3          /**< shorter texts name nobody and would match everywhere */
};

/** What the rewriter does with a line. */
enum line_kind {
	LINE_COPY,    /**< byte for byte, unless it names one of the sender's hosts */
	LINE_DROP,    /**< left out                                                 */
	LINE_VERSION, /**< v=                                                       */
	LINE_ORIGIN,  /**< o=                                                       */
	LINE_NAME,    /**< s=                                                       */
	LINE_TIME,    /**< t=                                                       */
	LINE_CONN,    /**< c=, the first of its section                             */
	LINE_MLINE,   /**< m=, opens a section                                      */
	LINE_CRYPTO,  /**< a=crypto                                                 */
	LINE_RTCP,    /**< a=rtcp, the first of its section                         */
	LINE_MUX,     /**< a=rtcp-mux or a=rtcp-mux-only, likewise                  */
	LINE_RTPMAP,  /**< a=rtpmap: copied, and looked at                          */
	LINE_DIR      /**< a=sendrecv and so on, the first of its section           */
};

struct line {
	struct pl text; /**< "x=value" without its ending */
	enum line_kind kind;
};

struct section {
	size_t first, end;  /**< lines [first, end)                              */
	struct pl conn;     /**< value of c=; p is NULL when there is none       */
	struct pl rtcp;     /**< value of a=rtcp, likewise                       */
	size_t crypto;      /**< line of the first a=crypto; 0 when there is none */
	bool mux, mux_only; /**< a=rtcp-mux, a=rtcp-mux-only                     */
	struct pl tail;     /**< media: the m-line from its proto to its end     */
	enum sp_sdp_dir dir;
	bool has_dir; /**< dir was said in this section                         */
	bool held;    /**< media: its c= is 0.0.0.0 or ::                       */
	bool formats; /**< media: the m-line has one at least                   */
};

struct sp_sdp {
	struct line *linev; /**< in the same block of memory */
	size_t linec, line_max;
	struct section sectionv[1 + SP_SDP_MEDIA_MAX];
	struct sp_sdp_media *mediav; /**< in memory for keys, with text behind it */
	size_t mediac, media_max;
	struct pl hostv[SDP_HOSTS_MAX]; /**< texts that must not go out */
	size_t hostc;
	bool has_origin, has_name, has_time;
	size_t len;
	char *text; /**< all pl point in here */
};

/** Take the next word off rest; words stand between spaces or tabs. */
bool sp_sdp_word(struct pl *word, struct pl *rest);

/** Read "IN IP4 192.0.2.1": a unicast address, or the unspecified one. */
bool sp_sdp_address(struct sa *sa, const struct pl *value, uint16_t port);

/** Split "a=name:value"; no spaces around name, value empty when there is none. */
void sp_sdp_attribute(struct pl *name, struct pl *value, const struct pl *line);

enum line_kind sp_sdp_kind(const struct pl *line);

const char *sp_sdp_dir_name(enum sp_sdp_dir dir);
bool sp_sdp_dir_find(enum sp_sdp_dir *dir, const struct pl *name);

/**
 * Read m-line i, whose section is indexed, and judge whether it can be used.
 * @return 0 or EBADMSG, with why
 */
int sp_sdp_media_judge(struct sp_sdp *s, size_t i, const char **why);

#endif
