/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names: what a name may be, which name was meant, host and port of a target.
 */
#include <string.h>
#include <strings.h>
#include <re.h>
#include "conf_priv.h"

enum {
	KNOWN_MAX = 96 /* names that a message lists: all keys of a trunk, and more */,
	PART_MIN = 4 /* characters that are part of one name only, for that to be meant */,
	NAME_MAX_LEN = 63,
	LABEL_MAX = 63,
	HOST_MAX = 253,
	WORD_MAX = 64,
	SIPS_PORT = 5061
};

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
}

bool conf_is_name(const char *s)
{
	size_t n = 0;

	for (; s[n]; n++) {
		if (!is_alnum(s[n]) && !strchr("_.-", s[n]))
			return false;
	}

	return n && n <= NAME_MAX_LEN;
}

/* RFC 1123 section 2.1; a last label of digits alone would look like an address. */
bool conf_is_host(const char *s)
{
	const size_t len = strlen(s);
	size_t label = 0;
	bool digits = true;

	if (!len || len > HOST_MAX)
		return false;

	for (size_t i = 0; i <= len; i++) {
		const char c = s[i];

		if (c == '.' || !c) {
			if (!label || label > LABEL_MAX || s[i - 1] == '-')
				return false;
			if (!c)
				return !digits;
			label = 0;
			digits = true;
			continue;
		}
		if (!is_alnum(c) && (c != '-' || !label))
			return false;
		if (c < '0' || c > '9')
			digits = false;
		++label;
	}

	return false;
}

bool conf_has_address(const struct sa *sa)
{
	return sa_af(sa) != AF_UNSPEC;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	const unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions, changes and swaps of neighbours that make b of a. */
unsigned conf_distance(const char *a, const char *b)
{
	unsigned row[3][WORD_MAX + 1];
	const size_t an = strlen(a), bn = strlen(b);

	if (an > WORD_MAX || bn > WORD_MAX)
		return WORD_MAX;

	for (unsigned j = 0; j <= bn; j++)
		row[0][j] = j;

	for (unsigned i = 1; i <= an; i++) {
		unsigned *now = row[i % 3];
		const unsigned *prev = row[(i + 2) % 3], *prev2 = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= bn; j++) {
			const char ca = lower(a[i - 1]), cb = lower(b[j - 1]);

			now[j] = min3(prev[j] + 1, now[j - 1] + 1, prev[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == lower(b[j - 2]) && lower(a[i - 2]) == cb &&
			    prev2[j - 2] + 1 < now[j])
				now[j] = prev2[j - 2] + 1;
		}
	}

	return row[an % 3][bn];
}

static bool contains(const char *name, const char *word, size_t len)
{
	for (; *name; name++) {
		if (!strncasecmp(name, word, len))
			return true;
	}

	return false;
}

/* The one name that word is a part of: "teams" of "teams-direct-routing". */
static const char *part_of(const char *word, const char *const *namev, size_t namec)
{
	const size_t len = strlen(word);
	const char *found = NULL;

	for (size_t i = 0; i < namec && len >= PART_MIN; i++) {
		if (!contains(namev[i], word, len))
			continue;
		if (found)
			return NULL;
		found = namev[i];
	}

	return found;
}

const char *sp_conf_near(const char *word, const char *const *namev, size_t namec)
{
	const char *near = NULL;
	unsigned best = 3;

	for (size_t i = 0; i < namec; i++) {
		const unsigned d = conf_distance(word, namev[i]);

		if (d < best && d < strlen(word)) {
			best = d;
			near = namev[i];
		}
	}

	return near ? near : part_of(word, namev, namec);
}

const char *conf_suggest(char *buf, size_t size, const char *word, const char *const *namev,
			 size_t namec)
{
	static const char head[] = "; known: ", more[] = ", ...";
	const char *near = sp_conf_near(word, namev, namec);
	size_t n = 0;

	buf[0] = '\0';
	if (near)
		(void)re_snprintf(buf, size, "; did you mean \"%s\"?", near);
	for (size_t i = 0; i < namec && namev[i] && !near; i++) {
		const char *sep = i ? ", " : head;

		/* whole names only, and room for saying that there are more */
		if (i == KNOWN_MAX || n + strlen(sep) + strlen(namev[i]) + sizeof(more) > size) {
			(void)re_snprintf(buf + n, size - n, "%s", more);
			break;
		}
		(void)re_snprintf(buf + n, size - n, "%s%s", sep, namev[i]);
		n = strlen(buf);
	}

	return buf;
}

/*
 * "_service._proto.name" (RFC 2782). Over what it is called is no matter of its
 * name: always over TLS.
 */
static bool is_srv_name(const char *s)
{
	for (unsigned i = 0; i < 2; i++) {
		size_t n = 1;

		if (*s != '_')
			return false;
		while (is_alnum(s[n]) || s[n] == '-')
			++n;
		if (n < 2 || n > LABEL_MAX || s[n] != '.')
			return false;
		s += n + 1;
	}

	return conf_is_host(s);
}

static const char *parse_srv(struct sp_conf_target *out, char host[256], const char *s)
{
	if (strchr(s, ':'))
		return "is the name of SRV records, which tell the ports: write it without one";
	if (strlen(s) > HOST_MAX || !is_srv_name(s))
		return "needs \"_sips._tcp.NAME\" or \"_sip._tls.NAME\", the name of SRV records; "
		       "or "
		       "NAME alone, for both";
	(void)re_snprintf(host, 256, "%s", s);
	out->port = SIPS_PORT;
	out->port_given = false;

	return NULL;
}

/* sp_u32() takes digits only: no sign, no blank, nothing that wraps. */
static const char *parse_port(struct sp_conf_target *out, const struct pl *pl)
{
	uint32_t port;

	if (sp_u32(&port, pl, 65535) || !port)
		return "needs a port from 1 to 65535 after the last colon";
	out->port = (uint16_t)port;
	out->port_given = true;

	return NULL;
}

/* IPv6 only in brackets: in "2001:db8::5061" nobody can tell address from port. */
const char *conf_target_parse(struct sp_conf_target *out, char host[256], const char *s)
{
	const char *colon = strrchr(s, ':'), *end;
	struct pl name = {.p = s, .l = strlen(s)}, port = {0};
	const char *mend = NULL;
	struct sa sa;

	out->port = SIPS_PORT;
	out->port_given = false;

	if (*s == '_')
		return parse_srv(out, host, s);
	if (!strncmp(s, "sip:", 4) || !strncmp(s, "sips:", 5))
		return "is a URI: write host and port alone, \"sbc.example.net:5061\"";
	if (*s == '[') {
		end = strchr(s, ']');
		if (!end || (end[1] && end[1] != ':'))
			return "needs \"[address]:port\"";
		name = (struct pl){.p = s + 1, .l = (size_t)(end - s - 1)};
		colon = end[1] ? end + 1 : NULL;
	} else if (colon && strchr(s, ':') != colon && !s[strspn(s, "0123456789abcdefABCDEF:.")]) {
		return "needs brackets around an IPv6 address: \"[2001:db8::1]:5061\"";
	} else if (colon) {
		name.l = (size_t)(colon - s);
	}
	if (colon) {
		pl_set_str(&port, colon + 1);
		mend = parse_port(out, &port);
	}
	if (mend)
		return mend;

	if (name.l >= 256) /* pl_strcpy() would cut it without a word */
		return "is longer than a host name can be";
	(void)pl_strcpy(&name, host, 256);
	if (!sa_set_str(&sa, host, 0)) {
		if (sa_is_any(&sa))
			return "is no address that can be called";
		return (*s == '[') == (sa_af(&sa) == AF_INET6)
			       ? NULL
			       : "needs brackets around IPv6 addresses, and only around these";
	}
	if (*s == '[' || !conf_is_host(host))
		return "needs a host name or an IP address, with or without \":port\"";

	return NULL;
}

const char *sp_conf_target_name(const char *host)
{
	const char *dot;

	while (*host == '_' && (dot = strchr(host, '.')))
		host = dot + 1;

	return host;
}

int sp_conf_targets_print(struct re_printf *pf, const struct sp_conf_trunk *trunk)
{
	int err = trunk->targetc ? 0 : re_hprintf(pf, "none: it connects to us");

	for (size_t i = 0; i < trunk->targetc && !err; i++) {
		const struct sp_conf_target *g = &trunk->targetv[i];
		const bool v6 = strchr(g->host, ':') != NULL;
		struct sa sa;

		err = re_hprintf(pf, "%s%s%s%s", i ? ", " : "", v6 ? "[" : "", g->host,
				 v6 ? "]" : "");
		/* of a name without one, DNS may say another port */
		if (!err && (g->port_given || !sa_set_str(&sa, g->host, 0)))
			err = re_hprintf(pf, ":%u", g->port);
	}

	return err;
}
