/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One value of each type of the schema: is it what the key needs?
 */
#include <errno.h>
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

enum { ACCOUNT_MAX = 100, SOCKET_MAX = 107 };

/* Digits that are no number: their leading zeros have a meaning, and they want quotes. */
static bool is_quoted(enum conf_type type)
{
	return type == CONF_DIGITS || type == CONF_PLUS_DIGITS || type == CONF_DIALLED;
}

/*
 * Was this setting, or an element of it, written as a literal that libconfig
 * cannot be trusted with? Then it is reported here as it was written.
 */
bool conf_has_bad_literal(struct conf_reader *rd, const struct conf_key *key,
			  const struct config_setting_t *s)
{
	char needs[256];
	bool bad = false;

	for (size_t i = 0; i < rd->scan->literalc; i++) {
		struct conf_literal *lit = &rd->scan->literalv[i];

		if (!conf_is_literal_of(lit, s))
			continue;
		bad = true;
		conf_scan_tell(lit, rd->text, rd->report, rd->path,
			       lit->leading_zero && !is_quoted(key->type)
				       ? "needs %s, without leading zeros"
				       : "needs %s",
			       conf_type_needs(needs, sizeof(needs), key));
	}

	return bad;
}

static void read_integer(struct conf_reader *rd, const struct conf_key *key,
			 const config_setting_t *s, int *out)
{
	long long v;
	char needs[256];

	if (conf_has_bad_literal(rd, key, s))
		return;
	if (!conf_is_integer(s)) {
		conf_wrong_type(rd, key, s);
		return;
	}

	v = config_setting_get_int64(s);
	if ((v < key->min || v > key->max) && (v || !key->or_zero))
		conf_mistake(rd, s, "needs %s", conf_type_needs(needs, sizeof(needs), key));
	else
		*out = (int)v;
}

/* The string of s, or NULL after a report. */
const char *conf_get_string(struct conf_reader *rd, const struct conf_key *key,
			    const config_setting_t *s)
{
	const char *str =
		config_setting_type(s) == CONFIG_TYPE_STRING ? config_setting_get_string(s) : NULL;

	if (!str) {
		if (!conf_is_integer(s) || !config_setting_name(s) ||
		    !conf_has_bad_literal(rd, key, s))
			conf_wrong_type(rd, key, s);
		return NULL;
	}
	for (const char *p = str; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			conf_mistake(rd, s, "has a control character: take it out");
			return NULL;
		}
	}
	if (strlen(str) > CONF_STRING_MAX) {
		conf_mistake(rd, s, "has %zu bytes, at most %u are possible", strlen(str),
			     (unsigned)CONF_STRING_MAX);
		return NULL;
	}
	if (!*str && key->type != CONF_STRING && key->type != CONF_HEADERS &&
	    key->type != CONF_SOCKET &&
	    ((key->type != CONF_DIGITS && key->type != CONF_PLUS_DIGITS) || key->min)) {
		conf_mistake(rd, s, "is empty: needs a value, or no such key at all");
		return NULL;
	}

	return str;
}

char *conf_keep(struct conf_reader *rd, const char *str)
{
	char *p = conf_arena_str(rd->keep, str, strlen(str));

	if (!p)
		rd->err = ENOMEM;

	return p;
}

char *conf_keep_lower(struct conf_reader *rd, const char *str)
{
	char *p = conf_arena_str(rd->keep, str, strlen(str));

	if (!p)
		rd->err = ENOMEM;
	for (char *c = p; c && *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 'a' - 'A' : *c);

	return p;
}

/* The index of the choice is what the draft gets; publish.c knows what it stands for. */
static void read_choice(struct conf_reader *rd, const struct conf_key *key,
			const config_setting_t *s, int *out)
{
	const char *str = conf_get_string(rd, key, s);
	char needs[256], near[256];
	size_t n = 0;

	if (!str)
		return;

	for (; key->choicev[n]; n++) {
		if (!strcmp(key->choicev[n], str)) {
			*out = (int)n;
			return;
		}
	}

	conf_suggest(near, sizeof(near), str, key->choicev, n);
	conf_mistake(rd, s, "needs %s%s", conf_type_needs(needs, sizeof(needs), key),
		     strstr(near, "did you mean") ? near : "");
}

const char *conf_get_name(struct conf_reader *rd, const struct conf_key *key,
			  const config_setting_t *s)
{
	const char *str = conf_get_string(rd, key, s);

	if (!str)
		return NULL;
	if (!conf_is_name(str)) {
		conf_mistake(rd, s, "needs 1 to 63 letters, digits, \"_\", \".\" or \"-\"");
		return NULL;
	}

	return conf_keep(rd, str);
}

/* Any text: number entries have it likewise. */
static void read_account(struct conf_reader *rd, const struct conf_key *key,
			 const config_setting_t *s, const char **out)
{
	const char *str = conf_get_string(rd, key, s);

	if (!str)
		return;
	if (strlen(str) > ACCOUNT_MAX)
		conf_mistake(rd, s, "has %zu bytes, an account has at most %u", strlen(str),
			     (unsigned)ACCOUNT_MAX);
	else
		*out = conf_keep(rd, str);
}

/* unix(7): what a socket's address has room for, with the NUL that ends it. */
static void read_socket(struct conf_reader *rd, const struct conf_key *key,
			const config_setting_t *s, struct sp_conf_path *out)
{
	const char *str = conf_get_string(rd, key, s), *path;

	if (!str)
		return;
	path = *str ? conf_file_path(rd->keep, rd->dir, str) : "";
	if (!path) {
		rd->err = ENOMEM;
		return;
	}
	if (strlen(path) > SOCKET_MAX) {
		conf_mistake(rd, s, "is %s, of %zu bytes: a socket's name has at most %u", path,
			     strlen(path), (unsigned)SOCKET_MAX);
		return;
	}
	out->src = conf_reader_src(rd, s);
	out->path = path;
}

/* A DNS name; addresses only where either_ok says so. NULL after a report. */
const char *conf_get_host(struct conf_reader *rd, const struct conf_key *key,
			  const config_setting_t *s, bool either_ok)
{
	const char *str = conf_get_string(rd, key, s);
	char v6[64];
	struct sa sa;

	if (!str)
		return NULL;

	if (!sa_set_str(&sa, str, 0)) {
		if (either_ok && !sa_is_any(&sa)) {
			/* as Via and URIs write it, RFC 3261 section 25.1, IPv6reference */
			re_snprintf(v6, sizeof(v6), sa_af(&sa) == AF_INET6 ? "[%s]" : "%s", str);
			return conf_keep_lower(rd, v6);
		}
		conf_mistake(rd, s,
			     either_ok ? "needs an address that others can reach"
				       : "is an IP address, needs a host name");
		return NULL;
	}
	if (strchr(str, '*')) {
		conf_mistake(rd, s,
			     "a wildcard stands in certificates, not here: write the "
			     "name, and wildcard = true if certificates have one");
		return NULL;
	}
	if (!conf_is_host(str)) {
		conf_mistake(rd, s,
			     "is no host name: needs letters, digits and \"-\" between "
			     "dots, such as sbc.example.net");
		return NULL;
	}

	return conf_keep_lower(rd, str);
}

/* Any literal, wildcards too: cross.c knows where these may stand. */
static void read_address(struct conf_reader *rd, const struct conf_key *key,
			 const config_setting_t *s, struct sa *out)
{
	const char *str = conf_get_string(rd, key, s);
	struct sa sa;

	if (!str)
		return;
	if (sa_set_str(&sa, str, 0))
		conf_mistake(rd, s,
			     "is no IP address: needs one such as 192.0.2.10 or "
			     "2001:db8::10");
	else
		*out = sa;
}

/* Whether the file is there, and what is in it, is for the room to say that opens it. */
void conf_read_file(struct conf_reader *rd, const struct conf_key *key, const config_setting_t *s,
		    struct sp_conf_path *out)
{
	const char *str = conf_get_string(rd, key, s);
	char name[CONF_STRING_MAX + 1];

	if (!str)
		return;

	if (key->type == CONF_PATHS) {
		/* "numbers.d/" is shown in front of the names of its files */
		str_ncpy(name, str, sizeof(name));
		for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--)
			name[n - 1] = '\0';
		str = name;
	}
	out->src = conf_reader_src(rd, s);
	out->path = key->type == CONF_KEY_FILE ? conf_key_path(rd->keep, rd->dir, str)
					       : conf_file_path(rd->keep, rd->dir, str);
	if (!out->path)
		rd->err = ENOMEM;
}

void conf_read_value(struct conf_reader *rd, const struct conf_key *key,
		     const struct config_setting_t *s, void *base)
{
	void *p = (char *)base + key->offset;
	const char *str;

	switch (key->type) {
	case CONF_INTEGER:
		read_integer(rd, key, s, p);
		break;
	case CONF_BOOL:
		if (config_setting_type(s) != CONFIG_TYPE_BOOL)
			conf_wrong_type(rd, key, s);
		else
			*(bool *)p = config_setting_get_bool(s);
		break;
	case CONF_CHOICE:
		read_choice(rd, key, s, p);
		break;
	case CONF_STRING:
		str = conf_get_string(rd, key, s);
		*(const char **)p = str ? conf_keep(rd, str) : NULL;
		break;
	case CONF_NAME:
		*(const char **)p = conf_get_name(rd, key, s);
		break;
	case CONF_ACCOUNT:
		read_account(rd, key, s, p);
		break;
	case CONF_SOCKET:
		read_socket(rd, key, s, p);
		break;
	case CONF_HOST:
	case CONF_HOST_ADDRESS:
		*(const char **)p = conf_get_host(rd, key, s, key->type == CONF_HOST_ADDRESS);
		break;
	case CONF_ADDRESS:
		read_address(rd, key, s, p);
		break;
	case CONF_FILE:
	case CONF_KEY_FILE:
		conf_read_file(rd, key, s, p);
		break;
	case CONF_PORTS:
		conf_read_ports(rd, key, s, p);
		break;
	case CONF_HEADERS:
		conf_read_headers(rd, key, s, &((struct draft_number *)base)->out);
		break;
	case CONF_DIGITS:
	case CONF_PLUS_DIGITS:
		*(const char **)p = conf_get_digits(rd, key, s);
		break;
	case CONF_HEADER_WRITTEN_NAME:
	case CONF_HEADER_READ_NAME:
		*(const char **)p = conf_get_header(rd, key, s);
		break;
	case CONF_TEMPLATE:
		*(const char **)p = conf_get_template(rd, key, s);
		break;
	case CONF_PATHS:
	case CONF_HOSTS:
	case CONF_TARGETS:
	case CONF_DIALLED:
	case CONF_CODES:
	case CONF_NAMES:
	case CONF_STRINGS:
	case CONF_NETWORKS:
	case CONF_SERVERS:
	case CONF_HEADER_NAMES:
	case CONF_METHODS:
	case CONF_STATUSES:
		conf_read_elements(rd, key, s, base);
		break;
	case CONF_GROUP:
	case CONF_LIST:
		break; /* reader.c's own */
	}
}
