/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What must hold between how much, how long and how often: rates and their
 * bursts, the times that DNS answers are kept, accounts.
 */
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

void conf_check_rate(struct conf_reader *rd, const struct config_setting_t *s,
		     const struct sp_conf_rate *rate, const char *per_s, const char *burst)
{
	char text[160];

	if (rate->per_s || !rate->burst || !config_setting_get_member(s, burst))
		return;

	(void)re_snprintf(text, sizeof(text),
			  "needs %s too, how many a second go on after these; without it there is "
			  "no limit",
			  per_s);
	conf_blame(rd, s, burst, text);
}

void conf_check_limits(struct conf_reader *rd, const struct config_setting_t *s, void *draft)
{
	const struct sp_conf_limits *l = &((const struct draft *)draft)->limits;

	conf_check_rate(rd, s, &l->handshakes_source, "handshakes_per_source_s",
			"handshakes_per_source_burst");
	conf_check_rate(rd, s, &l->account_rate, "account_calls_per_s", "account_calls_burst");
}

void conf_check_dns(struct conf_reader *rd, const struct config_setting_t *s, void *draft)
{
	const struct sp_conf_dns *dns = &((const struct draft *)draft)->dns;
	const bool min = config_setting_get_member(s, "ttl_min_s") != NULL;
	const bool max = config_setting_get_member(s, "ttl_max_s") != NULL;
	char text[160];

	if (dns->ttl_min_s <= dns->ttl_max_s)
		return;

	if (max)
		(void)re_snprintf(text, sizeof(text), "needs ttl_min_s, which is %u%s, or more",
				  dns->ttl_min_s, min ? "" : " by default");
	else
		(void)re_snprintf(text, sizeof(text),
				  "needs ttl_max_s, which is %u by default, or less",
				  dns->ttl_max_s);
	conf_blame(rd, s, max ? "ttl_max_s" : "ttl_min_s", text);
}

void conf_check_account(struct conf_reader *rd, const struct config_setting_t *s, void *draft)
{
	const struct draft_account *d = draft;

	if (!d->head.bad)
		conf_check_rate(rd, s, &d->out.rate, "calls_per_s", "calls_burst");
}

/* Only where the trunk itself says so: the defaults are shorter than any usual ring_s. */
static void check_times(struct conf_reader *rd, size_t i, const struct draft_trunk *t,
			unsigned ring_s)
{
	const struct sp_conf_failover *f = &t->out.failover;

	if (f->response_s >= ring_s && config_setting_get_member(t->head.setting, "response_s"))
		conf_note_at(rd, "trunks", i, &t->head, "response_s",
			     "never acts: a call ends before, after limits.ring_s = %u", ring_s);
	if (f->progress_s >= ring_s && config_setting_get_member(t->head.setting, "progress_s"))
		conf_note_at(rd, "trunks", i, &t->head, "progress_s",
			     "never acts: a call ends before, after limits.ring_s = %u", ring_s);
}

/* RFC 3261 section 21.4: some are nothing without a header that says more, and callers act on it.
 */
static void check_status(struct conf_reader *rd, size_t i, const struct draft_trunk *t)
{
	static const int othersv[] = {401, 405, 407, 415, 420, 421, 422, 423, 494};

	for (size_t k = 0; k < sizeof(othersv) / sizeof(othersv[0]); k++) {
		if (t->limit_status == othersv[k])
			conf_note_at(rd, "trunks", i, &t->head, "limit_status",
				     "says something else to callers, who may act on it: 480, "
				     "486, 503 and 603 say that there is no room");
	}
}

void conf_cross_limits(struct conf_reader *rd, const struct draft *d)
{
	for (size_t i = 0; i < d->trunks.c && !sp_report_mistakes(rd->report); i++) {
		const struct draft_trunk *t = (const struct draft_trunk *)d->trunks.v + i;

		check_times(rd, i, t, d->limits.ring_s);
		check_status(rd, i, t);
	}
}
