/* SPDX-License-Identifier: ISC */
/*
 * INI files through inih, with what inih as distributions build it leaves out: line numbers, long lines,
 * continuation lines, all faults instead of the first; and a typed table of keys.
 *
 * inih (r55, Debian's build) splits lines above 198 bytes without a word, cuts section names at 49 and key names
 * at 49 characters, treats " ;" as the start of a comment, and gives the handler no line number. So the file is
 * fed to it through ini_parse_stream() by a reader of ours, one physical line at a time.
 *
 * Grammar: "[section]" or "[rule name]", "key = value", "; comment" or "# comment" lines, " ; comment" behind a
 * value, continuation lines begin with space or tab (joined with one space). A key given twice in a section is a fault.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/str.h"

enum { CONF_LINE_MAX = 190, CONF_NAME_MAX = 48, CONF_VALUE_MAX = 8192, CONF_FILE_MAX = 4 << 20 };

/* Faults go to one place; all are reported, in file order. */
struct conf_faults {
	void (*report)(void *arg, const char *file, unsigned line, const char *what);
	void *arg;
	unsigned n;
};
void conf_fault(struct conf_faults *f, const char *file, unsigned line, const char *fmt, ...) PRINTF(4, 5);

/* Calls `fn` for each key with its joined value and the line where it began; `name` NULL: a section begins. */
typedef void conf_fn(void *arg, const char *section, const char *name, const char *value, unsigned line);
/* Faults of grammar are reported; returns their number, or ERR_IO when the file cannot be read (reported too). */
int conf_read(const char *path, conf_fn *fn, void *arg, struct conf_faults *faults);
int conf_read_text(struct str text, const char *name, conf_fn *fn, void *arg, struct conf_faults *faults);

enum conf_type {
	CONF_BOOL,  /* bool: yes/no, on/off, true/false */
	CONF_UINT,  /* uint32_t */
	CONF_SIZE,  /* uint64_t bytes: 10, 64k, 1M, 2G */
	CONF_MSEC,  /* int64_t ms: 500ms, 10s, 5m, 1h, 45d; a bare number is seconds */
	CONF_ENUM,  /* int, by `names` */
	CONF_STR,   /* char *, heap, owned by the struct */
	CONF_CALL,  /* `call` parses the value itself */
};

struct conf_name {
	const char *name;
	int value;
};

struct conf_key {
	const char *section, *name;
	enum conf_type type;
	size_t offset;		/* into the target struct */
	const char *def;	/* default as text, NULL: none (left as it is) */
	int64_t min, max;	/* UINT, SIZE, MSEC; both 0 = any */
	const struct conf_name *names; /* ENUM, ends with NULL */
	/* 0, or a negative err with a phrase in `why` */
	int (*call)(void *target, struct str value, char *why, size_t why_len);
	bool no_reload;		/* takes effect at the next start only */
	const char *help;	/* one sentence, for man page and sample file */
};

/* Parses `value` into target. ERR_SYNTAX or ERR_RANGE with a phrase in `why`. */
int conf_set(const struct conf_key *key, void *target, struct str value, char *why, size_t why_len) MUSTCHECK;
const struct conf_key *conf_find(const struct conf_key *table, unsigned n, const char *section, const char *name);

int conf_msec(struct str s, int64_t *out) MUSTCHECK;
int conf_size(struct str s, uint64_t *out) MUSTCHECK;

#endif
