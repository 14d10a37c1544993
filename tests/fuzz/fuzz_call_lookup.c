/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any question about a call: the first byte says which trunk asks, then comes
 * who is called, a NUL, and who calls. Each has an answer or makes no message;
 * the INVITE of an answer can be read, and goes to where the answer says.
 */
#include <stdlib.h>
#include <string.h>
#include <sallyport/call_lookup.h>
#include <sallyport/number_build.h>
#include <sallyport/sip_message.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const emergency[] = {"112", "*5#"};
static const char *const identity[] = {"sbc.example"};

static struct sp_number_table *numbers(void)
{
	static const struct sp_number_trunk trunkv[] = {{"carrier", true}, {"service", false}};
	static const struct sp_number_header header = {"X-Id", "{number}{label}{{"};
	static const struct sp_number_row rows[] = {
		{.number = "+44*", .label = "l", .headerv = &header, .headerc = 1},
		{.number = "+49*", .caller_id = "screened", .location = "+449"},
		{.number = "+49170*", .caller_id = "main", .account = "a"},
	};
	static const struct sp_number_account_row a = {
		.name = "a", .main_number = "+491", .file = "f", .line = 1};
	struct sp_number_build *b = NULL;
	struct sp_number_table *t = NULL;

	if (sp_number_build_alloc(&b, trunkv, 2, NULL, NULL) || sp_number_add_account(b, &a))
		abort();
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sp_number_row row = rows[i];

		row.trunkv[0] = "service";
		row.carrierv[0] = "carrier";
		row.trunkc = row.carrierc = 1;
		row.file = "f";
		row.line = i + 1;
		if (sp_number_add(b, &row))
			abort();
	}
	if (sp_number_table_alloc(&t, b))
		abort();
	mem_deref(b);
	return t;
}

static void check(const struct sp_call_answer *a)
{
	static const char rest[] = "Via: SIP/2.0/TLS h;branch=z9hG4bK1\r\nCall-ID: c\r\n"
				   "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
	const char *text, *to;
	struct sp_sip_msg *m = NULL;
	struct sp_sip_fault fault;
	struct mbuf *mb;

	if (!a->status != (a->message && a->trunkc) || !a->status != !a->cause)
		abort();
	if (!a->message)
		return;
	mb = mbuf_alloc(1024);
	text = (const char *)a->message->buf;
	to = memmem(text, a->message->end, "\r\nTo: ", 6);
	if (!mb || !to)
		abort();
	if (mbuf_printf(mb, "%b;tag=1%b%s", text, (size_t)(to - text), to,
			(size_t)(text + a->message->end - to), rest) ||
	    sp_sip_msg_parse(&m, (const char *)mb->buf, mb->end, &fault))
		abort();
	mem_deref(mb);
	mem_deref(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sp_number_table *table;
	const struct sp_conf_interface ifc = {.sip_advertise = "gw.example"};
	struct sp_conf_trunk trunkv[2] = {{.name = "carrier"},
					  {.name = "service", .kind = SP_TRUNK_SERVICE}};
	const struct sp_conf conf = {
		.interfacev = &ifc, .interfacec = 1, .trunkv = trunkv, .trunkc = 2};
	struct sp_call_question q = {.now_s = 0};
	struct sp_call_answer a;
	char text[1024] = "";

	if (!size || size > sizeof(text))
		return 0;
	if (!table)
		table = numbers();
	memcpy(text, data + 1, size - 1);
	for (unsigned i = 0; i < 2; i++) {
		trunkv[i].identityv = identity;
		trunkv[i].identityc = 1;
		trunkv[i].emergencyv = emergency;
		trunkv[i].emergencyc = 2;
		trunkv[i].trusted = data[0] & 2;
		trunkv[i].numbering.country = data[0] & 4 ? "44" : NULL;
	}
	q.trunk = data[0] & 1;
	q.called = text;
	if (strlen(text) + 2 <= size - 1)
		q.caller = text + strlen(text) + 1;
	switch (sp_call_lookup(&a, &conf, table, &q)) {

	case 0:
		check(&a);
		break;
	case EINVAL:
		break;
	default:
		abort();
	}
	mem_deref(a.message);
	return 0;
}
