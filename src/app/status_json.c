/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The struct as JSON (RFC 8259), one object. An interface, a trunk with its
 * targets, a certificate is a piece: jansson makes each, and only the brackets
 * and commas between them are ours.
 */
#include <string.h>

/* libre has a JSON of its own, which is not used, with two names that jansson has as well. */
#define JSON_STRING RE_JSON_STRING
#define JSON_NULL RE_JSON_NULL
#include <re.h>
#undef JSON_STRING
#undef JSON_NULL
#include <jansson.h>

#include "app_status_priv.h"

enum { DUMP_FLAGS = JSON_COMPACT | JSON_PRESERVE_ORDER, GROUP_SIZE = 32 };

/* @return NULL without memory. jansson takes no string that is not UTF-8. */
static json_t *text(const char *s)
{
	char *plain = NULL;
	json_t *j;

	if (status_utf8(s))
		return json_string(s);

	if (re_sdprintf(&plain, "%H", status_plain, s))
		return NULL;
	j = json_string(plain);
	mem_deref(plain);

	return j;
}

/* The object that key stands in, made when it is the first there; *namep is its name there. */
static json_t *group(json_t *in, const char *key, const char **namep)
{
	const char *dot;

	while (in && (dot = strchr(key, '.'))) {
		char name[GROUP_SIZE];
		json_t *inner;

		(void)re_snprintf(name, sizeof(name), "%b", key, (size_t)(dot - key));
		inner = json_object_get(in, name);
		if (!inner) {
			inner = json_object();
			if (json_object_set_new(in, name, inner))
				inner = NULL;
		}
		in = inner;
		key = dot + 1;
	}
	*namep = key;

	return in;
}

static json_t *value(const void *obj, const struct status_field *f)
{
	if (f->unit == STATUS_STRING)
		return text(status_string(obj, f));
	if (f->unit == STATUS_BOOL)
		return json_boolean(status_number(obj, f) != 0);

	return json_integer((json_int_t)status_number(obj, f));
}

static int add_fields(json_t *j, enum status_scope scope, const void *obj)
{
	size_t n;
	const struct status_field *v = status_fields(scope, &n);

	for (size_t i = 0; i < n; i++) {
		const char *name;
		json_t *in;

		if (!v[i].key)
			continue;
		in = group(j, v[i].key, &name);
		if (!in || json_object_set_new(in, name, value(obj, &v[i])))
			return ENOMEM;
	}

	return 0;
}

/* What is no number of its own. */
static int add_interface(json_t *j, const struct app_status_interface *itf)
{
	char sip[80], media[80];

	(void)re_snprintf(sip, sizeof(sip), "%J", &itf->sip);
	(void)re_snprintf(media, sizeof(media), "%j", &itf->media);

	if (json_object_set_new(
		    j, "sip",
		    json_pack("{s:s, s:o}", "address", sip, "advertise", text(itf->advertise))) ||
	    json_object_set_new(j, "media",
				json_pack("{s:s, s:o, s:[I,I]}", "address", media, "advertise",
					  text(itf->media_advertise), "ports",
					  (json_int_t)itf->port_min, (json_int_t)itf->port_max)))
		return ENOMEM;

	return 0;
}

static int add_targets(json_t *j, const struct app_status *s, const struct app_status_trunk *t)
{
	json_t *all = json_array();
	int err = json_object_set_new(j, "targets", all) ? ENOMEM : 0;

	for (size_t i = 0; i < t->targets && !err; i++) {
		json_t *one = json_object();

		if (json_array_append_new(all, one))
			return ENOMEM;
		err = add_fields(one, STATUS_TARGET, &s->targetv[t->first_target + i]);
	}

	return err;
}

static int add_streams(json_t *j, const struct app_status *s, const struct app_status_call *c)
{
	json_t *all = json_array();
	json_t *stream = NULL;
	int err = json_object_set_new(j, "streams", all) ? ENOMEM : 0;

	for (size_t i = 0; i < c->flows && !err; i++) {
		const struct app_status_flow *f = &s->flowv[c->first_flow + i];
		json_t *one;

		if (i % 2 == 0) {
			stream = json_object();
			if (json_array_append_new(all, stream))
				return ENOMEM;
		}
		one = json_object();
		if (json_object_set_new(stream, f->side, one))
			return ENOMEM;
		err = add_fields(one, STATUS_FLOW, f);
	}

	return err;
}

static int put(const char *p, size_t n, void *arg)
{
	return mbuf_write_mem(arg, (const uint8_t *)p, n) ? -1 : 0;
}

static int print_object(struct mbuf *mb, const struct app_status *s, enum status_scope scope,
			const void *obj)
{
	json_t *j = json_object();
	int err = j ? add_fields(j, scope, obj) : ENOMEM;

	if (!err && scope == STATUS_INTERFACE)
		err = add_interface(j, obj);
	if (!err && scope == STATUS_TRUNK)
		err = add_targets(j, s, obj);
	if (!err && scope == STATUS_CALL)
		err = add_streams(j, s, obj);
	if (!err && json_dump_callback(j, put, mb, DUMP_FLAGS))
		err = ENOMEM;
	json_decref(j);

	return err;
}

/* The scopes in their order; targets are inside of trunks. */
static const struct {
	enum status_scope scope;
	const char *before, *after;
} parts[] = {
	{STATUS_GATEWAY, "{\"gateway\":", ""},
	{STATUS_INTERFACE, ",\n\"interfaces\":[\n", "]"},
	{STATUS_TRUNK, ",\n\"trunks\":[\n", "]"},
	{STATUS_CERT, ",\n\"certificates\":[\n", "]\n}\n"},
};

enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

/* One for each object, one for a list without any. */
static size_t pieces_of(const struct app_status *s, size_t part)
{
	const size_t n = status_objects(s, parts[part].scope).n;

	return n ? n : 1;
}

static size_t pieces(const struct app_status *s)
{
	size_t n = 0;

	for (size_t part = 0; part < PARTS; part++)
		n += pieces_of(s, part);

	return n;
}

static int piece(struct mbuf *mb, const struct app_status *s, size_t i)
{
	size_t part = 0;
	struct status_objects o;
	int err;

	for (; part < PARTS && i >= pieces_of(s, part); part++)
		i -= pieces_of(s, part);
	if (part == PARTS)
		return 0;

	o = status_objects(s, parts[part].scope);
	err = mbuf_write_str(mb, i ? ",\n" : parts[part].before);
	if (!err && i < o.n)
		err = print_object(mb, s, parts[part].scope, o.first + i * o.stride);
	if (!err && i + 1 >= o.n)
		err = mbuf_write_str(mb, parts[part].after);

	return err;
}

const struct status_printer status_json = {"json", pieces, piece, "}", false};

/* ---- the calls ---- */

static size_t calls_pieces(const struct app_status *s)
{
	(void)s;

	return 1;
}

static int calls_piece(struct mbuf *mb, const struct app_status *s, size_t i)
{
	int err = 0;

	if (i)
		return 0;

	if (!s->listed)
		err = mbuf_write_str(mb, "{\"calls\":[\n");
	for (size_t k = 0; k < s->callc && !err; k++) {
		err = k || s->listed ? mbuf_write_str(mb, ",\n") : 0;
		if (!err)
			err = print_object(mb, s, STATUS_CALL, &s->callv[k]);
	}
	if (!err && !s->more)
		err = mbuf_write_str(mb, "]\n}\n");

	return err;
}

const struct status_printer status_calls_json = {"calls-json", calls_pieces, calls_piece, "}",
						 true};
