/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What must hold between the keys of one trunk, as they are in force: the
 * file's, else the profile's, else the defaults.
 */
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

/* Report a mistake of a member that the file has, else of the group itself. */
static void blame(struct conf_reader *rd, const config_setting_t *s, const char *member,
		  const char *text)
{
	const config_setting_t *m = config_setting_get_member(s, member);
	const size_t len = rd->path_len;

	if (m)
		(void)conf_reader_enter(rd, ".%s", member);
	conf_mistake(rd, m ? m : s, "%s", text);
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
	char text[256], from[128];

	if (d->head.bad || d->min_s <= d->expires_s)
		return;

	if (min)
		(void)re_snprintf(text, sizeof(text),
				  "needs session_expires_s, which is %d%s, or less", d->expires_s,
				  origin(from, sizeof(from), s, "session_expires_s"));
	else
		(void)re_snprintf(text, sizeof(text), "needs session_min_s, which is %d%s, or more",
				  d->min_s, origin(from, sizeof(from), s, "session_min_s"));
	blame(rd, s, min ? "session_min_s" : "session_expires_s", text);
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
		blame(rd, s, "national_prefix",
		      "needs country = \"...\" too: national numbers of which country?");
	if (d->format == SP_FORMAT_NATIONAL && !has(s, "country"))
		blame(rd, s, "format",
		      "needs country = \"...\", whose numbers are written without it, and "
		      "national_prefix if they begin with one");
	if (d->format == SP_FORMAT_INTERNATIONAL && !has(s, "international_prefix"))
		blame(rd, s, "format",
		      "needs international_prefix = \"...\", \"00\" say, to write instead of "
		      "\"+\"");
	if (is_shadowed(&d->out.numbering))
		blame(rd, s, "international_prefix",
		      "national_prefix begins with it too, so national numbers would be taken for "
		      "international ones: needs another");
	conf_reader_leave(rd, len);
}

void conf_check_trunk(struct conf_reader *rd, const struct config_setting_t *s, void *draft)
{
	const struct draft_trunk *d = draft;
	const config_setting_t *numbering = config_setting_get_member(s, "numbering");

	check_timer(rd, s, d);
	if (numbering && config_setting_is_group(numbering))
		check_numbering(rd, numbering, d);
}
