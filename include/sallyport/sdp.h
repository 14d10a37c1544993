/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sdp/: session descriptions as text in, text out (RFC 4566, RFC 8866), and
 * the keys in them (RFC 4568). Pure: knows no socket and no call.
 *
 * A description is indexed by line and rewritten by line: o=, c=, m=,
 * a=crypto, a=rtcp and a=rtcp-mux are ours; what names the sender's network or asks for what
 * this gateway does not do (ICE, DTLS, BUNDLE) is dropped; every other line is
 * copied byte for byte, in its place.
 */
#ifndef SALLYPORT_SDP_H
#define SALLYPORT_SDP_H

#include <re.h>

enum {
	SP_SDP_LINES_MAX = 200,
	SP_SDP_MEDIA_MAX = 8,
	SP_SDP_SIZE_MAX = 32 * 1024,
	SP_SDES_KEY_SIZE = 30,   /**< master key 16, master salt 14 (RFC 4568 6.2) */
	SP_SDES_KEY_TEXT = 41,   /**< 40 characters of base64 and a NUL */
	SP_SDES_CRYPTO_MAX = 16, /**< a=crypto lines looked at per m-line */
	SP_SDP_CLOCKS_MAX = 16   /**< a=rtpmap entries kept per m-line */
};

enum sp_sdp_dir { SP_SDP_SENDRECV, SP_SDP_SENDONLY, SP_SDP_RECVONLY, SP_SDP_INACTIVE };

/** Why an m-line cannot be used. */
enum sp_sdp_fault {
	SP_SDP_OK,
	SP_SDP_DISABLED,     /**< port 0: refused or ended by the sender        */
	SP_SDP_PLAIN,        /**< not RTP/SAVP or RTP/SAVPF: not encrypted       */
	SP_SDP_NO_SUITE,     /**< no a=crypto with AES_CM_128_HMAC_SHA1_80       */
	SP_SDP_KEY_UNUSABLE, /**< our suite, but several keys, a bad one, or unknown parameter */
	SP_SDP_NO_ADDRESS    /**< no c= that is one unicast address, or not one port */
};

/** a=crypto as chosen for an m-line. */
struct sp_sdes {
	uint32_t tag;
	uint8_t key[SP_SDES_KEY_SIZE]; /**< wipe after use */
	uint64_t lifetime;             /**< packets; 0: not said                       */
	uint64_t mki;                  /**< master key identifier of the sender's packets */
	uint8_t mki_len;               /**< its octets in them; 0: none                */
};

/** Clock rate of a payload type (a=rtpmap, RFC 8866 6.6). */
struct sp_sdp_clock {
	uint8_t type;
	uint32_t hz;
};

/** What the gateway needs to know of one m-line. */
struct sp_sdp_media {
	struct pl type;  /**< "audio"                                          */
	struct pl proto; /**< "RTP/SAVP" or "RTP/SAVPF" (RFC 5124)            */
	enum sp_sdp_fault fault;
	enum sp_sdp_dir dir; /**< media level, else session level, else sendrecv; with
				  c=0.0.0.0 sendonly or inactive (RFC 3264 8.4) */
	struct sa rtp;       /**< where the sender wants RTP                    */
	struct sa rtcp;      /**< a=rtcp (RFC 3605), else the port above RTP's; where there
				  is none, by mux, RTP's own               */
	bool mux;            /**< a=rtcp-mux (RFC 5761, RFC 8035)               */
	bool mux_only;       /**< a=rtcp-mux-only (RFC 8858): the sender has one port */
	struct sp_sdes sdes; /**< set when fault is OK                          */
	struct sp_sdp_clock clockv[SP_SDP_CLOCKS_MAX];
	size_t clockc;
};

struct sp_sdp;

/**
 * Parse and index a description. The text is copied.
 * @param why set to what is wrong, for people, on EBADMSG and EOVERFLOW (static text)
 * @return 0, EBADMSG, EOVERFLOW (a limit of this header), ENOMEM
 */
int sp_sdp_parse(struct sp_sdp **sp, const char *text, size_t len, const char **why);

/** The text that was parsed. */
void sp_sdp_text(const struct sp_sdp *s, struct pl *text);

size_t sp_sdp_mediac(const struct sp_sdp *s);
const struct sp_sdp_media *sp_sdp_media(const struct sp_sdp *s, size_t i);

/** First m-line that is usable or, for the reason, the first that is not. */
enum sp_sdp_fault sp_sdp_verdict(const struct sp_sdp *s);

/** Text for a Warning header (RFC 3261 20.43) and the log: why a fault is one. */
const char *sp_sdp_fault_text(enum sp_sdp_fault fault);

/** Our side of one m-line towards the leg that the description goes to. */
struct sp_sdp_local_media {
	bool enabled; /**< false: written with port 0                       */
	uint16_t rtp_port;
	uint16_t rtcp_port;
	bool mux;     /**< a=rtcp-mux: as an offer we can, as an answer we do */
	uint32_t tag; /**< crypto tag: the offer's in an answer, ours in an offer */
	uint8_t key[SP_SDES_KEY_SIZE];
};

/**
 * How the directions of an offer are written. Two peers may know different ways of
 * hold (RFC 3264 8.4): one sendonly, for its own music, the other inactive only.
 */
enum sp_sdp_hold {
	SP_SDP_HOLD_KEEP,     /**< as its sender has them                           */
	SP_SDP_HOLD_SENDONLY, /**< hold, be it sendonly or inactive, as sendonly    */
	SP_SDP_HOLD_INACTIVE, /**< hold as inactive                                 */
	SP_SDP_RESUME         /**< sendrecv whatever they were: for somebody new    */
};

/** Our side of a description. All of it zero but for what is needed: plain relaying. */
struct sp_sdp_local {
	struct sa addr;             /**< advertised media address of the interface         */
	uint64_t session_id;        /**< per leg, constant for the leg's life              */
	uint64_t version;           /**< RFC 3264 8: one higher with each changed description */
	enum sp_sdp_hold hold;      /**< for offers; answers keep their directions     */
	const struct sp_sdp *offer; /**< for answers, may be NULL: what is answered. A direction
					 that it does not allow, by its hold having been
					 told in another way, is narrowed (RFC 3264 6.1) */
	struct sp_sdp_local_media mediav[SP_SDP_MEDIA_MAX];
};

/**
 * Write s as it goes out on the other leg. An m-line with a fault goes out with
 * port 0 even when it is enabled. A line that holds the text of an address of
 * the sender's (o=, c=, a=rtcp) is left out.
 * @return 0, ENOMEM, or EINVAL (no address, or a tag over 999999999)
 */
int sp_sdp_rewrite(struct mbuf *out, const struct sp_sdp *s, const struct sp_sdp_local *local);

/**
 * Same description but for the version in o=? Decides whether the version must rise.
 */
bool sp_sdp_same(const struct pl *a, const struct pl *b);

/**
 * Decode the value of one a=crypto attribute ("1 AES_CM_128_HMAC_SHA1_80 inline:...").
 * One key, with lifetime and MKI if it has them; several keys and unknown session
 * parameters are not usable.
 * @return 0; ENOTSUP (another suite); EPROTO (our suite, not usable); EBADMSG (malformed)
 */
int sp_sdes_decode(struct sp_sdes *sdes, const struct pl *value);

/** Write "TAG AES_CM_128_HMAC_SHA1_80 inline:KEY" to mb. */
int sp_sdes_encode(struct mbuf *mb, const struct sp_sdes *sdes);

#endif
