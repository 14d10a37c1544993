/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tells every setting of the trunks, in the file's own syntax, with where it
 * comes from: the file, the trunk's profile, or the schema's default.
 */
#include <errno.h>
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

enum { ORIGIN_SIZE = 1024 };

struct teller {
	const struct conf_reader *rd;
	sp_conf_setting_h *h;
	void *arg;
	const char *trunk, *profile;
	struct mbuf *mb; /* the value that is being told */
};

static int write_string(struct mbuf *mb, const char *s)
{
	int err = mbuf_write_u8(mb, '"');

	for (; *s && !err; s++) {
		if (*s == '"' || *s == '\\')
			err = mbuf_write_u8(mb, '\\');
		if (!err)
			err = mbuf_write_u8(mb, (uint8_t)*s);
	}

	return err ? err : mbuf_write_u8(mb, '"');
}

/* A value as one line of libconfig's own language. Nesting is bounded by scan.c. */
static int write_value(struct mbuf *mb, const config_setting_t *s)
{
	const int type = config_setting_type(s), n = config_setting_length(s);
	const bool group = type == CONFIG_TYPE_GROUP;
	const char *str;
	int err;

	switch (type) {
	case CONFIG_TYPE_STRING:
		str = config_setting_get_string(s);
		return write_string(mb, str ? str : "");
	case CONFIG_TYPE_BOOL:
		return mbuf_write_str(mb, config_setting_get_bool(s) ? "true" : "false");
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return mbuf_printf(mb, "%lli", config_setting_get_int64(s));
	default:
		break;
	}

	err = mbuf_write_str(mb, group ? "{" : type == CONFIG_TYPE_ARRAY ? "[" : "(");
	for (int i = 0; i < n && !err; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		if (group)
			err = mbuf_printf(mb, " %s = ", config_setting_name(e));
		else
			err = mbuf_write_str(mb, i ? ", " : " ");
		if (!err)
			err = write_value(mb, e);
		if (!err && group)
			err = mbuf_write_u8(mb, ';');
	}

	return err ? err
		   : mbuf_write_str(mb, group                       ? " }"
					: type == CONFIG_TYPE_ARRAY ? " ]"
								    : " )");
}

/* @return 0 with nothing written where there is no default that could be written */
static int write_default(struct mbuf *mb, const struct conf_key *key)
{
	switch (key->type) {
	case CONF_INTEGER:
		return mbuf_printf(mb, "%d", key->def);
	case CONF_BOOL:
		return mbuf_write_str(mb, key->def ? "true" : "false");
	case CONF_CHOICE:
		return key->def < 0 ? 0 : write_string(mb, key->choicev[key->def]);
	case CONF_TARGETS:
	case CONF_CODES:
	case CONF_NETWORKS:
	case CONF_HEADER_NAMES:
	case CONF_DIALLED:
		return mbuf_write_str(mb, "[ ]");
	case CONF_LIST:
		return mbuf_write_str(mb, "( )");
	default:
		return 0;
	}
}

static int tell(struct teller *t, const char *path, const struct conf_key *key,
		const config_setting_t *file, const config_setting_t *preset)
{
	const config_setting_t *s = file ? file : preset;
	char origin[ORIGIN_SIZE] = "default";
	struct sp_conf_src src;
	int err;

	if (file) {
		src = conf_reader_src(t->rd, file);
		(void)re_snprintf(origin, sizeof(origin), "%s:%u", src.file, src.line);
	} else if (preset && strcmp(t->profile, conf_profilev[SP_PROFILE_GENERIC].name)) {
		(void)re_snprintf(origin, sizeof(origin), "profile %s", t->profile);
	}

	mbuf_rewind(t->mb);
	err = s ? write_value(t->mb, s) : write_default(t->mb, key);
	if (!err)
		err = mbuf_write_u8(t->mb, 0);
	if (err)
		return err;
	t->h(t->trunk, path, t->mb->end > 1 ? (const char *)t->mb->buf : NULL, origin, t->arg);

	return 0;
}

static const config_setting_t *member(const config_setting_t *s, const char *name)
{
	return s ? config_setting_get_member(s, name) : NULL;
}

static int tell_group(struct teller *t, const char *prefix, const struct conf_group *g,
		      const config_setting_t *file, const config_setting_t *preset)
{
	char path[CONF_KEY_PATH_SIZE];
	int err = 0;

	for (size_t i = 0; i < g->keyc && !err; i++) {
		const struct conf_key *key = &g->keyv[i];
		const config_setting_t *f = member(file, key->name), *p = member(preset, key->name);

		(void)re_snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "",
				  key->name);
		err = key->type == CONF_GROUP ? tell_group(t, path, key->group, f, p)
					      : tell(t, path, key, f, p);
	}

	return err;
}

int conf_tell_settings(struct conf_reader *rd, const struct draft *d, sp_conf_setting_h *h,
		       void *arg)
{
	struct teller t = {.rd = rd, .h = h, .arg = arg, .mb = mbuf_alloc(256)};
	int err = t.mb ? 0 : ENOMEM;

	for (size_t i = 0; i < d->trunks.c && !err; i++) {
		const struct draft_trunk *trunk = (const struct draft_trunk *)d->trunks.v + i;
		const config_setting_t *s = trunk->head.setting;

		t.trunk = trunk->out.name;
		t.profile = conf_profilev[conf_profile_of(s)].name;
		err = tell_group(&t, "", &conf_trunk_group, s, conf_profile_tree(rd, s));
	}
	mem_deref(t.mb);

	return err;
}
