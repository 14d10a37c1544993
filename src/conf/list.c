/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Values of several elements: ports, host names, paths, targets, headers, codes.
 */
#include <errno.h>
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

/*
 * RTP takes the even port of a pair and RTCP the odd one above it (RFC 3550
 * section 11), so the range begins at an even port and holds two at least.
 */
void conf_read_ports(struct conf_reader *rd, const struct conf_key *key, const config_setting_t *s,
		     int out[2])
{
	long long port[2];

	if (conf_has_bad_literal(rd, key, s))
		return;
	if (!config_setting_is_array(s) && !config_setting_is_list(s)) {
		conf_wrong_type(rd, key, s);
		return;
	}
	if (config_setting_length(s) != 2) {
		conf_mistake(rd, s, "has %d elements, needs two: [ lowest, highest ]",
			     config_setting_length(s));
		return;
	}

	for (unsigned i = 0; i < 2; i++) {
		const config_setting_t *e = config_setting_get_elem(s, i);

		if (!conf_is_integer(e)) {
			conf_wrong_type(rd, key, s);
			return;
		}
		port[i] = config_setting_get_int64(e);
	}

	if (port[0] < key->min || port[0] > key->max || port[1] < key->min || port[1] > key->max) {
		conf_mistake(rd, s, "[ %lli, %lli ] needs ports from %d to %d", port[0], port[1],
			     key->min, key->max);
	} else if (port[0] >= port[1]) {
		conf_mistake(rd, s, "[ %lli, %lli ] needs the lowest port first and at least two",
			     port[0], port[1]);
	} else if (port[0] % 2) {
		conf_mistake(rd, s, "[ %lli, %lli ] needs an even lowest port (RTP), %lli say",
			     port[0], port[1], port[0] + 1);
	} else {
		out[0] = (int)port[0];
		out[1] = (int)port[1];
	}
}

/* The port counts as well: one host may well have two targets on two ports. A name without one is
 * another than with one, which has no SRV records. */
static bool is_same_target(const struct sp_conf_target *a, const struct sp_conf_target *b,
			   const char *host_b)
{
	struct sa sa;

	return a->port == b->port && !str_casecmp(a->host, host_b) &&
	       (a->port_given == b->port_given || !sa_set_str(&sa, host_b, 0));
}

static void read_target(struct conf_reader *rd, const struct conf_key *key,
			const config_setting_t *s, struct draft_trunk *trunk)
{
	struct sp_conf_target *t = &trunk->out.targetv[trunk->out.targetc];
	const char *str = conf_get_string(rd, key, s), *mend;
	char host[256];

	if (!str)
		return;

	mend = conf_target_parse(t, host, str);
	if (mend) {
		conf_mistake(rd, s, "%s", mend);
		return;
	}
	for (size_t i = 0; i < trunk->out.targetc; i++) {
		if (is_same_target(&trunk->out.targetv[i], t, host)) {
			conf_mistake(rd, s, "the same target twice: keep one of them");
			return;
		}
	}

	t->src = conf_reader_src(rd, s);
	t->host = conf_keep_lower(rd, host);
	if (t->host && *host == '_' && strncmp(t->host, "_sips._tcp.", 11) &&
	    strncmp(t->host, "_sip._tls.", 10))
		conf_note(rd, s,
			  "is not the name of SIP over TLS, \"_sips._tcp.NAME\" or "
			  "\"_sip._tls.NAME\": what it leads to is called over TLS all the same");
	if (t->host)
		++trunk->out.targetc;
}

/* A list of strings of a draft, each once; most are the same in any case. */
static void add_string(struct conf_reader *rd, const struct conf_key *key,
		       const config_setting_t *e, struct draft_list *list, const char *str)
{
	const char **v = list->v;

	if (!str)
		return;

	for (size_t i = 0; i < list->c && key->type != CONF_HOSTS && key->type != CONF_STRINGS;
	     i++) {
		if (key->type == CONF_NAMES ? !strcmp(v[i], str) : !str_casecmp(v[i], str)) {
			conf_mistake(rd, e, "the same twice: keep one of them");
			return;
		}
	}
	v[list->c++] = str;
}

static void read_code(struct conf_reader *rd, const struct conf_key *key, const config_setting_t *e,
		      struct sp_conf_failover *f)
{
	const unsigned code = conf_get_code(rd, key, e);

	for (size_t i = 0; code && i < f->codec; i++) {
		if (f->codev[i] == code) {
			conf_mistake(rd, e, "the same twice: keep one of them");
			return;
		}
	}
	if (code)
		f->codev[f->codec++] = (uint16_t)code;
}

static void read_network(struct conf_reader *rd, const struct conf_key *key,
			 const config_setting_t *e, struct sp_nets *nets)
{
	struct sp_net net;

	if (!conf_get_network(rd, key, e, &net))
		return;
	for (size_t i = 0; i < nets->c; i++) {
		if (nets->v[i].bits == net.bits && sa_cmp(&nets->v[i].addr, &net.addr, SA_ADDR)) {
			conf_mistake(rd, e, "the same twice: keep one of them");
			return;
		}
	}
	/* the list is still ours: it came from the arena */
	((struct sp_net *)(uintptr_t)nets->v)[nets->c++] = net;
}

static void read_when(struct conf_reader *rd, const struct conf_key *key, const config_setting_t *e,
		      struct sp_conf_when *when)
{
	const char *method;

	if (key->type == CONF_STATUSES) {
		when->statusc += conf_get_status(rd, key, e, &when->statusv[when->statusc]);
		return;
	}
	method = conf_get_method(rd, key, e);
	if (method)
		when->methodv[when->methodc++] = method;
}

/* Append element e, when it is good, to the list that the key stands for. */
static void read_element(struct conf_reader *rd, const struct conf_key *key,
			 const config_setting_t *e, void *base)
{
	struct draft_list *list = (struct draft_list *)(void *)((char *)base + key->offset);
	const char *str;

	switch (key->type) {
	case CONF_TARGETS:
		read_target(rd, key, e, base);
		break;
	case CONF_HOSTS:
		add_string(rd, key, e, list, conf_get_host(rd, key, e, false));
		break;
	case CONF_HEADER_NAMES:
		add_string(rd, key, e, list, conf_get_header(rd, key, e));
		break;
	case CONF_DIALLED:
		add_string(rd, key, e, list, conf_get_dialled(rd, key, e));
		break;
	case CONF_CODES:
		read_code(rd, key, e, &((struct draft_trunk *)base)->out.failover);
		break;
	case CONF_NAMES:
		add_string(rd, key, e, list, conf_get_name(rd, key, e));
		break;
	case CONF_STRINGS:
		str = conf_get_string(rd, key, e);
		add_string(rd, key, e, list, str ? conf_keep(rd, str) : NULL);
		break;
	case CONF_SERVERS:
		add_string(rd, key, e, list, conf_get_server(rd, key, e));
		break;
	case CONF_NETWORKS:
		read_network(rd, key, e, (void *)list);
		break;
	case CONF_METHODS:
	case CONF_STATUSES:
		read_when(rd, key, e, &((struct draft_rule *)base)->out.when);
		break;
	default:
		conf_read_file(rd, key, e, (struct sp_conf_path *)list->v + list->c);
		if (((struct sp_conf_path *)list->v)[list->c].path)
			++list->c;
		break;
	}
}

/*
 * Room for n elements, none yet: a profile may have set some. Targets and what
 * a rule looks at are in no profile.
 */
static int empty_list(struct conf_reader *rd, const struct conf_key *key, size_t n, void *base)
{
	struct draft_list *list = (struct draft_list *)(void *)((char *)base + key->offset);
	struct sp_nets *nets = (void *)list;

	switch (key->type) {
	case CONF_TARGETS:
	case CONF_METHODS:
	case CONF_STATUSES:
		return 0;
	case CONF_CODES:
		((struct draft_trunk *)base)->out.failover.codec = 0;
		return 0;
	case CONF_NETWORKS:
		nets->c = 0;
		nets->v = conf_arena_get(rd->keep, n * sizeof(*nets->v));
		return nets->v ? 0 : ENOMEM;
	case CONF_NAMES:
	case CONF_SERVERS:
		list->c = 0;
		list->v = conf_arena_get(rd->drafts, n * sizeof(char *));
		return list->v ? 0 : ENOMEM;
	default:
		list->c = 0;
		list->v = conf_arena_get(rd->keep,
					 n * (key->type == CONF_PATHS ? sizeof(struct sp_conf_path)
								      : sizeof(char *)));
		return list->v ? 0 : ENOMEM;
	}
}

/* Where one is as likely as several, the brackets may be left out. */
static bool may_be_single(const struct conf_key *key, const config_setting_t *s)
{
	switch (key->type) {
	case CONF_CODES:
		return conf_is_integer(s);
	case CONF_STATUSES:
		return conf_is_integer(s) || config_setting_type(s) == CONFIG_TYPE_STRING;
	case CONF_METHODS:
	case CONF_HEADER_NAMES:
	case CONF_DIALLED:
	case CONF_NAMES:
	case CONF_STRINGS:
	case CONF_NETWORKS:
	case CONF_SERVERS:
		return config_setting_type(s) == CONFIG_TYPE_STRING;
	default:
		return false;
	}
}

void conf_read_elements(struct conf_reader *rd, const struct conf_key *key,
			const config_setting_t *s, void *base)
{
	const bool single = may_be_single(key, s);
	const int n = single ? 1 : config_setting_length(s);

	if (conf_has_bad_literal(rd, key, s))
		return;
	if (!single && !config_setting_is_array(s) && !config_setting_is_list(s)) {
		conf_wrong_type(rd, key, s);
		return;
	}
	if (n < key->min || n > key->max) {
		conf_mistake(rd, s, "has %d elements, needs %d to %d", n, key->min, key->max);
		return;
	}
	if (empty_list(rd, key, (size_t)n, base)) {
		rd->err = ENOMEM;
		return;
	}

	if (single)
		read_element(rd, key, s, base);
	for (int i = 0; i < n && !single; i++) {
		const size_t len = conf_reader_enter(rd, "[%d]", i);

		read_element(rd, key, config_setting_get_elem(s, (unsigned)i), base);
		conf_reader_leave(rd, len);
	}
}

/* Any key may stand here: they are names of headers, and number/ judges these. */
void conf_read_headers(struct conf_reader *rd, const struct conf_key *key,
		       const config_setting_t *s, struct sp_conf_number *out)
{
	const int n = config_setting_length(s);
	struct sp_conf_header *v;

	if (!config_setting_is_group(s)) {
		conf_wrong_type(rd, key, s);
		return;
	}
	if (n > key->max) {
		conf_mistake(rd, s, "has %d headers, at most %d are possible", n, key->max);
		return;
	}
	v = conf_arena_get(rd->keep, (size_t)n * sizeof(*v));
	if (!v) {
		rd->err = ENOMEM;
		return;
	}
	out->headerv = v;

	for (int i = 0; i < n; i++) {
		/* the value of a header is a string, not a group of strings */
		static const struct conf_key header = {.type = CONF_STRING};
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
		const size_t len = conf_reader_enter(rd, ".%s", config_setting_name(e));
		const char *value = conf_get_string(rd, &header, e);

		conf_reader_leave(rd, len);
		if (!value)
			continue;
		v[out->headerc].name = conf_keep(rd, config_setting_name(e));
		v[out->headerc++].value = conf_keep(rd, value);
	}
}
