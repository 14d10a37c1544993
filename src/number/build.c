/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The build: rows are checked as they come and kept as finished entries, so
 * that ten million of them need no second form in memory. Whatever is wrong
 * with a row is reported in one go.
 */
#include <string.h>
#include <strings.h>
#include <re.h>
#include <sallyport/number.h>
#include "number_priv.h"

enum { ENTRIES_MIN = 64 };

/* A list of trunks that were found. */
struct routes {
	uint16_t v[SP_NUMBER_ROUTES_MAX];
	size_t c;
};

static void build_destructor(void *arg)
{
	struct sp_number_build *b = arg;

	mem_deref(b->entryv);
	mem_deref(b->headers);
	mem_deref(b->names);
	mem_deref(b->routes);
	mem_deref(b->strings);
	mem_deref(b->sorted);
}

int sp_number_build_alloc(struct sp_number_build **bp, const struct sp_number_trunk *trunkv,
			  size_t trunkc, sp_number_error_h *errh, void *arg)
{
	struct sp_number_build *b;
	int err;

	if (!bp || (trunkc && !trunkv) || trunkc >= SP_NUMBER_NO_TRUNK)
		return EINVAL;

	b = mem_zalloc(sizeof(*b), build_destructor);
	if (!b)
		return ENOMEM;

	b->trunkv = trunkv;
	b->trunkc = trunkc;
	b->errh = errh;
	b->arg = arg;

	err = number_trunks_sort(b);
	if (err)
		goto out;

	*bp = b;

out:
	if (err)
		mem_deref(b);

	return err;
}

void number_report(struct sp_number_build *b, const char *file, unsigned line, const char *key,
		   const char *value, const char *mend)
{
	b->bad = true;
	if (b->errh && !b->mute)
		b->errh(file, line, key, value ? value : "", mend, b->arg);
}

static void refuse(struct sp_number_build *b, const struct sp_number_row *row, const char *key,
		   const char *value, const char *mend)
{
	number_report(b, row->file ? row->file : "", row->line, key, value, mend);
}

static const char *number_mend(const char *s)
{
	if (s[0] == '+' && s[1] == '0')
		return "begin with the country code: no E.164 number has a 0 after the \"+\"";
	if (s[strspn(s, "+0123456789.,")] == 'E')
		return "a spreadsheet has rounded it: take the number from its source, and have "
		       "the column kept as text";

	return "write it as E.164: \"+\" and 1 to 15 digits, optionally \"*\" at the end for a "
	       "prefix";
}

static bool check_number(struct sp_number_build *b, const struct sp_number_row *row,
			 struct sp_number_entry *e)
{
	const char *s = row->number ? row->number : "";
	size_t len = strlen(s);
	uint64_t key;

	if (len && s[len - 1] == '*') {
		e->prefix = true;
		--len;
	}

	if (!number_pack(&key, s, len)) {
		refuse(b, row, "number", s, number_mend(s));
		return false;
	}

	memcpy(e->number, s, len);

	return true;
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

static bool check_trunks(struct sp_number_build *b, const struct sp_number_row *row,
			 struct routes *trunks, struct routes *carriers)
{
	const size_t carrierc = row->carrierc ? row->carrierc : row->carrier && row->carrier[0];
	bool ok;

	ok = check_list(b, row, row->trunkv, row->trunkc ? row->trunkc : 1, false, trunks);
	ok &= check_list(b, row, row->carrierv, carrierc, true, carriers);

	return ok;
}

static bool check_account(struct sp_number_build *b, const struct sp_number_row *row)
{
	if (!row->account || number_text_ok(row->account, SP_NUMBER_ACCOUNT_MAX))
		return true;

	refuse(b, row, "account", row->account,
	       "write the account in at most 100 bytes of UTF-8 text without control characters");

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

static bool check_headers(struct sp_number_build *b, const struct sp_number_row *row)
{
	bool ok = true;
	size_t i;

	if (row->headerc > SP_NUMBER_HEADERS_MAX) {
		refuse(b, row, "headers", "", "give one number at most 16 custom headers");
		return false;
	}

	for (i = 0; i < row->headerc; i++) {
		const struct sp_number_header *h = &row->headerv[i];
		const char *mend = sp_number_header_bad(h->name, h->value);

		if (!mend && ok && named_before(row->headerv, i))
			mend = "give this header once only (upper and lower case are the same)";
		if (mend) {
			refuse(b, row, "headers", h->name, mend);
			ok = false;
		}
	}

	return ok;
}

/** Nobody may write a header of this name from now on, see sp_number_has_header(). */
static int store_name(struct sp_number_build *b, const char *name)
{
	char lower[SP_NUMBER_HEADER_NAME_MAX + 1];
	struct pl pl;
	int err = b->names ? 0 : number_pool_alloc(&b->names, 1);

	pl_set_str(&pl, name);
	if (!err && number_header_lower(lower, &pl) && !number_pool_string(b->names, lower))
		err = ENOMEM;

	return err;
}

static int store_headers(struct sp_number_build *b, const struct sp_number_row *row,
			 struct sp_number_entry *e)
{
	struct sp_number_header headerv[SP_NUMBER_HEADERS_MAX];
	size_t i;

	if (!row->headerc)
		return 0;

	for (i = 0; i < row->headerc; i++) {
		headerv[i].name = number_pool_string(b->strings, row->headerv[i].name);
		headerv[i].value = number_pool_string(b->strings, row->headerv[i].value);
		if (!headerv[i].name || !headerv[i].value || store_name(b, headerv[i].name))
			return ENOMEM;
	}

	/* Strings are interned, so equal lists of headers are equal bytes. */
	e->headerv = number_pool_intern(b->headers, headerv, row->headerc * sizeof(headerv[0]));
	e->headerc = (uint16_t)row->headerc;

	return e->headerv ? 0 : ENOMEM;
}

/** Most entries have one of a few lists, so each is kept once. */
static int store_routes(struct sp_number_build *b, const struct routes *r, const uint16_t **vp,
			uint16_t *cp)
{
	*cp = (uint16_t)r->c;
	if (!r->c)
		return 0;

	*vp = number_pool_intern(b->routes, r->v, r->c * sizeof(r->v[0]));

	return *vp ? 0 : ENOMEM;
}

static int entries_grow(struct sp_number_build *b)
{
	const size_t cap = b->entrycap ? b->entrycap * 2 : ENTRIES_MIN;
	struct sp_number_entry *v;

	v = mem_reallocarray(b->entryv, cap, sizeof(*v), NULL);
	if (!v)
		return ENOMEM;

	b->entryv = v;
	b->entrycap = cap;

	return 0;
}

static int store_begin(struct sp_number_build *b)
{
	int err = 0;

	if (!b->strings)
		err = number_pool_alloc(&b->strings, 1);
	if (!err && !b->headers)
		err = number_pool_alloc(&b->headers, _Alignof(struct sp_number_header));
	if (!err && !b->routes)
		err = number_pool_alloc(&b->routes, _Alignof(uint16_t));
	if (!err && b->entryc == b->entrycap)
		err = entries_grow(b);

	return err;
}

static int store(struct sp_number_build *b, const struct sp_number_row *row,
		 const struct routes *trunks, const struct routes *carriers,
		 struct sp_number_entry *e)
{
	int err = store_begin(b);

	if (!err)
		err = store_routes(b, trunks, &e->trunkv, &e->trunkc);
	if (!err)
		err = store_routes(b, carriers, &e->carrierv, &e->carrierc);
	if (err)
		return err;

	e->trunk = e->trunkv[0];
	e->carrier = e->carrierc ? e->carrierv[0] : (uint16_t)SP_NUMBER_NO_TRUNK;

	e->headers_to_carrier = row->headers_to_carrier;
	e->line = row->line;
	e->file = number_pool_string(b->strings, row->file ? row->file : "");
	e->account = number_pool_string(b->strings, row->account ? row->account : "");
	if (!e->file || !e->account)
		return ENOMEM;

	err = store_headers(b, row, e);
	if (!err)
		b->entryv[b->entryc++] = *e;

	return err;
}

int sp_number_add(struct sp_number_build *b, const struct sp_number_row *row)
{
	struct routes trunks, carriers;
	struct sp_number_entry e;
	bool ok;

	if (!b || !row)
		return EINVAL;

	memset(&e, 0, sizeof(e));
	ok = check_number(b, row, &e);
	ok &= check_trunks(b, row, &trunks, &carriers);
	ok &= check_account(b, row);
	ok &= check_headers(b, row);
	if (ok && b->entryc >= NUMBER_ENTRIES_MAX) {
		refuse(b, row, "number", row->number,
		       "one table holds at most 100,000,000 numbers: use prefixes");
		ok = false;
	}

	return ok ? store(b, row, &trunks, &carriers, &e) : EINVAL;
}
