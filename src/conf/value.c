/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One value of each type of the schema: is it what the key needs?
 */
#include <errno.h>
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

static const char *found(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_GROUP:
		return "a group";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a whole number";
	case CONFIG_TYPE_FLOAT:
		return "a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		return "a list";
	default:
		return "nothing";
	}
}

static void print_choices(char *buf, size_t size, const struct conf_key *key)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; key->choicev[i]; i++) {
		const char *sep = !i ? "" : key->choicev[i + 1] ? ", " : " or ";

		(void)re_snprintf(buf + n, size - n, "%s\"%s\"", sep, key->choicev[i]);
		n = strlen(buf);
	}
}

const char *conf_type_needs(char *buf, size_t size, const struct conf_key *key)
{
	switch (key->type) {
	case CONF_INTEGER:
		(void)re_snprintf(buf, size, "a whole number from %d to %d", key->min, key->max);
		return buf;
	case CONF_CHOICE:
		print_choices(buf, size, key);
		return buf;
	case CONF_BOOL:
		return "true or false";
	case CONF_STRING:
		return "a string in quotes";
	case CONF_NAME:
		return "a name in quotes";
	case CONF_HOST:
		return "a host name in quotes";
	case CONF_HOST_ADDRESS:
		return "a host name or an IP address in quotes";
	case CONF_ADDRESS:
		return "an IP address in quotes";
	case CONF_FILE:
	case CONF_KEY_FILE:
		return "the name of a file in quotes";
	case CONF_FILES:
		return "a list of file names, [ \"numbers.csv\" ]";
	case CONF_HOSTS:
		return "a list of host names, [ \"sbc.example.net\" ]";
	case CONF_PORTS:
		return "two ports, [ 20000, 29999 ]";
	case CONF_TARGETS:
		return "a list of targets, [ \"sbc.example.net:5061\" ]";
	case CONF_HEADERS:
		return "a group of strings, { Name = \"value\"; }";
	case CONF_GROUP:
		return "a group, { ... }";
	case CONF_LIST:
		return "a list of groups, ( { ... }, { ... } )";
	}

	return "";
}

static void wrong_type(struct conf_reader *rd, const struct conf_key *key,
		       const config_setting_t *s)
{
	char needs[256];

	conf_mistake(rd, s, "found %s, needs %s", found(s),
		     conf_type_needs(needs, sizeof(needs), key));
}

/*
 * Was this setting, or an element of it, written as a literal that libconfig
 * cannot be trusted with? Then it is reported here as it was written.
 */
static bool has_bad_literal(struct conf_reader *rd, const struct conf_key *key,
			    const config_setting_t *s)
{
	char needs[256], text[64];
	bool bad = false;

	for (size_t i = 0; i < rd->scan->literalc; i++) {
		struct conf_literal *lit = &rd->scan->literalv[i];
		const struct sp_conf_src src = conf_text_src(rd->text, lit->line);

		if (lit->name_line != config_setting_source_line(s) ||
		    pl_strcmp(&lit->name, config_setting_name(s)))
			continue;
		bad = true;
		if (lit->told)
			continue;
		lit->told = true;
		re_snprintf(text, sizeof(text), "%r", &lit->text);
		sp_report_add(rd->report, &src, rd->path, text,
			      lit->leading_zero ? "needs %s, without leading zeros" : "needs %s",
			      conf_type_needs(needs, sizeof(needs), key));
	}

	return bad;
}

static bool is_integer(const config_setting_t *s)
{
	return config_setting_type(s) == CONFIG_TYPE_INT ||
	       config_setting_type(s) == CONFIG_TYPE_INT64;
}

static void read_integer(struct conf_reader *rd, const struct conf_key *key,
			 const config_setting_t *s, int *out)
{
	long long v;
	char needs[256];

	if (has_bad_literal(rd, key, s))
		return;
	if (!is_integer(s)) {
		wrong_type(rd, key, s);
		return;
	}

	v = config_setting_get_int64(s);
	if (v < key->min || v > key->max)
		conf_mistake(rd, s, "needs %s", conf_type_needs(needs, sizeof(needs), key));
	else
		*out = (int)v;
}

static void read_ports(struct conf_reader *rd, const struct conf_key *key,
		       const config_setting_t *s, int out[2])
{
	long long port[2];

	if (has_bad_literal(rd, key, s))
		return;
	if (!config_setting_is_array(s) && !config_setting_is_list(s)) {
		wrong_type(rd, key, s);
		return;
	}
	if (config_setting_length(s) != 2) {
		conf_mistake(rd, s, "has %d elements, needs two: [ lowest, highest ]",
			     config_setting_length(s));
		return;
	}

	for (unsigned i = 0; i < 2; i++) {
		const config_setting_t *e = config_setting_get_elem(s, i);

		if (!is_integer(e)) {
			wrong_type(rd, key, s);
			return;
		}
		port[i] = config_setting_get_int64(e);
	}

	if (port[0] < key->min || port[0] > key->max || port[1] < key->min || port[1] > key->max) {
		conf_mistake(rd, s, "[ %lli, %lli ] needs ports from %d to %d", port[0], port[1],
			     key->min, key->max);
	} else if (port[0] % 2) {
		conf_mistake(rd, s, "[ %lli, %lli ] needs an even lowest port (RTP), %lli say",
			     port[0], port[1], port[0] + 1);
	} else if (port[0] >= port[1]) {
		conf_mistake(rd, s, "[ %lli, %lli ] needs the lowest port first and at least two",
			     port[0], port[1]);
	} else {
		out[0] = (int)port[0];
		out[1] = (int)port[1];
	}
}

/* The string of s, or NULL after a report. */
static const char *get_string(struct conf_reader *rd, const struct conf_key *key,
			      const config_setting_t *s)
{
	const char *str =
		config_setting_type(s) == CONFIG_TYPE_STRING ? config_setting_get_string(s) : NULL;

	if (!str) {
		if (!is_integer(s) || !config_setting_name(s) || !has_bad_literal(rd, key, s))
			wrong_type(rd, key, s);
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
	if (!*str && key->type != CONF_STRING && key->type != CONF_HEADERS) {
		conf_mistake(rd, s, "is empty: needs a value, or no such key at all");
		return NULL;
	}

	return str;
}

static const char *keep(struct conf_reader *rd, const char *str)
{
	const char *p = conf_arena_str(rd->keep, str, strlen(str));

	if (!p)
		rd->err = ENOMEM;

	return p;
}

static const char *keep_lower(struct conf_reader *rd, const char *str)
{
	char *p = conf_arena_str(rd->keep, str, strlen(str));

	if (!p)
		rd->err = ENOMEM;
	for (char *c = p; c && *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 'a' - 'A' : *c);

	return p;
}

static void read_choice(struct conf_reader *rd, const struct conf_key *key,
			const config_setting_t *s, int *out)
{
	const char *str = get_string(rd, key, s);
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

static void read_name(struct conf_reader *rd, const struct conf_key *key, const config_setting_t *s,
		      const char **out)
{
	const char *str = get_string(rd, key, s);

	if (!str)
		return;
	if (!conf_is_name(str)) {
		conf_mistake(rd, s, "needs 1 to 63 letters, digits, \"_\", \".\" or \"-\"");
		return;
	}
	*out = keep(rd, str);
}

/* A DNS name; addresses only where either_ok says so. NULL after a report. */
static const char *get_host(struct conf_reader *rd, const struct conf_key *key,
			    const config_setting_t *s, bool either_ok)
{
	const char *str = get_string(rd, key, s);
	char v6[64];
	struct sa sa;

	if (!str)
		return NULL;

	if (!sa_set_str(&sa, str, 0)) {
		if (either_ok && !sa_is_any(&sa)) {
			/* as Via and URIs write it, RFC 3261 section 25.1, IPv6reference */
			re_snprintf(v6, sizeof(v6), sa_af(&sa) == AF_INET6 ? "[%s]" : "%s", str);
			return keep_lower(rd, v6);
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

	return keep_lower(rd, str);
}

static void read_address(struct conf_reader *rd, const struct conf_key *key,
			 const config_setting_t *s, struct sa *out)
{
	const char *str = get_string(rd, key, s);
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

static void read_file(struct conf_reader *rd, const struct conf_key *key, const config_setting_t *s,
		      struct sp_conf_path *out)
{
	const char *str = get_string(rd, key, s);

	if (!str)
		return;

	out->src = conf_reader_src(rd, s);
	out->path = key->type == CONF_KEY_FILE ? conf_key_path(rd->keep, rd->dir, str)
					       : conf_file_path(rd->keep, rd->dir, str);
	if (!out->path)
		rd->err = ENOMEM;
}

static void read_target(struct conf_reader *rd, const struct conf_key *key,
			const config_setting_t *s, struct draft_trunk *trunk)
{
	struct sp_conf_target *t = &trunk->out.targetv[trunk->out.targetc];
	const char *str = get_string(rd, key, s), *mend;
	char host[256];

	if (!str)
		return;

	mend = conf_target_parse(t, host, str);
	if (mend) {
		conf_mistake(rd, s, "%s", mend);
		return;
	}
	for (size_t i = 0; i < trunk->out.targetc; i++) {
		if (trunk->out.targetv[i].port == t->port &&
		    !str_casecmp(trunk->out.targetv[i].host, host)) {
			conf_mistake(rd, s, "the same target twice: keep one of them");
			return;
		}
	}

	t->src = conf_reader_src(rd, s);
	t->host = keep_lower(rd, host);
	if (t->host)
		++trunk->out.targetc;
}

/* Read element e of a list into slot i; see conf_type for what list is. */
static void read_element(struct conf_reader *rd, const struct conf_key *key,
			 const config_setting_t *e, void *base)
{
	struct draft_list *list = (struct draft_list *)(void *)((char *)base + key->offset);
	const char *host;

	switch (key->type) {
	case CONF_TARGETS:
		read_target(rd, key, e, base);
		break;
	case CONF_HOSTS:
		host = get_host(rd, key, e, false);
		if (host)
			((const char **)list->v)[list->c++] = host;
		break;
	default:
		read_file(rd, key, e, (struct sp_conf_path *)list->v + list->c);
		if (((struct sp_conf_path *)list->v)[list->c].path)
			++list->c;
		break;
	}
}

static void read_elements(struct conf_reader *rd, const struct conf_key *key,
			  const config_setting_t *s, void *base)
{
	struct draft_list *list = (struct draft_list *)(void *)((char *)base + key->offset);
	const int n = config_setting_length(s);

	if (!config_setting_is_array(s) && !config_setting_is_list(s)) {
		wrong_type(rd, key, s);
		return;
	}
	if (n < key->min || n > key->max) {
		conf_mistake(rd, s, "has %d elements, needs %d to %d", n, key->min, key->max);
		return;
	}

	if (key->type != CONF_TARGETS) {
		list->v = conf_arena_get(rd->keep, (size_t)n * sizeof(struct sp_conf_path));
		if (!list->v) {
			rd->err = ENOMEM;
			return;
		}
	}

	for (int i = 0; i < n; i++) {
		const size_t len = conf_reader_enter(rd, "[%d]", i);

		read_element(rd, key, config_setting_get_elem(s, (unsigned)i), base);
		conf_reader_leave(rd, len);
	}
}

static void read_headers(struct conf_reader *rd, const struct conf_key *key,
			 const config_setting_t *s, struct sp_conf_number *out)
{
	const int n = config_setting_length(s);

	if (!config_setting_is_group(s)) {
		wrong_type(rd, key, s);
		return;
	}
	if (n > key->max) {
		conf_mistake(rd, s, "has %d headers, at most %d are possible", n, key->max);
		return;
	}

	for (int i = 0; i < n; i++) {
		/* the value of a header is a string, not a group of strings */
		static const struct conf_key header = {.type = CONF_STRING};
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
		const size_t len = conf_reader_enter(rd, ".%s", config_setting_name(e));
		const char *value = get_string(rd, &header, e);

		conf_reader_leave(rd, len);
		if (!value)
			continue;
		out->headerv[out->headerc].name = keep(rd, config_setting_name(e));
		out->headerv[out->headerc].value = keep(rd, value);
		++out->headerc;
	}
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
			wrong_type(rd, key, s);
		else
			*(bool *)p = config_setting_get_bool(s);
		break;
	case CONF_CHOICE:
		read_choice(rd, key, s, p);
		break;
	case CONF_STRING:
		str = get_string(rd, key, s);
		*(const char **)p = str ? keep(rd, str) : NULL;
		break;
	case CONF_NAME:
		read_name(rd, key, s, p);
		break;
	case CONF_HOST:
	case CONF_HOST_ADDRESS:
		*(const char **)p = get_host(rd, key, s, key->type == CONF_HOST_ADDRESS);
		break;
	case CONF_ADDRESS:
		read_address(rd, key, s, p);
		break;
	case CONF_FILE:
	case CONF_KEY_FILE:
		read_file(rd, key, s, p);
		break;
	case CONF_PORTS:
		read_ports(rd, key, s, p);
		break;
	case CONF_HEADERS:
		read_headers(rd, key, s, &((struct draft_number *)base)->out);
		break;
	case CONF_FILES:
	case CONF_HOSTS:
	case CONF_TARGETS:
		read_elements(rd, key, s, base);
		break;
	case CONF_GROUP:
	case CONF_LIST:
		break; /* reader.c's own */
	}
}
