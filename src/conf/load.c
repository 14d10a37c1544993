/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the file to the snapshot, step by step. Nothing of libconfig's tree
 * and of the drafts is left when this returns.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

struct snapshot {
	struct sp_conf conf; /* first: this is what the caller holds */
	struct conf_arena *arena;
};

struct load {
	struct snapshot *snap;
	struct conf_profiles *profiles;
	sp_conf_setting_h *settingh; /* NULL: nobody wants to hear */
	void *arg;
	struct conf_arena *drafts;
	struct conf_text *text;
	struct conf_scan *scan;
	char dir[PATH_MAX];
};

static void snapshot_destructor(void *arg)
{
	struct snapshot *s = arg;

	mem_deref(s->arena);
}

static int snapshot_alloc(struct snapshot **sp, const char *file)
{
	struct snapshot *s = mem_zalloc(sizeof(*s), snapshot_destructor);
	int err;

	if (!s)
		return ENOMEM;

	err = conf_arena_alloc(&s->arena);
	if (!err) {
		s->conf.file = conf_arena_str(s->arena, file, strlen(file));
		err = s->conf.file ? 0 : ENOMEM;
	}
	if (err)
		mem_deref(s);
	else
		*sp = s;

	return err;
}

/* libconfig says what its grammar noticed; people need to hear where to look. */
static const char *parse_hint(const char *text)
{
	if (!strcmp(text, "syntax error"))
		return "look here and on the line before: a quote, \"=\", \",\" or \";\" is "
		       "missing or one too many";
	if (!strncmp(text, "mismatched element type", 23))
		return "between [ ] all elements are strings, or all are whole numbers";
	if (!strncmp(text, "duplicate setting name", 22))
		return "a key is given a second time in its group: keep one of them";

	return "this is libconfig's own message";
}

static void report_parse_error(const struct load *ld, const config_t *cfg, struct sp_report *r)
{
	const struct sp_conf_src src = conf_text_src(
		ld->text, (unsigned)(config_error_line(cfg) > 0 ? config_error_line(cfg) : 1));
	const char *text = config_error_text(cfg) ? config_error_text(cfg) : "syntax error";

	sp_report_add(r, &src, NULL, NULL, "%s: %s", text, parse_hint(text));
}

/* The tree has been parsed: read it. @return 0, EINVAL (mistakes), ENOMEM */
static int read_tree(struct load *ld, const config_t *cfg, struct sp_report *r)
{
	struct conf_reader rd = {.keep = ld->snap->arena,
				 .drafts = ld->drafts,
				 .report = r,
				 .text = ld->text,
				 .scan = ld->scan,
				 .profiles = ld->profiles,
				 .dir = ld->dir};
	struct draft *d = conf_arena_get(ld->drafts, sizeof(*d));
	const unsigned before = sp_report_mistakes(r);
	int err;

	if (!d)
		return ENOMEM;

	conf_read_tree(&rd, config_root_setting(cfg), d);
	err = rd.err ? rd.err : conf_cross(&rd, d);
	if (!err)
		err = conf_publish(&ld->snap->conf, ld->snap->arena, d);
	if (err)
		return err;
	conf_scan_rest(ld->scan, ld->text, r);
	if (sp_report_mistakes(r) != before)
		return EINVAL;

	return ld->settingh ? conf_tell_settings(&rd, d, ld->settingh, ld->arg) : 0;
}

/* @return 0, EINVAL; *parsed says whether there is a snapshot to look at */
static int parse(struct load *ld, bool *parsed, struct sp_report *r)
{
	config_t cfg;
	int err;

	err = conf_scan_text(ld->scan, ld->text, r);
	if (err) {
		conf_scan_rest(ld->scan, ld->text, r);
		return err;
	}

	err = conf_tree_fits(ld->text->flat->end);
	if (err)
		return err;
	config_init(&cfg);
	if (config_read_string(&cfg, (const char *)ld->text->flat->buf)) {
		err = read_tree(ld, &cfg, r);
		*parsed = !err || err == EINVAL;
	} else {
		report_parse_error(ld, &cfg, r);
		conf_scan_rest(ld->scan, ld->text, r);
		err = EINVAL;
	}
	config_destroy(&cfg);

	return err;
}

static int load(struct sp_conf **cp, struct load *ld, const char *file, struct sp_report *r)
{
	const struct sp_conf_src src = {.file = file};
	bool parsed = false;
	char errbuf[128];
	int err;

	err = conf_dir(ld->dir, sizeof(ld->dir), file);
	if (err) {
		sp_report_add(r, &src, NULL, NULL, "cannot be read: %s",
			      str_error(err, errbuf, sizeof(errbuf)));
		return err;
	}

	err = snapshot_alloc(&ld->snap, file);
	if (!err)
		err = conf_arena_alloc(&ld->drafts);
	if (!err)
		err = conf_profiles_alloc(&ld->profiles);
	if (err)
		goto out;
	ld->scan = conf_arena_get(ld->drafts, sizeof(*ld->scan));
	err = ld->scan ? conf_text_load(&ld->text, ld->snap->arena, ld->snap->conf.file, ld->dir, r)
		       : ENOMEM;
	if (!err)
		err = parse(ld, &parsed, r);

out:
	if (parsed) {
		*cp = &ld->snap->conf;
		ld->snap = NULL;
	}
	mem_deref(ld->text);
	mem_deref(ld->profiles);
	mem_deref(ld->drafts);
	mem_deref(ld->snap);

	return err;
}

int sp_conf_load(struct sp_conf **cp, const char *file, struct sp_report *r)
{
	struct load ld = {0};

	if (!cp || !file || !*file || !r)
		return EINVAL;
	*cp = NULL;

	return load(cp, &ld, file, r);
}

int sp_conf_settings(const char *file, sp_conf_setting_h *h, void *arg)
{
	struct load ld = {.settingh = h, .arg = arg};
	struct sp_report *r = NULL;
	struct sp_conf *conf = NULL;
	int err;

	if (!file || !*file || !h)
		return EINVAL;

	err = sp_report_alloc(&r);
	if (err)
		return err;
	err = load(&conf, &ld, file, r);
	mem_deref(conf);
	mem_deref(r);

	return err;
}
