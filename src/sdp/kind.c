/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sdp/kind: what is to become of a line, from its type and, for a=, from the
 * name of the attribute. The table is the gateway's policy on attributes;
 * what it does not name is copied.
 */
#include <string.h>
#include "sdp_priv.h"

struct rule {
	const char *name;
	bool prefix; /**< every attribute whose name begins so */
	enum line_kind kind;
};

static const struct rule rulev[] = {
	/* ours */
	{"crypto", false, LINE_CRYPTO},
	{"rtcp", false, LINE_RTCP},
	{"rtcp-mux", false, LINE_MUX},
	{"rtcp-mux-only", false, LINE_MUX},
	{"rtpmap", false, LINE_RTPMAP},
	/* directions (RFC 8866 6.7) */
	{"sendrecv", false, LINE_DIR},
	{"sendonly", false, LINE_DIR},
	{"recvonly", false, LINE_DIR},
	{"inactive", false, LINE_DIR},
	/* ICE (RFC 8839) and its older and vendor forms */
	{"candidate", false, LINE_DROP},
	{"remote-candidate", true, LINE_DROP},
	{"end-of-candidates", false, LINE_DROP},
	{"ice-", true, LINE_DROP},
	{"x-candidate", true, LINE_DROP},
	{"x-caps", false, LINE_DROP},
	/* other addresses: ANAT's heir (RFC 6947), source filters (RFC 4570) */
	{"alt", false, LINE_DROP},
	{"altc", false, LINE_DROP},
	{"source-filter", false, LINE_DROP},
	/* other ways to a key: DTLS (RFC 8842), MIKEY (RFC 4567), ZRTP, identity */
	{"fingerprint", false, LINE_DROP},
	{"setup", false, LINE_DROP},
	{"tls-id", false, LINE_DROP},
	{"dtls-id", false, LINE_DROP},
	{"cert", false, LINE_DROP},
	{"key-mgmt", false, LINE_DROP},
	{"zrtp-hash", false, LINE_DROP},
	{"identity", false, LINE_DROP},
	/* one port for many: BUNDLE (RFC 9143; a=group below) */
	{"bundle-only", false, LINE_DROP},
	/* sources and streams: a=ssrc carries the cname of the sender's host */
	{"ssrc", false, LINE_DROP},
	{"ssrc-group", false, LINE_DROP},
	{"msid", true, LINE_DROP},
	{"tool", false, LINE_DROP},
	/* capability negotiation (RFC 5939, 6871, 7006): could switch SRTP off, and
	   a=acap can carry a key */
	{"tcap", false, LINE_DROP},
	{"acap", false, LINE_DROP},
	{"pcfg", false, LINE_DROP},
	{"acfg", false, LINE_DROP},
	{"lcfg", false, LINE_DROP},
	{"csup", false, LINE_DROP},
	{"creq", false, LINE_DROP},
	{"rmcap", false, LINE_DROP},
	{"omcap", false, LINE_DROP},
	{"mfcap", false, LINE_DROP},
	{"mscap", false, LINE_DROP},
	{"bcap", false, LINE_DROP},
	{"ccap", false, LINE_DROP},
	{"icap", false, LINE_DROP},
	{"sescap", false, LINE_DROP},
};

static const char *const dir_namev[] = {"sendrecv", "sendonly", "recvonly", "inactive"};

static void trim(struct pl *pl)
{
	while (pl->l && (*pl->p == ' ' || *pl->p == '\t')) {
		++pl->p;
		--pl->l;
	}
	while (pl->l && (pl->p[pl->l - 1] == ' ' || pl->p[pl->l - 1] == '\t'))
		--pl->l;
}

void sp_sdp_attribute(struct pl *name, struct pl *value, const struct pl *line)
{
	const char *colon = memchr(line->p, ':', line->l);
	const char *end = line->p + line->l;

	name->p = line->p + 2;
	name->l = (size_t)((colon ? colon : end) - name->p);
	value->p = colon ? colon + 1 : end;
	value->l = (size_t)(end - value->p);

	trim(name);
}

static bool rule_matches(const struct rule *rule, const struct pl *name)
{
	struct pl head = *name;
	size_t l = strlen(rule->name);

	if (rule->prefix && head.l > l)
		head.l = l;

	return !pl_strcasecmp(&head, rule->name);
}

/** BUNDLE puts all media on one port; other groups (LS, FID) say nothing of ports. */
static bool is_bundle(const struct pl *value)
{
	struct pl rest = *value, word;

	return sp_sdp_word(&word, &rest) && !pl_strcasecmp(&word, "BUNDLE");
}

static enum line_kind attribute_kind(const struct pl *line)
{
	struct pl name, value;

	sp_sdp_attribute(&name, &value, line);

	for (size_t i = 0; i < sizeof(rulev) / sizeof(rulev[0]); ++i) {
		if (rule_matches(&rulev[i], &name))
			return rulev[i].kind;
	}

	if (!pl_strcasecmp(&name, "group") && is_bundle(&value))
		return LINE_DROP;

	return LINE_COPY;
}

/**
 * i=, u=, e= and p= name people and organisations; k= is a key in the clear,
 * obsolete since RFC 8866 5.12.
 */
enum line_kind sp_sdp_kind(const struct pl *line)
{
	switch (line->p[0]) {

	case 'v':
		return LINE_VERSION;
	case 'o':
		return LINE_ORIGIN;
	case 's':
		return LINE_NAME;
	case 't':
		return LINE_TIME;
	case 'c':
		return LINE_CONN;
	case 'm':
		return LINE_MLINE;
	case 'a':
		return attribute_kind(line);
	case 'i':
	case 'u':
	case 'e':
	case 'p':
	case 'k':
		return LINE_DROP;
	default:
		return LINE_COPY;
	}
}

const char *sp_sdp_dir_name(enum sp_sdp_dir dir)
{
	return dir_namev[dir];
}

bool sp_sdp_dir_find(enum sp_sdp_dir *dir, const struct pl *name)
{
	for (size_t i = 0; i < sizeof(dir_namev) / sizeof(dir_namev[0]); ++i) {
		if (!pl_strcasecmp(name, dir_namev[i])) {
			*dir = (enum sp_sdp_dir)i;
			return true;
		}
	}

	return false;
}
