/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The words for what a key needs and for what was found instead.
 */
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

bool conf_is_integer(const config_setting_t *s)
{
	return config_setting_type(s) == CONFIG_TYPE_INT ||
	       config_setting_type(s) == CONFIG_TYPE_INT64;
}

static const char *found(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_GROUP:
		return "a group";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a whole number";
	case CONFIG_TYPE_FLOAT:
		return "a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		return "a list";
	default:
		return "nothing";
	}
}

static void print_choices(char *buf, size_t size, const struct conf_key *key)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; key->choicev[i]; i++) {
		const char *sep = !i ? "" : key->choicev[i + 1] ? ", " : " or ";

		(void)re_snprintf(buf + n, size - n, "%s\"%s\"", sep, key->choicev[i]);
		n = strlen(buf);
	}
}

const char *conf_type_needs(char *buf, size_t size, const struct conf_key *key)
{
	switch (key->type) {
	case CONF_INTEGER:
		(void)re_snprintf(buf, size, "%sa whole number from %d to %d",
				  key->or_zero ? "0, or " : "", key->min, key->max);
		return buf;
	case CONF_CHOICE:
		print_choices(buf, size, key);
		return buf;
	case CONF_BOOL:
		return "true or false";
	case CONF_STRING:
		return "a string in quotes";
	case CONF_ACCOUNT:
		return "a string of 1 to 100 bytes in quotes";
	case CONF_SOCKET:
		return "the name of a socket in quotes, \"\" for none";
	case CONF_NAMES:
		return "a name in quotes, or a list of names, [ \"one\", \"two\" ]";
	case CONF_NETWORKS:
		return "a list of networks, [ \"192.0.2.0/24\" ]";
	case CONF_SERVERS:
		return "a list of IP addresses, [ \"192.0.2.53\" ]";
	case CONF_NAME:
		return "a name in quotes";
	case CONF_HOST:
		return "a host name in quotes";
	case CONF_HOST_ADDRESS:
		return "a host name or an IP address in quotes";
	case CONF_ADDRESS:
		return "an IP address in quotes";
	case CONF_FILE:
	case CONF_KEY_FILE:
		return "the name of a file in quotes";
	case CONF_PATHS:
		return "a list of names of files or directories, [ \"numbers.csv\" ]";
	case CONF_STRINGS:
		return "a string in quotes, or a list of strings, [ \"one\", \"two\" ]";
	case CONF_HOSTS:
		return "a list of host names, [ \"sbc.example.net\" ]";
	case CONF_PORTS:
		return "two ports, [ 20000, 29999 ]";
	case CONF_TARGETS:
		return "a list of targets, [ \"sbc.example.net:5061\" ]";
	case CONF_HEADERS:
		return "a group of strings, { Name = \"value\"; }";
	case CONF_DIGITS:
	case CONF_PLUS_DIGITS:
		return "digits in quotes";
	case CONF_DIALLED:
		return "a list of what is dialled, in quotes, [ \"112\" ]";
	case CONF_CODES:
		return "a list of response codes, [ 503 ]";
	case CONF_HEADER_NAMES:
		return "a list of names of headers, [ \"Geolocation\" ]";
	case CONF_HEADER_WRITTEN_NAME:
	case CONF_HEADER_READ_NAME:
		return "the name of a header in quotes";
	case CONF_TEMPLATE:
		return "a string in quotes";
	case CONF_METHODS:
		return "a list of methods, [ \"INVITE\" ]";
	case CONF_STATUSES:
		return "a list of status codes, [ \"180\", \"2xx\" ]";
	case CONF_GROUP:
		return "a group, { ... }";
	case CONF_LIST:
		return "a list of groups, ( { ... }, { ... } )";
	}

	return "";
}

void conf_wrong_type(struct conf_reader *rd, const struct conf_key *key, const config_setting_t *s)
{
	char needs[256];

	conf_mistake(rd, s, "found %s, needs %s", found(s),
		     conf_type_needs(needs, sizeof(needs), key));
}
