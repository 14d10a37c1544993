/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a configuration file: load ends with a snapshot that can be
 * read to its end, or with at least one mistake in the report.
 *
 * libconfig 1.5 leaks the strings that it has read when it meets an error of
 * syntax; that is not ours to find here.
 */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <re.h>
#include <sallyport/conf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig\nleak:libconfig_yyparse\nleak:strbuf_append\n";
}

static void line(bool mistake, const char *text, void *arg)
{
	(void)mistake;
	*(size_t *)arg += strlen(text);
}

static size_t length(const char *s)
{
	return s ? strlen(s) : 0;
}

/* A rule that is there can be applied; a bad one is left out, also where there were mistakes. */
static size_t visit_rules(const struct sp_conf_rule *v, size_t n)
{
	size_t sum = 0;

	if (n > SP_CONF_RULES_MAX)
		abort();
	for (size_t i = 0; i < n; i++) {
		const struct sp_conf_rule *r = &v[i];

		if (!r->header || (r->action == SP_RULE_COPY) != (r->from != NULL) ||
		    (r->action <= SP_RULE_SET) != (r->value != NULL))
			abort();
		sum += strlen(r->header) + length(r->value) + length(r->from) +
		       length(r->when.header) + length(r->when.matches) + length(r->when.account);
		for (size_t k = 0; k < r->when.methodc; k++)
			sum += strlen(r->when.methodv[k]);
		for (size_t k = 0; k < r->when.statusc; k++) {
			if (r->when.statusv[k].min < 100 || r->when.statusv[k].max > 699)
				abort();
		}
	}

	return sum;
}

/* A bucket that holds nothing would let nothing through. */
static void check_rate(const struct sp_conf_rate *r)
{
	if (r->per_s && !r->burst)
		abort();
}

static void check_networks(const struct sp_nets *nets)
{
	if (nets->c > SP_CONF_NETWORKS_MAX)
		abort();
	for (size_t i = 0; i < nets->c; i++) {
		if (!sp_nets_have(nets, &nets->v[i].addr))
			abort();
	}
}

static size_t visit_settings(const struct sp_conf_trunk *t)
{
	const struct sp_conf_numbering *n = &t->numbering;
	size_t sum = strlen(n->strip) + strlen(n->add) + strlen(n->country) +
		     strlen(n->national_prefix) + strlen(n->international_prefix) +
		     strlen(n->strip_out) + strlen(n->add_out);

	for (size_t k = 0; k < t->passc; k++)
		sum += strlen(t->passv[k]);
	for (size_t k = 0; k < t->emergencyc; k++)
		sum += strlen(t->emergencyv[k]);
	for (size_t k = 0; k < t->failover.codec; k++) {
		if (t->failover.codev[k] < 400 || t->failover.codev[k] > 699)
			abort();
	}
	check_rate(&t->limits.rate);
	check_rate(&t->limits.rate_in);
	check_rate(&t->limits.rate_out);
	check_rate(&t->limits.rate_source);
	check_networks(&t->networks);
	check_networks(&t->media_networks);
	if (t->limits.status < 400 || t->limits.status > 699 || !t->failover.tries)
		abort();

	return sum + visit_rules(t->rules_inv, t->rules_inc) +
	       visit_rules(t->rules_outv, t->rules_outc);
}

static void tell(const char *trunk, const char *key, const char *value, const char *origin,
		 void *arg)
{
	*(size_t *)arg += strlen(trunk) + strlen(key) + length(value) + strlen(origin);
}

static size_t visit_number(const struct sp_conf_number *n)
{
	size_t sum = strlen(n->number) + length(n->account) + length(n->label) +
		     length(n->enabled_from) + length(n->enabled_to) + length(n->caller_id) +
		     length(n->location);

	if (!n->trunkc || n->holec > SP_CONF_HOLES_MAX || n->headerc > SP_CONF_HEADERS_MAX)
		abort();
	for (size_t k = 0; k < n->trunkc; k++)
		sum += strlen(n->trunkv[k]);
	for (size_t k = 0; k < n->carrierc; k++)
		sum += strlen(n->carrierv[k]);
	for (size_t k = 0; k < n->holec; k++)
		sum += strlen(n->holev[k]);
	for (size_t k = 0; k < n->headerc; k++)
		sum += strlen(n->headerv[k].name) + strlen(n->headerv[k].value);

	return sum;
}

static size_t visit_rest(const struct sp_conf *c)
{
	size_t sum = length(c->dns.servers) + length(c->status_socket.path);

	for (size_t i = 0; i < c->numberc; i++)
		sum += visit_number(&c->numberv[i]);
	for (size_t i = 0; i < c->accountc; i++) {
		sum += strlen(c->accountv[i].name) + length(c->accountv[i].main_number);
		check_rate(&c->accountv[i].rate);
	}
	check_rate(&c->limits.handshakes_source);
	check_rate(&c->limits.account_rate);

	return sum;
}

static void visit(const struct sp_conf *c)
{
	size_t sum = strlen(c->file);

	for (size_t i = 0; i < c->interfacec; i++)
		sum += strlen(c->interfacev[i].name) + strlen(c->interfacev[i].sip_advertise);
	for (size_t i = 0; i < c->trunkc; i++) {
		const struct sp_conf_trunk *t = &c->trunkv[i];

		sum += strlen(t->name) + strlen(c->interfacev[t->interface].src.file
							? c->interfacev[t->interface].src.file
							: "");
		for (size_t k = 0; k < t->identityc; k++)
			sum += strlen(t->identityv[k]);
		for (size_t k = 0; k < t->targetc; k++)
			sum += strlen(t->targetv[k].host) + strlen(t->targetv[k].src.file);
		sum += visit_settings(t);
		for (size_t k = 0; k < t->carrierc; k++) {
			if (t->carrierv[k] >= c->trunkc)
				abort();
		}
	}
	sum += visit_rest(c);
	for (size_t i = 0; i < c->number_filec; i++)
		sum += strlen(c->number_filev[i].path);
	for (size_t i = 0; i < c->account_filec; i++)
		sum += strlen(c->account_filev[i].path);
	if (!sum)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_report *r = NULL;
	struct sp_conf *c = NULL;
	char path[64];
	size_t shown = 0;
	int err, fd = memfd_create("conf", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || sp_report_alloc(&r))
		abort();
	re_snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = sp_conf_load(&c, path, r);
	sp_report_print(r, line, &shown);

	if (!err != !sp_report_mistakes(r) || (!err && !c) || (err && !shown))
		abort();
	if (c)
		visit(c);
	if (sp_conf_settings(path, tell, &shown) != err)
		abort();

	mem_deref(c);
	mem_deref(r);
	close(fd);

	return 0;
}
