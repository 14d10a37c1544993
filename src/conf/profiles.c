/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Profiles: what a trunk to a well-known peer is set to, as far as the trunk
 * does not say otherwise. The values are written as the file would write them
 * and read by the same code, so a profile cannot set what a trunk could not.
 * docs/profiles/ says why each is as it is.
 */
#include <errno.h>
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

#define TABLE(t) .presetv = (t), .presetc = sizeof(t) / sizeof((t)[0])

/* The defaults that the schema has no words for: lists. */
static const struct conf_preset generic[] = {
	{"failover", "[ 408, 503, 504 ]"},
};

/* Both of Microsoft's lead to the same border controllers. */
static const struct conf_preset microsoft[] = {
	{"wildcard", "true"},
	{"purpose", "\"any\""},
	{"options_s", "60"},
	{"delayed_offer", "\"refuse\""},
	{"session_timer", "\"supported\""},
	{"session_expires_s", "1800"},
	{"session_refresh", "\"invite\""},
	{"transfer", "\"handle\""},
	{"failover", "[ 408, 503, 504 ]"},
	{"hold", "\"inactive\""},
	{"early_media", "\"ringing\""},
	{"rtcp_mux", "\"offer\""},
	{"rekey", "\"follow\""},
	{"rekey_roc", "\"zero\""},
	{"trusted", "true"},
	{"identity", "\"pass\""},
	{"diverted", "\"history-info\""},
	{"numbering", "{ user_phone = true; }"},
};

static const struct conf_preset zoom[] = {
	{"purpose", "\"any\""},
	{"options_s", "60"},
	{"session_timer", "\"supported\""},
	{"session_expires_s", "1800"},
	{"session_min_s", "90"},
	{"transfer", "\"handle\""},
	{"failover", "[ 408, 503, 504 ]"},
	{"hold", "\"relay\""},
	{"early_media", "\"relay\""},
	{"trusted", "true"},
	{"identity", "\"pass\""},
	{"diverted", "\"diversion\""},
};

const struct conf_profile conf_profilev[CONF_PROFILES] = {
	[SP_PROFILE_GENERIC] = {"generic", TABLE(generic)},
	[SP_PROFILE_TEAMS_DIRECT_ROUTING] = {"teams-direct-routing", TABLE(microsoft)},
	[SP_PROFILE_OPERATOR_CONNECT] = {"operator-connect", TABLE(microsoft)},
	[SP_PROFILE_ZOOM] = {"zoom", TABLE(zoom)},
};

/* Their trees, made when the first trunk wants them; they live as long as the drafts. */
struct conf_profiles {
	config_t treev[CONF_PROFILES];
	bool read[CONF_PROFILES];
};

static void profiles_destructor(void *arg)
{
	struct conf_profiles *p = arg;

	for (size_t i = 0; i < CONF_PROFILES; i++) {
		if (p->read[i])
			config_destroy(&p->treev[i]);
	}
}

int conf_profiles_alloc(struct conf_profiles **pp)
{
	*pp = mem_zalloc(sizeof(**pp), profiles_destructor);

	return *pp ? 0 : ENOMEM;
}

/* A wrong name is reported where the key is read; until then it is as good as none. */
enum sp_conf_profile conf_profile_of(const struct config_setting_t *trunk)
{
	const config_setting_t *s = config_setting_get_member(trunk, "profile");
	const char *name = s && config_setting_type(s) == CONFIG_TYPE_STRING
				   ? config_setting_get_string(s)
				   : NULL;

	for (size_t i = 0; name && i < CONF_PROFILES; i++) {
		if (!strcmp(conf_profilev[i].name, name))
			return (enum sp_conf_profile)i;
	}

	return SP_PROFILE_GENERIC;
}

static int read_profile(config_t *tree, const struct conf_profile *profile)
{
	struct mbuf *mb = mbuf_alloc(1024);
	int err = mb ? 0 : ENOMEM;

	for (size_t i = 0; i < profile->presetc && !err; i++)
		err = mbuf_printf(mb, "%s = %s;\n", profile->presetv[i].key,
				  profile->presetv[i].value);
	if (!err)
		err = mbuf_write_u8(mb, 0);
	if (!err && !config_read_string(tree, (const char *)mb->buf))
		err = ENOMEM; /* the text is ours, and good */
	mem_deref(mb);

	return err;
}

const struct config_setting_t *conf_profile_tree(struct conf_reader *rd,
						 const struct config_setting_t *trunk)
{
	const enum sp_conf_profile i = conf_profile_of(trunk);
	struct conf_profiles *p = rd->profiles;

	if (!p->read[i]) {
		config_init(&p->treev[i]);
		p->read[i] = true;
		if (read_profile(&p->treev[i], &conf_profilev[i]))
			rd->err = ENOMEM;
	}

	return config_root_setting(&p->treev[i]);
}
