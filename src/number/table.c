/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table, as calls use it. A look-up is one probe for the exact number, and
 * only if none of it holds a walk down the tree for a range, then one for the
 * longest prefix. The table does not change, and nothing of a look-up is kept.
 */
#include <string.h>
#include <re.h>
#include "table_priv.h"

/* What one look-up works with. */
struct search {
	const struct sp_number_table *t;
	const char *digits;
	unsigned n;
	uint64_t key;
	int64_t now_s;
};

/* What a look-up comes to. For the rule more is needed, which most do not ask for. */
struct decision {
	uint32_t entry;
	enum sp_number_kind kind;
	const struct number_staged *slot; /**< of an exact number */
	uint32_t node;                    /**< of a range or prefix */
};

static bool search_begin(struct search *s, const struct sp_number_table *t, const struct pl *number,
			 int64_t now_s)
{
	if (!t || !number || !number_pack(&s->key, number->p, number->l))
		return false;

	s->t = t;
	s->digits = number->p + 1;
	s->n = (unsigned)number->l - 1;
	s->now_s = now_s;

	return true;
}

static bool holds(const struct search *s, uint32_t entry)
{
	const struct sp_number_entry *e = number_entry(&s->t->store, entry);

	return e->from_s <= s->now_s && s->now_s < e->to_s;
}

/** The i-th rule of a ref. @return false: there are no more */
static bool ref_rule(const struct number_rule **rule, const struct sp_number_table *t, uint32_t ref,
		     size_t i)
{
	const uint32_t *v = t->refv.area.p;
	size_t at;

	if (!(ref & NUMBER_CHAIN)) {
		*rule = number_rule(&t->store, ref);
		return !i;
	}

	at = (ref & ~NUMBER_CHAIN) + i;
	if (i && v[at - 1] & NUMBER_CHAIN)
		return false;
	*rule = number_rule(&t->store, v[at] & ~NUMBER_CHAIN);

	return true;
}

/** The rule of a ref that holds now; there is one at most. */
static const struct number_rule *ref_now(const struct search *s, uint32_t ref)
{
	const struct number_rule *rule;
	size_t i;

	for (i = 0; ref_rule(&rule, s->t, ref, i); i++) {
		if (holds(s, rule->entry))
			return rule;
	}

	return NULL;
}

/** Of an entry, or of a chain: what holds now. */
static bool entry_now(uint32_t *out, const struct search *s, uint32_t entry)
{
	const struct number_rule *rule;

	if (!(entry & NUMBER_CHAIN)) {
		*out = entry;
		return holds(s, entry);
	}

	rule = ref_now(s, entry);
	if (rule)
		*out = rule->entry;

	return rule != NULL;
}

/* Nodes on a number's way through the tree at which rules end. */
struct way {
	uint32_t nodev[SP_NUMBER_DIGITS_MAX];
	size_t c;
};

static bool decide_by_tree(struct decision *d, const struct search *s, const struct way *way)
{
	size_t i = way->c;

	while (i--) {
		if (entry_now(&d->entry, s, number_tree_entry(&s->t->tree, way->nodev[i]))) {
			d->node = way->nodev[i];
			return true;
		}
	}

	return false;
}

/** The tree is walked while memory brings the exact number's line: it costs next to nothing then.
 */
static bool decide(struct decision *d, const struct search *s)
{
	const struct number_tree *tree = &s->t->tree;
	const struct number_exact *x = &s->t->exact;
	const uint64_t hash = number_exact_hash(x, s->key);
	const uint64_t digits = number_nibbles(s->digits, s->n);
	struct way range, prefix;

	range.c = number_tree_walk(range.nodev, tree, s->n, digits, s->n);
	prefix.c = number_tree_walk(prefix.nodev, tree, 0, digits, s->n);

	d->kind = SP_NUMBER_EXACT;
	d->slot = number_exact_find(x, hash, s->key);
	if (d->slot && entry_now(&d->entry, s, d->slot->entry))
		return true;

	d->kind = SP_NUMBER_RANGE;
	if (decide_by_tree(d, s, &range))
		return true;
	d->kind = SP_NUMBER_PREFIX;

	return decide_by_tree(d, s, &prefix);
}

const struct sp_number_entry *sp_number_lookup(const struct sp_number_table *t,
					       const struct pl *number, int64_t now_s)
{
	struct decision d;
	struct search s;

	if (!search_begin(&s, t, number, now_s) || !decide(&d, &s))
		return NULL;

	return number_entry(&t->store, d.entry);
}

void number_show(struct sp_number_rule *out, const struct number_store *s, enum sp_number_kind kind,
		 const struct number_rule *rule)
{
	out->entry = number_entry(s, rule->entry & ~NUMBER_TOLD);
	out->kind = kind;
	number_unpack(out->first, rule->first);
	number_unpack(out->last, rule->last);
	number_where(&out->file, &out->line, s, rule->place);
}

static void show_slot(struct sp_number_rule *out, const struct search *s,
		      const struct number_staged *slot)
{
	const struct number_rule rule = {s->key, s->key, slot->entry, slot->place};

	number_show(out, &s->t->store, SP_NUMBER_EXACT, &rule);
}

bool sp_number_find(struct sp_number_rule *rule, const struct sp_number_table *t,
		    const struct pl *number, int64_t now_s)
{
	struct decision d;
	struct search s;
	uint32_t ref;

	if (!rule || !search_begin(&s, t, number, now_s) || !decide(&d, &s))
		return false;

	if (d.kind == SP_NUMBER_EXACT && !(d.slot->entry & NUMBER_CHAIN)) {
		show_slot(rule, &s, d.slot);
		return true;
	}
	ref = d.kind == SP_NUMBER_EXACT ? d.slot->entry : number_tree_ref(&t->tree, d.node);
	number_show(rule, &t->store, d.kind, ref_now(&s, ref));

	return true;
}

/* Who is told of every rule that covers a number. */
struct listener {
	sp_number_rule_h *h;
	void *arg;
	size_t n;
};

static void tell(struct listener *l, const struct sp_number_rule *rule)
{
	++l->n;
	if (l->h)
		l->h(rule, l->arg);
}

static void tell_ref(struct listener *l, const struct search *s, enum sp_number_kind kind,
		     uint32_t ref)
{
	const struct number_rule *rule;
	struct sp_number_rule out;
	size_t i;

	for (i = 0; ref_rule(&rule, s->t, ref, i); i++) {
		number_show(&out, &s->t->store, kind, rule);
		tell(l, &out);
	}
}

static void tell_tree(struct listener *l, const struct search *s, enum sp_number_kind kind,
		      unsigned root)
{
	const struct number_tree *tree = &s->t->tree;
	uint32_t nodev[SP_NUMBER_DIGITS_MAX];
	size_t c = number_tree_walk(nodev, tree, root, number_nibbles(s->digits, s->n), s->n);

	while (c--)
		tell_ref(l, s, kind, number_tree_ref(tree, nodev[c]));
}

size_t sp_number_covering(const struct sp_number_table *t, const struct pl *number,
			  sp_number_rule_h *h, void *arg)
{
	struct listener l = {.h = h, .arg = arg};
	const struct number_staged *slot;
	struct sp_number_rule out;
	struct search s;

	if (!search_begin(&s, t, number, 0))
		return 0;

	slot = number_exact_find(&t->exact, number_exact_hash(&t->exact, s.key), s.key);
	if (slot && slot->entry & NUMBER_CHAIN) {
		tell_ref(&l, &s, SP_NUMBER_EXACT, slot->entry);
	} else if (slot) {
		show_slot(&out, &s, slot);
		tell(&l, &out);
	}
	tell_tree(&l, &s, SP_NUMBER_RANGE, s.n);
	tell_tree(&l, &s, SP_NUMBER_PREFIX, 0);

	return l.n;
}

/** Of a range's last number people know its last six digits best, unless more differ. */
int sp_number_rule_print(struct re_printf *pf, const struct sp_number_rule *rule)
{
	enum { TAIL = 6 };
	size_t len, tail;

	if (!rule)
		return 0;
	if (rule->kind != SP_NUMBER_RANGE)
		return re_hprintf(pf, "%s%s", rule->first,
				  rule->kind == SP_NUMBER_PREFIX ? "*" : "");

	len = strlen(rule->last);
	tail = len > TAIL + 1 ? len - TAIL : 1;
	while (tail > 1 && strncmp(rule->first, rule->last, tail) != 0)
		--tail;

	return re_hprintf(pf, "%s-%s", rule->first, rule->last + tail);
}

void sp_number_counts(const struct sp_number_table *t, struct sp_number_counts *out)
{
	if (!out)
		return;

	memset(out, 0, sizeof(*out));
	if (t)
		*out = t->counts;
}

size_t sp_number_count(const struct sp_number_table *t)
{
	return t ? t->counts.exact + t->counts.ranges + t->counts.prefixes : 0;
}

size_t sp_number_count_trunk(const struct sp_number_table *t, uint16_t trunk)
{
	return t && trunk < t->trunkc ? t->countv[trunk] : 0;
}

bool sp_number_has_header(const struct sp_number_table *t, const struct pl *name)
{
	char lower[SP_NUMBER_HEADER_NAME_MAX + 1];

	return t && t->store.names && name && number_header_lower(lower, name) &&
	       number_pool_has(t->store.names, lower, name->l + 1);
}

void sp_number_each(const struct sp_number_table *t, sp_number_each_h *h, void *arg)
{
	size_t i;

	for (i = 0; t && h && i < t->store.itemv.c; i++) {
		const struct number_item *item = number_item(&t->store, (uint32_t)i);

		h(&item->entry, item->rulec, arg);
	}
}

void sp_number_each_account(const struct sp_number_table *t, sp_number_account_h *h, void *arg)
{
	struct sp_number_account *const *v = t ? t->store.accountv.area.p : NULL;
	size_t i;

	for (i = 0; t && h && i < t->store.accountv.c; i++) {
		if (v[i]->name[0])
			h(v[i], arg);
	}
}
