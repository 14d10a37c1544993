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

/* RFC 4028 section 4: the session interval is never below Min-SE. */
static void check_timer(struct conf_reader *rd, const config_setting_t *s,
			const struct draft_trunk *d)
{
	const bool min = config_setting_get_member(s, "session_min_s") != NULL;
	char text[128];

	if (d->head.bad || d->min_s <= d->expires_s)
		return;

	if (min)
		(void)re_snprintf(text, sizeof(text),
				  "needs session_expires_s, which is %d, or less", d->expires_s);
	else
		(void)re_snprintf(text, sizeof(text), "needs session_min_s, which is %d, or more",
				  d->min_s);
	blame(rd, s, min ? "session_min_s" : "session_expires_s", text);
}

/* What was wrong by itself is there, though the draft does not have it. */
static bool has(const config_setting_t *s, const char *member)
{
	return config_setting_get_member(s, member) != NULL;
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
