/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/, private: what the files of this room share.
 *
 * identity.c  the names a certificate shows (RFC 5922 section 7.1), and whether
 *             they match a domain: pure
 * pem.c       reading PEM files
 * check.c     the gateway's certificate and key: every problem reported
 * roots.c     CA bundles and the public roots
 * verify.c    peers, and the judgement on a certificate shown in a handshake
 * context.c   policy: versions, suites, curves
 * conn.c      life of a connection; stream.c: its bytes
 * listen.c    accepting; source.c: how often one address may come
 * crl.c       lists of revoked certificates
 * dates.c     what a PEM file holds, and when it ends
 */
#ifndef SALLYPORT_TLS_PRIV_H
#define SALLYPORT_TLS_PRIV_H

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "sallyport/tls.h"

enum {
	SP_TLS_NAMES_MAX = 256,           /**< names read from one certificate          */
	SP_TLS_NAME_MAX = 253,            /**< longest domain name (RFC 1035)           */
	SP_TLS_CHAIN_MAX = 64 * 1024,     /**< a peer's certificate message             */
	SP_TLS_DEPTH_MAX = 6,             /**< intermediates below a trust anchor       */
	SP_TLS_FILE_MAX = 1024 * 1024,    /**< a certificate, key or CA file            */
	SP_TLS_CRL_MAX = 8 * 1024 * 1024, /**< a CRL file                            */
	SP_TLS_READS_MAX = 64,            /**< SSL_read calls of one connection per turn */
	SP_TLS_BACKLOG = 1024,            /**< clients that wait to be accepted         */
	SP_TLS_SOURCE_SHARE = 4,          /**< of all handshakes one address may hold 1/4 */
	SP_TLS_SOURCES = 4096,            /**< addresses whose rate is remembered       */
	SP_TLS_SOURCE_WAYS = 8,           /**< places where one address may be kept     */
	SP_TLS_ACCEPTS_MAX = 64,          /**< clients accepted per turn                */
	SP_TLS_CROWDED_MS = 1000,         /**< for a handshake, when others wait        */
	SP_TLS_ACCEPT_PAUSE_MS = 100,     /**< after running out of descriptors         */
	SP_TLS_REFUSED_LOG_RATE = 20,     /**< "tls_refused" lines per second           */
	SP_TLS_REFUSED_LOG_BURST = 100,
	SP_TLS_SECURITY_LEVEL = 2 /**< OpenSSL's: 112 bits, no SHA-1, RSA 2048  */
};

/* identity.c */

/** The names of a certificate that count as its SIP domain identities. */
struct sp_tls_names;

int sp_tls_names_alloc(struct sp_tls_names **np, const X509 *cert);
size_t sp_tls_names_count(const struct sp_tls_names *names);
const char *sp_tls_names_at(const struct sp_tls_names *names, size_t i);
bool sp_tls_names_show(const struct sp_tls_names *names, const char *domain, bool wildcard);

/** %H handler: "a.example, b.example"; "no usable name" when there is none. */
int sp_tls_names_print(struct re_printf *pf, const struct sp_tls_names *names);

/** %H handlers: a name, and that of the subject, escaped: "CN=a.example,O=A". */
int sp_tls_name_print(struct re_printf *pf, const X509_NAME *name);
int sp_tls_subject_print(struct re_printf *pf, const X509 *cert);

/** Whether shown, a name from a certificate, covers domain. */
bool sp_tls_name_match(const char *shown, const char *domain, bool wildcard);

/** A host name: letters, digits, "-", "_" in labels; with star, the first label may be "*". */
bool sp_tls_name_ok(const char *p, size_t n, bool star);

/* pem.c, check.c, roots.c */

/** What a certificate file and a key file hold. */
struct sp_tls_pair {
	X509 *leaf;
	STACK_OF(X509) * chain; /**< without the leaf */
	EVP_PKEY *key;
};

/** Who is told of problems. */
struct sp_tls_report {
	sp_tls_problem_h *h;
	void *arg;
	unsigned count;
};

void sp_tls_report(struct sp_tls_report *r, const char *path, const char *mend, const char *fmt,
		   ...);

/** A whole file of at most max bytes. @return 0 with *mbp for sp_tls_pem_wipe(), or errno value,
 * reported */
int sp_tls_pem_read(struct mbuf **mbp, const char *path, size_t max, mode_t *mode,
		    struct sp_tls_report *r);
void sp_tls_pem_wipe(struct mbuf *mb);
X509 *sp_tls_pem_next(BIO *bio);

/* Without memory OpenSSL finds files damaged, or leaves out what it could not keep. */
void sp_tls_memory_begin(void);
/** @return err, or ENOMEM when there was none since sp_tls_memory_begin() */
int sp_tls_memory_end(int err);

/** After sp_tls_pem_next() gave NULL: whether that was the end, and not damage. */
bool sp_tls_pem_end(void);
bool sp_tls_expired(const X509 *cert);

/** %H handler: "2025-05-12". */
int sp_tls_day_print(struct re_printf *pf, const ASN1_TIME *t);

/** Read and check both files. @return 0; EINVAL with at least one problem reported; ENOMEM, and
 * problems are none */
int sp_tls_pair_load(struct sp_tls_pair *pair, const char *cert, const char *key,
		     struct sp_tls_report *r);
void sp_tls_pair_reset(struct sp_tls_pair *pair);

/** "DNS:a, URI:sip:b", as many whole names as there is room for; buf is empty before. */
void sp_tls_sans_fill(char *buf, size_t size, const X509 *cert);

/** A store with the CAs of the file. An expired one among them is reported, but no error. */
int sp_tls_ca_load(X509_STORE **sp, const char *ca, struct sp_tls_report *r);

/** A store with the public roots in dir. notes: also say what is no error. */
int sp_tls_roots_load(X509_STORE **sp, const char *dir, bool notes, struct sp_tls_report *r);

extern const char sp_tls_roots_dir[];

/* crl.c */

/** Add the CRLs of a file to the store of the CAs. One that is out of date is reported, but no
 * error: whoever it speaks of is refused. */
int sp_tls_crl_load(X509_STORE *store, const char *crl, struct sp_tls_report *r);

/** Have a verification look at the CRLs of its store. */
int sp_tls_crl_demand(X509_STORE_CTX *ctx);

/** Why a verification that looked at CRLs failed, if it was for them. @return false: it was not */
bool sp_tls_crl_explain(char *buf, size_t size, X509_STORE_CTX *ctx);

/* verify.c */

/** Why a certificate was refused: OpenSSL's code (it chooses the alert) and a text. */
struct sp_tls_refusal {
	int code;
	char why[SP_TLS_WHY_SIZE];
};

/**
 * Judge a certificate against those peers that may come.
 * @param name with a client: what the certificate must show besides; or NULL
 * @param src  with a server: where it connects from; NULL: networks do not matter
 * @return the peer it belongs to, not referenced; NULL with *refusal filled
 */
struct sp_tls_peer *sp_tls_judge(struct sp_tls_refusal *refusal, struct sp_tls_peer *const *peerv,
				 size_t peerc, X509 *leaf, STACK_OF(X509) * untrusted, bool client,
				 const char *name, const struct sa *src);

/** Whether src is in the peer's networks. */
bool sp_tls_peer_takes(const struct sp_tls_peer *p, const struct sa *src);

/** For SSL_CTX_set_cert_verify_callback(). */
int sp_tls_verify(X509_STORE_CTX *store, void *arg);

/* context.c */

struct sp_tls_context {
	SSL_CTX *ssl;
	struct sp_tls_peer **peerv; /**< referenced */
	size_t peerc;
};

/** Whether any of its peers may connect from src. */
bool sp_tls_context_takes(const struct sp_tls_context *c, const struct sa *src);

/* source.c */

/** How often each address may come: token buckets in a table of fixed size. */
struct sp_tls_sources;

int sp_tls_sources_alloc(struct sp_tls_sources **sp, unsigned per_s, unsigned burst);

/** Another rate: what was remembered is forgotten. Nothing happens when it is the same. */
void sp_tls_sources_rate(struct sp_tls_sources *s, unsigned per_s, unsigned burst);

/** @return false: it comes too often */
bool sp_tls_sources_take(struct sp_tls_sources *s, const struct sa *src, uint64_t now_ms);

/** One source: the same IPv4 address, or the same IPv6 /64. */
bool sp_tls_source_same(const struct sa *a, const struct sa *b);

/* conn.c */

enum sp_tls_state {
	SP_TLS_CONNECTING, /**< TCP                                            */
	SP_TLS_HANDSHAKE,  /**< TLS                                            */
	SP_TLS_UP,
	SP_TLS_FAILING, /**< lost in sp_tls_send(): down comes from the loop   */
	SP_TLS_CLOSED
};

struct sp_tls_conn {
	struct sp_loop *loop;
	struct sp_tls_context *ctx;
	struct sp_tls_peer *peer; /**< referenced; set by the verify callback      */
	SSL *ssl;
	int fd;
	int flags; /**< what the loop watches the descriptor for */
	enum sp_tls_state state;
	bool client;
	bool known;      /**< the handshake was completed              */
	bool refused;    /**< we refused the certificate; why says it   */
	bool want_write; /**< OpenSSL waits for the socket to take bytes */
	bool corked;     /**< a turn reads: what it has sent goes at its end */
	char *name;      /**< for SNI and the check of names, or NULL   */
	struct sp_tls_handlers h;
	void *arg;
	struct sp_timer timer; /**< deadline; later: more to read, or down    */
	struct sa laddr, raddr;
	struct {
		uint8_t *p;
		size_t pos, end, size;
	} queue; /**< freed when empty: idle connections are many */
	int err;
	char why[SP_TLS_WHY_SIZE];
	char cipher[64];
};

/** Take over an accepted descriptor. On error it stays the caller's. */
int sp_tls_conn_accept(struct sp_tls_conn **cp, struct sp_loop *loop, struct sp_tls_context *ctx,
		       int fd, const struct sa *raddr, const struct sp_tls_handlers *h, void *arg);

/* stream.c */

/** Hand out what arrived. @return false when the connection is lost: err and why are set */
bool sp_tls_stream_read(struct sp_tls_conn *c);

/** Send what waits. @return as above */
bool sp_tls_stream_flush(struct sp_tls_conn *c);

/** After an SSL call that returned ret <= 0. @return true to try again later, false: lost */
bool sp_tls_stream_again(struct sp_tls_conn *c, int ret);

/** Closed, lost, or nobody but the loop's turn holds it any more. */
bool sp_tls_stream_gone(const struct sp_tls_conn *c);

/** Lost: let go of everything and call down, with err and why as they are. */
void sp_tls_conn_fail(struct sp_tls_conn *c);

/** Tell the loop what to watch for. */
int sp_tls_conn_watch(struct sp_tls_conn *c);

/** Go on reading in the next turn. */
void sp_tls_conn_more(struct sp_tls_conn *c);

#endif
