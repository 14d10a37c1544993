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
		if (t->carrier >= 0 && (size_t)t->carrier >= c->trunkc)
			abort();
	}
	for (size_t i = 0; i < c->numberc; i++)
		sum += strlen(c->numberv[i].number) + strlen(c->numberv[i].trunk);
	for (size_t i = 0; i < c->number_filec; i++)
		sum += strlen(c->number_filev[i].path);
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

	mem_deref(c);
	mem_deref(r);
	close(fd);

	return 0;
}
