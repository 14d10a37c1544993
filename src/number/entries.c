/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a row says beside its number -> a number entry. Strings and lists are
 * interned, so entries that say the same are the same bytes, and are kept once.
 */
#include <string.h>
#include <strings.h>
#include <re.h>
#include "build_priv.h"

/* A list of trunks that were found. */
struct routes {
	uint16_t v[SP_NUMBER_ROUTES_MAX];
	size_t c;
};

struct found {
	struct routes trunks, carriers;
	enum sp_number_caller_id caller_id;
	int64_t from_s, to_s;
};

static void refuse(struct sp_number_build *b, const struct sp_number_row *row, const char *key,
		   const char *value, const char *mend)
{
	number_report(b, row->file, row->line, key, value, mend);
}

static bool has_trunk(const struct routes *r, uint16_t trunk)
{
	size_t i;

	for (i = 0; i < r->c; i++) {
		if (r->v[i] == trunk)
			return true;
	}

	return false;
}

/** Every name of a list, first to last; each that is wrong is told. */
static bool check_list(struct sp_number_build *b, const struct sp_number_row *row,
		       const char *const *namev, size_t namec, bool carrier, struct routes *r)
{
	const char *key = carrier ? "carrier" : "trunk";
	char mend[NUMBER_MEND_SIZE];
	bool ok = true;
	size_t i;

	r->c = 0;
	if (namec > SP_NUMBER_ROUTES_MAX) {
		refuse(b, row, key, namev[0], "name at most 8 trunks, the best first");
		return false;
	}

	for (i = 0; i < namec; i++) {
		const char *name = namev[i] ? namev[i] : "", *say = NULL;
		uint16_t trunk;

		if (!name[0] && namec > 1)
			say = "name a trunk here, or shorten the list";
		else if (!number_trunk_find(&trunk, b, name, carrier, mend, sizeof(mend)))
			say = mend;
		else if (has_trunk(r, trunk))
			say = "name this trunk once only";
		else
			r->v[r->c++] = trunk;

		if (say) {
			refuse(b, row, key, name, say);
			ok = false;
		}
	}

	return ok;
}

static bool check_text(struct sp_number_build *b, const struct sp_number_row *row, const char *key,
		       const char *text)
{
	if (!text || number_text_ok(text, SP_NUMBER_ACCOUNT_MAX))
		return true;

	refuse(b, row, key, text,
	       "write it in at most 100 bytes of UTF-8 text without control characters");

	return false;
}

static const char *time_mend(const char *text)
{
	char zoned[64];
	int64_t s;

	if (re_snprintf(zoned, sizeof(zoned), "%sZ", text) > 0 && sp_number_time(&s, zoned))
		return "add the time zone: \"Z\" behind it for UTC, or such as \"+01:00\"";

	return "write the time as RFC 3339 has it, with its time zone: \"2026-12-01T00:00:00Z\" or "
	       "\"2026-12-01T00:00:00+01:00\"";
}

static bool check_time(struct sp_number_build *b, const struct sp_number_row *row, const char *key,
		       const char *text, int64_t *s)
{
	if (!text || !text[0] || sp_number_time(s, text))
		return true;

	refuse(b, row, key, text, time_mend(text));

	return false;
}

static bool check_times(struct sp_number_build *b, const struct sp_number_row *row, struct found *f)
{
	bool ok;

	f->from_s = SP_NUMBER_ALWAYS_FROM;
	f->to_s = SP_NUMBER_ALWAYS_TO;
	ok = check_time(b, row, "enabled_from", row->enabled_from, &f->from_s);
	ok &= check_time(b, row, "enabled_to", row->enabled_to, &f->to_s);
	if (ok && f->to_s <= f->from_s) {
		refuse(b, row, "enabled_to", row->enabled_to,
		       "have it end after it begins: this is not after enabled_from");
		ok = false;
	}

	return ok;
}

static bool check_caller_id(struct sp_number_build *b, const struct sp_number_row *row,
			    struct found *f)
{
	static const char *const words[] = {[SP_NUMBER_CALLER_SENT] = "sent",
					    [SP_NUMBER_CALLER_SCREENED] = "screened",
					    [SP_NUMBER_CALLER_MAIN] = "main"};
	const char *s = row->caller_id && row->caller_id[0] ? row->caller_id : words[0];
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(s, words[i])) {
			f->caller_id = (enum sp_number_caller_id)i;
			return true;
		}
	}

	refuse(b, row, "caller_id", s, "write \"sent\", \"screened\" or \"main\"");

	return false;
}

static bool check_location(struct sp_number_build *b, const struct sp_number_row *row)
{
	char buf[NUMBER_MEND_SIZE];

	if (number_is_or_none(row->location))
		return true;

	refuse(b, row, "location", row->location,
	       number_meant(buf, "write it as E.164: \"+\" and 1 to 15 digits", row->location,
			    strlen(row->location)));

	return false;
}

static bool named_before(const struct sp_number_header *headerv, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++) {
		if (!strcasecmp(headerv[j].name, headerv[i].name))
			return true;
	}

	return false;
}

/** @return false: it was told, by its name when that is what to mend, else by its value */
static bool check_header(struct sp_number_build *b, const struct sp_number_row *row, size_t i,
			 bool once)
{
	const struct sp_number_header *h = &row->headerv[i];
	const char *mend = number_header_bad(h->name, h->value);
	char key[sizeof("headers.") + SP_NUMBER_HEADER_NAME_MAX];

	if (mend && !number_header_bad(h->name, "")) {
		(void)re_snprintf(key, sizeof(key), "%s%s",
				  row->header_key ? row->header_key : "headers.", h->name);
		refuse(b, row, key, h->value, mend);
		return false;
	}
	if (!mend && once && named_before(row->headerv, i))
		mend = "give this header once only (upper and lower case are the same)";
	if (!mend)
		return true;
	refuse(b, row, "headers", h->name, mend);

	return false;
}

static bool check_headers(struct sp_number_build *b, const struct sp_number_row *row)
{
	bool ok = true;
	size_t i;

	if (row->headerc > SP_NUMBER_HEADERS_MAX) {
		refuse(b, row, "headers", NULL, "give one number at most 100 custom headers");
		return false;
	}

	for (i = 0; i < row->headerc; i++)
		ok &= check_header(b, row, i, ok);

	return ok;
}

static bool check(struct sp_number_build *b, const struct sp_number_row *row, struct found *f)
{
	static const char *const none[] = {""}; /* which is told */
	bool ok;

	memset(f, 0, sizeof(*f));
	ok = check_list(b, row, row->trunkc ? row->trunkv : none, row->trunkc ? row->trunkc : 1,
			false, &f->trunks);
	ok &= check_list(b, row, row->carrierv, row->carrierc, true, &f->carriers);
	ok &= check_text(b, row, "account", row->account);
	ok &= check_text(b, row, "label", row->label);
	ok &= check_times(b, row, f);
	ok &= check_caller_id(b, row, f);
	ok &= check_location(b, row);
	ok &= check_headers(b, row);

	return ok;
}

static int store_begin(struct number_store *s)
{
	int err = 0;

	if (!s->strings)
		err = number_pool_alloc(&s->strings, 1);
	if (!err && !s->names)
		err = number_pool_alloc(&s->names, 1);
	if (!err && !s->lists)
		err = number_pool_alloc(&s->lists, _Alignof(struct sp_number_header));
	if (!err && !s->items)
		err = number_pool_alloc(&s->items, _Alignof(struct number_item));

	return err;
}

/** Nobody may write a header of this name from now on, see sp_number_has_header(). */
static int store_name(struct number_store *s, const char *name)
{
	char lower[SP_NUMBER_HEADER_NAME_MAX + 1];
	struct pl pl;

	pl_set_str(&pl, name);

	return number_header_lower(lower, &pl) && !number_pool_string(s->names, lower) ? ENOMEM : 0;
}

static int store_headers(struct number_store *s, const struct sp_number_row *row,
			 struct sp_number_entry *e)
{
	struct sp_number_header headerv[SP_NUMBER_HEADERS_MAX];
	size_t i;

	if (!row->headerc)
		return 0;

	for (i = 0; i < row->headerc; i++) {
		headerv[i].name = number_pool_string(s->strings, row->headerv[i].name);
		headerv[i].value = number_pool_string(s->strings, row->headerv[i].value);
		if (!headerv[i].name || !headerv[i].value || store_name(s, headerv[i].name))
			return ENOMEM;
	}

	e->headerv = number_pool_intern(s->lists, headerv, row->headerc * sizeof(headerv[0]));
	e->headerc = (uint16_t)row->headerc;

	return e->headerv ? 0 : ENOMEM;
}

static int store_routes(struct number_store *s, const struct routes *r, const uint16_t **vp,
			uint16_t *cp)
{
	*cp = (uint16_t)r->c;
	if (!r->c)
		return 0;

	*vp = number_pool_intern(s->lists, r->v, r->c * sizeof(r->v[0]));

	return *vp ? 0 : ENOMEM;
}

/** The entry's index, its own or that of one that says the same. */
static int store_item(struct number_store *s, const struct sp_number_entry *e, uint32_t *index)
{
	struct number_item *item, **slot;
	bool isnew;

	/* Room first: an item without its index must not be found later. */
	slot = number_vec_add(&s->itemv, sizeof(struct number_item *));
	if (!slot)
		return ENOMEM;
	--s->itemv.c;

	item = number_pool_object(s->items, e, sizeof(*e), sizeof(*item), &isnew);
	if (!item)
		return ENOMEM;
	if (isnew) {
		item->index = (uint32_t)s->itemv.c++;
		*slot = item;
	}
	*index = item->index;

	return 0;
}

static int store(struct sp_number_build *b, const struct sp_number_row *row, const struct found *f,
		 uint32_t *index)
{
	struct number_store *s = &b->store;
	struct sp_number_entry e;
	int err = store_begin(s);

	memset(&e, 0, sizeof(e)); /* what lies between members is compared too */
	if (!err)
		err = store_routes(s, &f->trunks, &e.trunkv, &e.trunkc);
	if (!err)
		err = store_routes(s, &f->carriers, &e.carrierv, &e.carrierc);
	if (!err)
		err = store_headers(s, row, &e);
	if (err)
		return err;

	e.account = number_account(b, row->account ? row->account : "");
	e.label = number_pool_string(s->strings, row->label ? row->label : "");
	e.location = number_pool_string(s->strings, row->location ? row->location : "");
	if (!e.account || !e.label || !e.location)
		return ENOMEM;

	e.headers_to_carrier = row->headers_to_carrier;
	e.caller_id = f->caller_id;
	e.from_s = f->from_s;
	e.to_s = f->to_s;

	return store_item(s, &e, index);
}

int number_entry_add(struct sp_number_build *b, const struct sp_number_row *row, uint32_t *entry)
{
	struct found found;

	if (!check(b, row, &found))
		return EINVAL;
	if (b->store.itemv.c >= NUMBER_RULES_MAX) {
		refuse(b, row, "number", row->number,
		       "one table holds at most 100,000,000 entries: have more rules share one");
		return EINVAL;
	}

	return store(b, row, &found, entry);
}
