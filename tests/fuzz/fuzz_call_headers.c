/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any message through the header policy and some rules, between trunks that
 * trust each other or not (the first byte says). What comes out must be headers
 * that a message can have, none of them of one leg alone, and a From and To
 * that can be read.
 */
#include <stdlib.h>
#include <string.h>
#include "../../src/call/headers_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char head[] = "OPTIONS sip:h SIP/2.0\r\n"
			   "Via: SIP/2.0/TLS h;branch=z9hG4bK1\r\n"
			   "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
			   "Call-ID: c1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n";
enum { HEAD_LINES = 6 };

static const char *const passv[] = {"X-A", "Subject", "From", "Identity"};
static const struct sp_conf_rule rulev[] = {
	{.action = SP_RULE_COPY, .header = "X-B", .from = "X-A"},
	{.action = SP_RULE_SET,
	 .header = "X-C",
	 .value = "{header:From}{header:X-A}",
	 .when = {.header = "X-A", .matches = "*a*b*"}},
	{.action = SP_RULE_ADD, .header = "P-Asserted-Identity", .value = "{header:Contact}"},
	{.action = SP_RULE_REMOVE, .header = "Privacy", .when = {.header = "X-D"}},
};

static void put(const struct headers_ctx *ctx)
{
	struct mbuf *mb = mbuf_alloc(1024);
	struct sp_sip_msg *m = NULL;
	struct sp_sip_fault fault;
	int err;

	if (!mb || mbuf_write_mem(mb, (const uint8_t *)head, sizeof(head) - 1))
		abort();
	err = headers_put(mb, ctx);
	if (err && (EMSGSIZE != err || mb->end != sizeof(head) - 1))
		abort();
	if (mbuf_write_str(mb, "\r\n"))
		abort();
	if (sp_sip_msg_parse(&m, (const char *)mb->buf, mb->end, &fault))
		abort();
	if (m->hdrc > HEAD_LINES + HEADERS_OUT_MAX)
		abort();
	for (size_t i = HEAD_LINES; i < m->hdrc; i++) {
		const struct pl *name = &m->hdrv[i].name;
		const bool is_signed = !pl_strcmp(name, "Identity") || !pl_strcmp(name, "Date");

		if (is_signed ? !ctx->to->pass_identity : BAG_OWNED == bag_kind(name))
			abort();
	}
	mem_deref(m);
	mem_deref(mb);
}

static void names(const struct headers_ctx *ctx)
{
	char *text[2] = {NULL, NULL};

	if (headers_from(&text[0], ctx, NULL) || headers_to(&text[1], ctx, "100", "h"))
		goto out; /* more headers than there is room for, by a rule */
	for (size_t i = 0; i < 2; i++) {
		struct sp_sip_addr addr;
		struct pl pl;

		pl_set_str(&pl, text[i]);
		if (sp_sip_addr_decode(&addr, &pl) || sp_sip_param(NULL, &addr.params, "tag"))
			abort();
	}
out:
	mem_deref(text[0]);
	mem_deref(text[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_conf_trunk from = {.name = "a", .kind = SP_TRUNK_SERVICE}, to = {.name = "b"};
	const struct sp_number_account account = {.name = "acme", .main_number = "+443"};
	const struct sp_number_header custom[] = {{"X-E", "{number}/{account}/{label}/{trunk}"},
						  {"X-F", "f"}};
	const struct sp_number_entry entry = {.account = &account,
					      .label = "gold",
					      .location = "",
					      .headerv = custom,
					      .headerc = 2,
					      .headers_to_carrier = true};
	struct headers_ctx ctx = {.from = &from,
				  .to = &to,
				  .entry = &entry,
				  .number = "+441",
				  .service = "a",
				  .own_number = true,
				  .initial = true,
				  .advertise = "gw.example",
				  .caller = "+441",
				  .called = "+442"};
	struct sp_sip_msg *m = NULL;
	struct sp_sip_fault fault;

	if (size < 2 || sp_sip_msg_parse(&m, (const char *)data + 1, size - 1, &fault))
		goto out;
	from.trusted = data[0] & 1;
	to.trusted = data[0] & 2;
	to.pass_identity = data[0] & 4;
	to.diverted = data[0] & 8 ? SP_DIVERTED_HISTORY_INFO : SP_DIVERTED_DIVERSION;
	ctx.emergency = data[0] & 16;
	ctx.shown = data[0] & 128 ? account.main_number : NULL;
	to.passv = passv;
	to.passc = ARRAY_SIZE(passv);
	from.rules_inv = to.rules_outv = rulev;
	from.rules_inc = data[0] & 32 ? ARRAY_SIZE(rulev) : 0;
	to.rules_outc = data[0] & 64 ? ARRAY_SIZE(rulev) : 0;
	ctx.msg = m;
	ctx.method = m->method;
	ctx.status = m->status;
	put(&ctx);
	names(&ctx);
out:
	mem_deref(m);
	return 0;
}
