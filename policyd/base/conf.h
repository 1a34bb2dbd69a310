/* SPDX-License-Identifier: ISC */
/*
 * INI files through inih, with what inih as distributions build it leaves out: line numbers, long lines,
 * continuation lines, all faults instead of the first; and a typed table of keys.
 *
 * inih (r55, Debian's build) splits lines above 198 bytes without a word, cuts section names at 49 and
 * key names at 49 characters, treats " ;" as the start of a comment, and gives the handler no line
 * number. So the file is fed to it through ini_parse_stream() by a reader of ours, one physical line at
 * a time.
 *
 * Grammar: "[section]" or "[rule name]", "key = value", "; comment" or "# comment" lines, " ; comment"
 * behind a value, continuation lines begin with space or tab (joined with one space; blank lines and
 * comments in between do not end the value). Sections and keys begin in the first column: an indented
 * "[section]" or "key = value" is a fault, lest the value above swallow it. A key given twice in a
 * section and a section given twice are faults.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/str.h"

enum {
	CONF_LINE_MAX = 190, /* bytes of a line that says something, without its end; comments are free */
	CONF_NAME_MAX = 48,
	CONF_VALUE_MAX = 8192, /* joined */
	CONF_FILE_MAX = 4 << 20,
	CONF_WHY_MAX = 512, /* room for a phrase of conf_set() */
};

/* Faults go to one place; all are reported, those of one file in its order. Line 0: the file as a whole.
 * NULL in place of it: nobody is told. */
struct conf_faults {
	void (*report)(void *arg, const char *file, unsigned line, const char *what);
	void *arg;
	unsigned n;
};
void conf_fault(struct conf_faults *f, const char *file, unsigned line, const char *fmt, ...) PRINTF(4, 5);

/* Calls `fn` for each key with its joined value and the line where it began; `name` NULL: a section
 * begins. */
typedef void conf_fn(void *arg, const char *section, const char *name, const char *value, unsigned line);
/* Faults of grammar are reported; returns their number, or ERR_IO when the file cannot be read
 * (reported too). */
int conf_read(const char *path, conf_fn *fn, void *arg, struct conf_faults *faults);
int conf_read_text(struct str text, const char *name, conf_fn *fn, void *arg, struct conf_faults *faults);
/* The value of this one key, whatever is wrong with the rest of the file; NULL: it is not there. Its line is
 * in *line unless that is NULL. For xfree(). */
char *conf_value(const char *path, const char *section, const char *name, unsigned *line) MUSTCHECK;

/* A whole file's content, NUL-terminated behind its `n` bytes, for xfree(). ERR_IO (see errno),
 * ERR_FULL above CONF_FILE_MAX, ERR_CONF: no regular file (/dev/null and a shell's pipe will do). */
int conf_slurp(const char *path, char **text, size_t *n) MUSTCHECK;
/* What one of these says, right after it. */
const char *conf_slurp_why(int err);

enum conf_type {
	CONF_BOOL, /* bool: yes/no, on/off, true/false */
	CONF_UINT, /* uint32_t */
	CONF_SIZE, /* uint64_t bytes: 10, 64k, 1M, 2G */
	CONF_MSEC, /* int64_t ms: 500ms, 10s, 5m, 1h, 45d; a bare number is seconds */
	CONF_ENUM, /* int or an enum, by `names` */
	CONF_FLAG, /* bool, by `names` with the values 0 and 1 */
	CONF_STR, /* char *, heap, owned by the struct; NULL for an empty value where `def` is "" or `none` */
	CONF_CALL, /* `call` parses the value itself */
};

struct conf_name {
	const char *name;
	int value;
};

struct conf_key {
	const char *section, *name;
	enum conf_type type;
	size_t offset;                 /* into the target struct */
	const char *def;               /* default as text, NULL: none (left as it is) */
	int64_t min, max;              /* UINT, SIZE, MSEC; both 0 = any */
	const struct conf_name *names; /* ENUM, FLAG; ends with NULL */
	/* 0, or a negative err with a phrase in `why`. `at` is the target struct + offset; it is
	 * called again for a second value, which replaces the first. */
	int (*call)(void *at, struct str value, char *why, size_t why_len);
	const char *form; /* CALL: what a value looks like, for the documentation */
	bool none;        /* STR: may be empty, although there is a default */
	bool no_reload;   /* takes effect at the next start only */
	unsigned use;     /* the table's own; see judge/rule.h */
	const char *help; /* one sentence, for man page and sample file */
};

/* offsetof, refused by the compiler when the member is not of that C type */
#define CONF_AT(target, member, ctype) \
	(offsetof(target, member) + 0 * sizeof(_Generic(&((target *)0)->member, ctype * : 0)))

/* Parses `value` into target. ERR_SYNTAX or ERR_RANGE with a phrase in `why`, such as: "45x" is not a time */
int conf_set(const struct conf_key *key, void *target, struct str value, char *why, size_t why_len) MUSTCHECK;
const struct conf_key *conf_find(
    const struct conf_key *table, unsigned n, const char *section, const char *name);
bool conf_has_section(const struct conf_key *table, unsigned n, const char *section);
/* Puts all defaults in. A default that does not parse is a fault of the table: returned, `why`
 * begins with the key. */
int conf_defaults(
    const struct conf_key *table, unsigned n, void *target, char *why, size_t why_len) MUSTCHECK;
/* The same value in two structs? Always true for CONF_CALL. */
bool conf_same(const struct conf_key *key, const void *a, const void *b);
/* "time", "size", "shadow | enforce", ... */
void conf_type_text(const struct conf_key *key, char *out, size_t len);

/* What is wrong with a key or section that is not in the table, with the nearest one that is. */
void conf_unknown(const struct conf_key *table, unsigned n, const char *section, const char *name, char *why,
    size_t why_len);

/* Puts `candidate` into *near if it is near enough to be what somebody meant, and nearer than what stands
 * there; NULL: nothing does yet. */
void conf_nearer(struct str word, const char *candidate, const char **near);

/* What CONF_MSEC and CONF_SIZE read. ERR_SYNTAX, ERR_RANGE. */
int conf_msec(struct str s, int64_t *out) MUSTCHECK;
int conf_size(struct str s, uint64_t *out) MUSTCHECK;
/* "45d", in the largest unit that divides it. */
void conf_msec_text(int64_t ms, char *out, size_t len);
/* Cuts the next word off a list that commas or spaces separate; false at the end. */
bool conf_word(struct str *rest, struct str *word);
/* May it be a domain? A dot in front ("all below it") is allowed, 8-bit labels are. */
bool conf_domain(struct str s);

/* Text of the file in a message: in quotes, cut, other bytes than printable ASCII as \xNN. */
struct conf_quoted {
	char text[96];
};
const char *conf_quote(struct conf_quoted *q, struct str s);
#define CONFQ(s) conf_quote(&(struct conf_quoted){ .text = "" }, (s))

/* The order of two places in files that have numbers: below, above or 0. */
static inline int
conf_places(unsigned file, unsigned line, unsigned other_file, unsigned other_line)
{
	if (file != other_file)
		return file < other_file ? -1 : 1;
	return (line > other_line) - (line < other_line);
}

#endif
