/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What must hold between the keys of one trunk, as they are in force: the
 * file's, else the profile's, else the defaults.
 */
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

void conf_blame(struct conf_reader *rd, const struct config_setting_t *s, const char *member,
		const char *text)
{
	const config_setting_t *m = config_setting_get_member(s, member);
	const size_t len = rd->path_len;

	if (m)
		(void)conf_reader_enter(rd, ".%s", member);
	conf_mistake(rd, m ? m : s, "%s", text);
	conf_reader_leave(rd, len);
}

static void note(struct conf_reader *rd, const config_setting_t *s, const char *member,
		 const char *text)
{
	const config_setting_t *m = config_setting_get_member(s, member);
	const size_t len = conf_reader_enter(rd, m ? ".%s" : "", member);

	conf_note(rd, m ? m : s, "%s", text);
	conf_reader_leave(rd, len);
}

/* Of a value that the file does not have. */
static const char *origin(char *buf, size_t size, const config_setting_t *s, const char *key)
{
	const struct conf_profile *p = &conf_profilev[conf_profile_of(s)];

	if (config_setting_get_member(s, key))
		return "";
	for (size_t i = 0; i < p->presetc; i++) {
		if (strcmp(p->presetv[i].key, key))
			continue;
		(void)re_snprintf(buf, size, " by profile \"%s\"", p->name);
		return buf;
	}

	return " by default";
}

/* RFC 4028 section 4: the session interval is never below Min-SE. */
static void check_timer(struct conf_reader *rd, const config_setting_t *s,
			const struct draft_trunk *d)
{
	const bool min = config_setting_get_member(s, "session_min_s") != NULL;
	const unsigned min_s = d->out.timer.min_s, expires_s = d->out.timer.expires_s;
	char text[256], from[128];

	if (min_s <= expires_s)
		return;

	if (min)
		(void)re_snprintf(text, sizeof(text),
				  "needs session_expires_s, which is %u%s, or less", expires_s,
				  origin(from, sizeof(from), s, "session_expires_s"));
	else
		(void)re_snprintf(text, sizeof(text), "needs session_min_s, which is %u%s, or more",
				  min_s, origin(from, sizeof(from), s, "session_min_s"));
	conf_blame(rd, s, min ? "session_min_s" : "session_expires_s", text);
}

/* What was wrong by itself is there, though the draft does not have it. */
static bool has(const config_setting_t *s, const char *member)
{
	return config_setting_get_member(s, member) != NULL;
}

/*
 * What comes in is looked at for the international prefix first: "0" before
 * national numbers and "00" before others is as it should be.
 */
static bool is_shadowed(const struct sp_conf_numbering *n)
{
	const char *home = n->national_prefix, *abroad = n->international_prefix;

	return home && *home && abroad && *abroad && !strncmp(home, abroad, strlen(abroad));
}

static void check_numbering(struct conf_reader *rd, const config_setting_t *s,
			    const struct draft_trunk *d)
{
	const size_t len = conf_reader_enter(rd, ".numbering");

	if (has(s, "national_prefix") && !has(s, "country"))
		conf_blame(rd, s, "national_prefix",
			   "needs country = \"...\" too: national numbers of which country?");
	if (d->format == SP_FORMAT_NATIONAL && !has(s, "country"))
		conf_blame(rd, s, "format",
			   "needs country = \"...\", whose numbers are written without it, and "
			   "national_prefix if they begin with one");
	if (d->format == SP_FORMAT_INTERNATIONAL && !has(s, "international_prefix"))
		conf_blame(rd, s, "format",
			   "needs international_prefix = \"...\", \"00\" say, to write instead of "
			   "\"+\"");
	if (is_shadowed(&d->out.numbering))
		conf_blame(rd, s, "international_prefix",
			   "national_prefix begins with it too, so national numbers would be taken "
			   "for "
			   "international ones: needs another");
	conf_reader_leave(rd, len);
}

/* A target that says nothing must be given up before the call is. */
static void check_failover(struct conf_reader *rd, const config_setting_t *s,
			   const struct sp_conf_failover *f)
{
	const bool total = has(s, "failover_s");
	char text[256], from[128];

	if (f->total_s < f->response_s) {
		if (total)
			(void)re_snprintf(text, sizeof(text),
					  "needs response_s, which is %u%s, or more", f->response_s,
					  origin(from, sizeof(from), s, "response_s"));
		else
			(void)re_snprintf(text, sizeof(text),
					  "needs failover_s, which is %u%s, or less", f->total_s,
					  origin(from, sizeof(from), s, "failover_s"));
		conf_blame(rd, s, total ? "failover_s" : "response_s", text);
	} else if (f->progress_s && f->progress_s < f->response_s) {
		note(rd, s, has(s, "progress_s") ? "progress_s" : "response_s",
		     "progress_s is less than response_s, and is not looked at before that is "
		     "over");
	}
}

static void check_limits(struct conf_reader *rd, const config_setting_t *s,
			 const struct sp_conf_trunk_limits *l)
{
	static const char more[] = "more than calls, which is reached before";

	conf_check_rate(rd, s, &l->rate, "calls_per_s", "calls_burst");
	conf_check_rate(rd, s, &l->rate_in, "calls_in_per_s", "calls_in_burst");
	conf_check_rate(rd, s, &l->rate_out, "calls_out_per_s", "calls_out_burst");
	conf_check_rate(rd, s, &l->rate_source, "source_calls_per_s", "source_calls_burst");
	if (l->calls && l->calls_in > l->calls)
		note(rd, s, "calls_in", more);
	if (l->calls && l->calls_out > l->calls)
		note(rd, s, "calls_out", more);
}

/* "zero" is the default, and may be written wherever: only the other is there for a reason. */
static void check_rekey(struct conf_reader *rd, const config_setting_t *s,
			const struct draft_trunk *d)
{
	if (d->rekey_roc == 1 && d->rekey == 0)
		note(rd, s, "rekey_roc",
		     "has no effect without rekey = \"follow\": our keys never change");
}

void conf_check_trunk(struct conf_reader *rd, const struct config_setting_t *s, void *draft)
{
	const struct draft_trunk *d = draft;
	const config_setting_t *numbering = config_setting_get_member(s, "numbering");

	/* what is wrong by itself is not held against the others */
	if (!d->head.bad) {
		check_timer(rd, s, d);
		check_failover(rd, s, &d->out.failover);
		check_limits(rd, s, &d->out.limits);
		check_rekey(rd, s, d);
	}
	if (!d->head.bad && has(s, "crl") && !d->out.ca.path)
		note(rd, s, "crl",
		     "without ca: the public authorities are trusted here, and only certificates "
		     "of "
		     "those whose list is in this file are taken");
	if (numbering && config_setting_is_group(numbering))
		check_numbering(rd, numbering, d);
}
