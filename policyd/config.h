/* SPDX-License-Identifier: ISC */
/*
 * The whole configuration: the main file, the rules and the lists that it names. Read all or nothing;
 * const from then on, until the next reload brings another one.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/conf.h"
#include "base/log.h"
#include "judge/lists.h"
#include "judge/rule.h"
#include "mail/site.h"
#include "serve/serve.h"
#include "store/journal.h"
#include "store/outbox.h"

#define CONFIG_DEFAULT_PATH STORM_SYSCONFDIR "/policyd-storm/policyd-storm.conf"

struct config {
	struct serve_conf serve;
	struct store_conf store;
	char *spool_dir;    /* NULL: path with ".spool" behind it */
	bool hashed;        /* [store] privacy; the key is beside the database */
	uint64_t max_spool; /* these four as in struct outbox_conf */
	int64_t sync;
	char *ring_dir;
	uint64_t ring;
	struct site site; /* hash_seed is 0: it comes from the database */
	struct ruleset rules;
	struct lists lists;
	bool enforce; /* [server] mode; false has put all rules in shadow */
	enum log_target log;
	char *user;        /* NULL: stay who we are */
	char *rules_path;  /* as written */
	char *lists_files; /* as written; NULL: none */
};

/*
 * Reads `path`; NULL: no file, the defaults. 0, or ERR_CONF after all faults were reported, file by
 * file and in the order of their lines; `out` is untouched then. What `rules` and `lists` name is
 * looked for beside the main file. A rules file that the main file does not name may be missing: there
 * are no rules then.
 */
int config_load(const char *path, struct config *out, struct conf_faults *faults) MUSTCHECK;
/* The same, with "RULE.KEY=VALUE" put over what the rules say. Faults in these name the file "--set". */
int config_load_with(const char *path, const char *const *sets, unsigned n_sets, struct config *out,
    struct conf_faults *faults) MUSTCHECK;
void config_fini(struct config *c);

/* Where records wait for the database; `dir` gets the spool's folder. Nowhere for ":memory:". */
void config_outbox(const struct config *c, char *dir, size_t dir_len, struct outbox_conf *out);

/* For conf_faults.report with a FILE * as `arg`: "file:line: what". */
void config_print_fault(void *arg, const char *file, unsigned line, const char *what);

/* What is no fault and yet hardly meant. */
typedef void config_note_fn(void *arg, const char *note);
void config_notes(const struct config *c, config_note_fn *fn, void *arg);

/* Calls `fn` for each key that differs and that only a restart can change. */
typedef void config_key_fn(void *arg, const struct conf_key *key);
void config_no_reload(const struct config *old, const struct config *now, config_key_fn *fn, void *arg);

/* All keys of the main file; target is struct config. Those of rules: rule_key_table. */
extern const struct conf_key config_key_table[];
extern const unsigned config_key_count;

/* Where a file is that the configuration `config` (NULL: none) names: beside it, unless absolute. For
 * xfree(). */
char *config_beside(const char *config, struct str name);
/* Without [mail] hostname: the machine's name. */
void config_default_hostname(struct config *c);

/* For config_fini(): what the keys of [server] own there. */
void config_doors_fini(struct serve_conf *c);

#endif
