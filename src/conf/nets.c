/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Networks that a peer may come from, servers that are asked for names: both
 * are addresses alone, as names would have to be looked up first.
 */
#include <errno.h>
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

enum { SERVER_PORT = 53, SERVER_SIZE = 64 };

bool conf_get_network(struct conf_reader *rd, const struct conf_key *key,
		      const struct config_setting_t *s, struct sp_net *net)
{
	const char *str = conf_get_string(rd, key, s);
	struct pl pl;
	int err;

	if (!str)
		return false;

	pl_set_str(&pl, str);
	err = sp_net_parse(net, &pl);
	if (err == ERANGE)
		conf_mistake(rd, s, "bits set behind the /%u: write %j/%u", net->bits, &net->addr,
			     net->bits);
	else if (err)
		conf_mistake(rd, s,
			     "needs a network, \"192.0.2.0/24\" or \"2001:db8::/32\", or an IP "
			     "address");

	return !err;
}

const char *conf_get_server(struct conf_reader *rd, const struct conf_key *key,
			    const struct config_setting_t *s)
{
	const char *str = conf_get_string(rd, key, s);
	struct sp_conf_target target;
	char host[256], text[SERVER_SIZE];
	struct sa sa;

	if (!str)
		return NULL;

	if (!sa_set_str(&sa, str, 0) && sa_af(&sa) == AF_INET6) {
		conf_mistake(rd, s, "needs brackets around an IPv6 address: \"[2001:db8::53]:53\"");
		return NULL;
	}
	if (conf_target_parse(&target, host, str) || sa_set_str(&sa, host, 0)) {
		conf_mistake(rd, s,
			     "needs an IP address, with or without a port: \"192.0.2.53:53\", "
			     "\"[2001:db8::53]:53\"");
		return NULL;
	}
	sa_set_port(&sa, target.port_given ? target.port : SERVER_PORT);
	(void)re_snprintf(text, sizeof(text), "%J", &sa);

	return conf_keep(rd, text);
}
