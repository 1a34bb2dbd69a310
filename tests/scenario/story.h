/* SPDX-License-Identifier: ISC */
/* What the parts of the story runner share; the language stands in story.c. */
#ifndef STORY_H
#define STORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/str.h"

enum { WORDS_MAX = 512, DOORS_MAX = 64, PAIRS_MAX = 64, NESTING_MAX = 8 };

struct sqlite3;

struct words {
	struct str v[WORDS_MAX];
	unsigned n;
};

/* Values by their names. */
struct pairs {
	struct {
		struct str name, value;
	} v[PAIRS_MAX];
	unsigned n;
};

/* The engine's process and what it stands on. */
struct world {
	char dir[128];  /* configuration, database, spool */
	pid_t pid;      /* 0: no engine runs */
	int control;    /* the engine's ear */
	struct now now; /* simulated */
	struct sqlite3 *lock;
	uint64_t degraded;               /* verdicts of which `expect degraded` was told already */
	struct str config, rules, lists; /* blocks of the story; STR_NONE: none came */
};

/* One connection of an MTA. */
struct mta {
	struct str name;
	bool milter;
	int fd;           /* -1: not connected */
	struct buf in;    /* arrived, not read */
	unsigned due;     /* replies that must come */
	struct str reply; /* the last one, in words; STR_NONE: none came */
	/* milter */
	uint32_t steps;
	struct str queue;
	/* policy: what stands in each request, and the recipients of this transaction */
	struct pairs attrs;
	struct str first_rcpt;
	unsigned n_rcpts;
};

struct line {
	unsigned no;
	struct str text; /* without space around it */
	struct str raw;
};

struct story {
	const char *file;
	struct line *lines; /* owned */
	unsigned n_lines;
	unsigned no; /* of the line at work */
	struct str title, must_fail;
	char failure[2048]; /* "file:line: what"; "" as long as all is well */
	struct arena arena;
	struct world world;
	struct mta doors[DOORS_MAX];
	unsigned n_doors;
	struct mta *last; /* the door that was asked last */
	bool together;    /* bytes are written, nobody serves them yet */
	struct pairs vars, messages;
	unsigned serial; /* for ids */
};

/* Notes the first failure; always false. */
bool story_fail(struct story *s, const char *fmt, ...) PRINTF(2, 3);
bool story_need(struct story *s, bool ok, const char *what);

/* story_text.c */
struct str text_keep(struct story *s, struct str t);
void text_words(struct story *s, struct str line, struct words *w);
/* $name, ${name}, $$, and word{A..B} to "wordA, word.., wordB". */
bool text_expand(struct story *s, struct str line, struct str *out);
/* The value, or NULL. */
const struct str *text_find(const struct pairs *p, struct str name);
bool text_set(struct story *s, struct pairs *p, struct str name, struct str value);
bool text_glob(struct str pattern, struct str text);
bool text_number(struct str t, uint64_t *out);
/* "+90", "-1h", "28d", "1h30m": milliseconds; without a unit they are seconds. */
bool text_span(struct str t, int64_t *ms);
/* "2006-01-09" and "09:00" or "09:00:30" (UTC): milliseconds since 1970. */
bool text_time(struct str day, struct str hour, int64_t *ms);
struct str text_date(struct story *s, int64_t ms); /* as a header has it */
/* "M1", or "copy of M1 via HOST...": the header block, lines ended by CRLF. */
bool text_message(struct story *s, const struct str *words, unsigned n, struct str *out);

/* story_world.c */
bool world_init(struct story *s);
void world_fini(struct story *s);
bool world_start(struct story *s); /* nothing when it runs */
bool world_files(struct story *s);
bool world_stop(struct story *s); /* the clean way; its exit status must be 0 */
void world_kill(struct story *s);
/* Asks the engine; `answer` (may be NULL) gets what it said. */
bool world_ask(struct story *s, struct str *answer, const char *fmt, ...) PRINTF(3, 4);
/* Time goes by, and what waits at the doors is served. */
bool world_clock(struct story *s, int64_t ms);
bool world_connect(struct story *s, bool milter, int *fd);
bool world_lock(struct story *s, bool on);
/* One row of integers from the database. */
bool world_query(struct story *s, const char *sql, int64_t *out, unsigned n);

/* story_past.c: the store that another version left becomes the engine's, before it was ever started. */
bool past_inherit(struct story *s, struct str folder);

/* story_door.c, story_milter.c: "policy NAME: ..." and "milter NAME: ...". */
struct mta *door_find(struct story *s, struct str name);
struct mta *door_get(struct story *s, struct str name, bool milter);
bool door_open(struct story *s, struct mta *d);
void door_close(struct mta *d);
void doors_lost(struct story *s); /* the engine is gone */
bool door_put(struct story *s, struct mta *d, struct str bytes, unsigned due);
bool doors_serve(struct story *s); /* all that was put is served, all that is due must come */
bool doors_read(struct story *s);  /* the same, of what was served already */
bool policy_command(struct story *s, struct mta *d, const struct words *w);
bool policy_raw(struct story *s, struct mta *d, struct str block);
bool milter_command(struct story *s, struct mta *d, const struct words *w);
/* One reply off the front of d->in, in words; false: it is not all there, or is none. */
bool policy_take(struct story *s, struct mta *d);
bool milter_take(struct story *s, struct mta *d);

/* story_expect.c: "expect ..." */
bool expect_command(struct story *s, struct str rest);

/* story_engine.c: the other process. */
int engine_main(int argc, char **argv);

/* story_clock.c */
void clock_set(struct now now);

#endif
