/* SPDX-License-Identifier: BSD-3-Clause
 *
 * conf/, private: how a file becomes a snapshot.
 *
 *   text.c    file and its includes -> one flat text that knows where lines come from
 *   read.c    files and directories, for text.c
 *   lex.c     tokens of the libconfig language, for text.c and scan.c
 *   scan.c    what libconfig would not tell: duplicates, open brackets, commas
 *   literals.c  and integers that it wraps
 *   schema.c  the tables: every key, its type, range and default
 *   reader.c  walks libconfig's tree along the tables into drafts
 *   value.c   reads one value of each type;  list.c  lists of values;  needs.c  its words
 *   digits.c  what is dialled, response codes;  rule.c  what header rules are made of
 *   nets.c    networks, servers
 *   header_names.c  which headers may be passed on, written, read
 *   profiles.c  what a trunk's profile sets, read before the trunk itself
 *   names.c   host names, edit distance;  files.c  where named files are looked for
 *   trunk.c   what holds between the keys of one trunk;  cross.c  between all keys;
 *   limits.c  between how much, how long and how often
 *   publish.c drafts become the public structures
 *   load.c    all of it in order;  settings.c  tells it again, key by key, for --check --verbose
 *
 * Drafts live until load returns, in an arena of their own; what the snapshot
 * keeps lives in the snapshot's arena.
 */
#ifndef SALLYPORT_CONF_PRIV_H
#define SALLYPORT_CONF_PRIV_H

#include <stdarg.h>
#include "sallyport/conf.h"
#include "sallyport/base_util.h"
#include "draft_priv.h"

enum {
	CONF_FILE_MAX = 32 * 1024 * 1024, /**< bytes of the file with all it includes */
	CONF_INCLUDES_MAX = 64,           /**< files that @include names, in all */
	CONF_INCLUDE_DEPTH_MAX = 8,
	CONF_NEST_MAX = 16,       /**< brackets within brackets */
	CONF_LITERALS_MAX = 100,  /**< unusable integer literals remembered */
	CONF_STRING_MAX = 1000,   /**< bytes of one string value */
	CONF_NUMBERS_MAX = 65536, /**< entries of "numbers"; number_files take more */
	CONF_NUMBER_FILES_MAX = 64,
	CONF_DNS_SERVERS_MAX = 8,
	CONF_KEY_PATH_SIZE = 320,
	CONF_SHOWN_SIZE = 480 /**< holds 100 characters, all escaped, quoted and cut */
};

/* report.c */
void conf_report(struct sp_report *r, bool mistake, const struct sp_conf_src *src, const char *key,
		 const char *shown, const char *fmt, va_list ap);
/** Quote and escape n bytes as the log does, cut at 100 characters. */
const char *conf_show(char buf[CONF_SHOWN_SIZE], const char *p, size_t n);

/* arena.c */
struct conf_arena;
int conf_arena_alloc(struct conf_arena **ap);
void *conf_arena_get(struct conf_arena *a, size_t size); /**< zeroed, or NULL */
char *conf_arena_str(struct conf_arena *a, const char *p, size_t n);
int conf_tree_fits(size_t text_len); /**< before libconfig reads such a text: 0, ENOMEM */

/* lex.c */
enum conf_token_kind {
	CONF_TOKEN_END,
	CONF_TOKEN_NAME,
	CONF_TOKEN_INTEGER,
	CONF_TOKEN_STRING, /**< one quoted piece, quotes included */
	CONF_TOKEN_INCLUDE,
	CONF_TOKEN_OTHER, /**< one character of punctuation, or a float */
	CONF_TOKEN_OPEN   /**< a string or comment that never ends */
};

struct conf_lex {
	const char *start, *p, *end;
	unsigned line;
};

struct conf_token {
	enum conf_token_kind kind;
	struct pl text; /**< of an include: the path between the quotes, escapes kept */
	unsigned line;  /**< where it begins */
};

void conf_lex_init(struct conf_lex *l, const char *p, size_t n, unsigned line);
void conf_lex_next(struct conf_lex *l, struct conf_token *t);

/* text.c */
struct conf_segment {
	unsigned flat, line;
	const char *file;
};

struct conf_text {
	const char *file;  /**< that was asked for; the first line may be of another */
	struct mbuf *flat; /**< ends in a NUL that is not counted in end */
	struct conf_segment *segmentv;
	size_t segmentc, segment_size;
	size_t *startv; /**< offset of each flat line */
	size_t linec;
	unsigned includes;
};

/** @return 0, EINVAL (reported), errno of opening the file (reported), ENOMEM */
int conf_text_load(struct conf_text **tp, struct conf_arena *a, const char *file, const char *dir,
		   struct sp_report *r);
struct sp_conf_src conf_text_src(const struct conf_text *t, unsigned flat);
/** Which stretch of one file, without an @include in it, a flat line belongs to. */
size_t conf_text_segment(const struct conf_text *t, unsigned flat);

/* read.c */
/** @return 0, ENOMEM, errno; EFBIG for more than max bytes, ENODEV for no regular file */
int conf_read_whole(struct mbuf **mbp, const char *path, size_t max);
/**
 * The files of a directory that are parts of a configuration, in the order of
 * their names: "*.conf", no hidden ones and no directories.
 * @return 0, ENOMEM, errno; ENOTDIR when path is a file
 */
int conf_read_dir(const char *pathv[], size_t max, size_t *pathc, struct conf_arena *a,
		  const char *path);

/* scan.c, literals.c */
struct conf_literal {
	struct pl name, text;
	unsigned name_line, line;
	bool leading_zero; /**< else it needs more than 31 bits */
	bool told;
};

struct conf_scan {
	struct conf_literal literalv[CONF_LITERALS_MAX];
	size_t literalc;
};

/**
 * Takes commas out that stand before a closing bracket.
 * @return 0, EINVAL when there is no point in parsing (reported), ENOMEM
 */
int conf_scan_text(struct conf_scan *s, struct conf_text *t, struct sp_report *r);
/** Remember an integer if libconfig would read another one. */
void conf_scan_literal(struct conf_scan *s, const struct pl *name, unsigned name_line,
		       const struct conf_token *t);
/** Report a literal as it was written, once. */
void conf_scan_tell(struct conf_literal *lit, const struct conf_text *t, struct sp_report *r,
		    const char *key, const char *fmt, ...);
/** Report the literals that the reader did not meet. */
void conf_scan_rest(struct conf_scan *s, const struct conf_text *t, struct sp_report *r);
/** Flat line of element i of the list that is called name on that flat line, or line itself. */
unsigned conf_scan_element(const struct conf_text *t, unsigned line, const char *name, unsigned i);

/* reader.c */
struct conf_reader {
	struct conf_arena *keep, *drafts;
	struct sp_report *report;
	const struct conf_text *text;
	struct conf_scan *scan;
	struct conf_profiles *profiles;
	const char *dir;
	int err; /**< ENOMEM sticks; the walk goes on */
	char path[CONF_KEY_PATH_SIZE];
	size_t path_len;
};

void conf_read_tree(struct conf_reader *rd, const struct config_setting_t *root, struct draft *d);
struct sp_conf_src conf_reader_src(const struct conf_reader *rd, const struct config_setting_t *s);
/** Was lit written as the value, or in the list, of setting s? */
bool conf_is_literal_of(const struct conf_literal *lit, const struct config_setting_t *s);
/** Append to the key path; returns the length to give to conf_reader_leave. */
size_t conf_reader_enter(struct conf_reader *rd, const char *fmt, ...);
void conf_reader_leave(struct conf_reader *rd, size_t len);
/** Report a mistake of setting s (its value is shown) at the key path. */
void conf_mistake(struct conf_reader *rd, const struct config_setting_t *s, const char *fmt, ...);
/** Say something of setting s that is no mistake. */
void conf_note(struct conf_reader *rd, const struct config_setting_t *s, const char *fmt, ...);
/** The same for the member of a list element's draft, or for the element when it has none. */
void conf_mistake_at(struct conf_reader *rd, const char *list, size_t i, const struct draft_head *h,
		     const char *member, const char *fmt, ...);
void conf_note_at(struct conf_reader *rd, const char *list, size_t i, const struct draft_head *h,
		  const char *member, const char *fmt, ...);

/* value.c */
void conf_read_value(struct conf_reader *rd, const struct conf_key *key,
		     const struct config_setting_t *s, void *base);
/** The string of s, or NULL after a report. */
const char *conf_get_string(struct conf_reader *rd, const struct conf_key *key,
			    const struct config_setting_t *s);
/** A name that other keys know something by. */
const char *conf_get_name(struct conf_reader *rd, const struct conf_key *key,
			  const struct config_setting_t *s);
/** The same as conf_get_string() for a DNS name, kept in lower case; addresses only where either_ok
 * says so. */
const char *conf_get_host(struct conf_reader *rd, const struct conf_key *key,
			  const struct config_setting_t *s, bool either_ok);
void conf_read_file(struct conf_reader *rd, const struct conf_key *key,
		    const struct config_setting_t *s, struct sp_conf_path *out);
/** A copy that the snapshot keeps; NULL: no memory, which the reader remembers. */
char *conf_keep(struct conf_reader *rd, const char *str);
char *conf_keep_lower(struct conf_reader *rd, const char *str);
/** Was it written as a literal that libconfig cannot be trusted with? Then it is reported. */
bool conf_has_bad_literal(struct conf_reader *rd, const struct conf_key *key,
			  const struct config_setting_t *s);

/* digits.c */
/** Digits, where the key allows it with "+" in front, as many as the key says. */
const char *conf_get_digits(struct conf_reader *rd, const struct conf_key *key,
			    const struct config_setting_t *s);
/** What people dial in an emergency: digits, "*", "#", "+" in front. */
const char *conf_get_dialled(struct conf_reader *rd, const struct conf_key *key,
			     const struct config_setting_t *s);
/** A response code that sends an INVITE elsewhere; 0 after a report. */
unsigned conf_get_code(struct conf_reader *rd, const struct conf_key *key,
		       const struct config_setting_t *s);

/* nets.c */
/** A network with no bits set behind its own. @return false after a report */
bool conf_get_network(struct conf_reader *rd, const struct conf_key *key,
		      const struct config_setting_t *s, struct sp_net *net);
/** "192.0.2.53:53", "[2001:db8::53]:53" of an address with or without a port. */
const char *conf_get_server(struct conf_reader *rd, const struct conf_key *key,
			    const struct config_setting_t *s);

/* header_names.c */
enum conf_header_use {
	CONF_HEADER_PASSED,  /**< from the other side to this one */
	CONF_HEADER_WRITTEN, /**< or taken out, by a rule         */
	CONF_HEADER_READ     /**< by a rule                       */
};

/** @return NULL when the header may be used so, else what to mend, perhaps in buf */
const char *conf_header_bad(const char *name, enum conf_header_use use, char *buf, size_t size);
/** The known name that this was probably meant to be, or NULL. */
const char *conf_header_near(const char *name);

/* rule.c */
/** The name of a header, judged as the key's type says. */
const char *conf_get_header(struct conf_reader *rd, const struct conf_key *key,
			    const struct config_setting_t *s);
const char *conf_get_template(struct conf_reader *rd, const struct conf_key *key,
			      const struct config_setting_t *s);
const char *conf_get_method(struct conf_reader *rd, const struct conf_key *key,
			    const struct config_setting_t *s);
/** 180, "180" or "1xx". @return false after a report */
bool conf_get_status(struct conf_reader *rd, const struct conf_key *key,
		     const struct config_setting_t *s, struct sp_conf_status *out);
void conf_check_rule(struct conf_reader *rd, const struct config_setting_t *s, void *draft);

/* profiles.c */
struct conf_preset {
	const char *key, *value; /**< as the file would write them */
};

struct conf_profile {
	const char *name;
	const struct conf_preset *presetv;
	size_t presetc;
};

enum { CONF_PROFILES = SP_PROFILE_ZOOM + 1 };

extern const struct conf_profile conf_profilev[CONF_PROFILES]; /**< by enum sp_conf_profile */

int conf_profiles_alloc(struct conf_profiles **pp);
/** What the profile of a trunk sets, as libconfig's tree; NULL: no memory. */
const struct config_setting_t *conf_profile_tree(struct conf_reader *rd,
						 const struct config_setting_t *trunk);
/** The profile that a trunk names; generic when it names none. */
enum sp_conf_profile conf_profile_of(const struct config_setting_t *trunk);

/* trunk.c */
void conf_check_trunk(struct conf_reader *rd, const struct config_setting_t *s, void *draft);
/** Report a mistake of a member that the file has, else of the group itself. */
void conf_blame(struct conf_reader *rd, const struct config_setting_t *s, const char *member,
		const char *text);

/* limits.c */
/** A burst of what has no rate. Only where nothing of s is wrong by itself. */
void conf_check_rate(struct conf_reader *rd, const struct config_setting_t *s,
		     const struct sp_conf_rate *rate, const char *per_s, const char *burst);
void conf_check_limits(struct conf_reader *rd, const struct config_setting_t *s, void *draft);
void conf_check_dns(struct conf_reader *rd, const struct config_setting_t *s, void *draft);
void conf_check_account(struct conf_reader *rd, const struct config_setting_t *s, void *draft);
/** What holds between the limits and the times of trunks. */
void conf_cross_limits(struct conf_reader *rd, const struct draft *d);

/* list.c */
void conf_read_ports(struct conf_reader *rd, const struct conf_key *key,
		     const struct config_setting_t *s, int out[2]);
void conf_read_elements(struct conf_reader *rd, const struct conf_key *key,
			const struct config_setting_t *s, void *base);
void conf_read_headers(struct conf_reader *rd, const struct conf_key *key,
		       const struct config_setting_t *s, struct sp_conf_number *out);

/* needs.c */
/** What a key needs, for people. buf is used where it is not constant. */
const char *conf_type_needs(char *buf, size_t size, const struct conf_key *key);
/** "found a string, needs ..." */
void conf_wrong_type(struct conf_reader *rd, const struct conf_key *key,
		     const struct config_setting_t *s);
bool conf_is_integer(const struct config_setting_t *s);

/* names.c */
bool conf_is_name(const char *s);
bool conf_is_host(const char *s);
bool conf_has_address(const struct sa *sa); /**< "0.0.0.0" is one too, unlike for sa_isset() */
unsigned conf_distance(const char *a, const char *b);
/** "" or "; did you mean "x"?" or "; known: a, b, c". */
const char *conf_suggest(char *buf, size_t size, const char *word, const char *const *namev,
			 size_t namec);
/** "host", "host:port", "[v6]:port". @return NULL, or what to mend */
const char *conf_target_parse(struct sp_conf_target *out, char host[256], const char *s);

/* files.c */
/** The absolute path of a file named in the configuration; NULL: no memory. */
const char *conf_file_path(struct conf_arena *a, const char *dir, const char *name);
/** The same for a private key, which may be kept in other places. */
const char *conf_key_path(struct conf_arena *a, const char *dir, const char *name);
/** The absolute directory of the configuration file. */
int conf_dir(char *dir, size_t size, const char *file);

/* cross.c */
int conf_cross(struct conf_reader *rd, struct draft *d);

/* settings.c */
int conf_tell_settings(struct conf_reader *rd, const struct draft *d, sp_conf_setting_h *h,
		       void *arg);

/* publish.c */
int conf_publish(struct sp_conf *conf, struct conf_arena *keep, struct draft *d);

#endif
