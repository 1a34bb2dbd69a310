/* SPDX-License-Identifier: ISC */
/* Start, reload and stop, in this order: load -> check -> bind (as root) -> become the user -> open the
 * journal -> serve -> drain -> close the journal. Whatever can go wrong at the start is said in one line
 * and by the exit code; once it serves, nothing ends it but a signal. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "config.h"
#include "mail/privacy.h"
#include "serve/engine.h"
#include "serve/ledger.h"
#include "serve/serve.h"
#include "store/privacy_key.h"
#include "store/thread.h"
#include "version.h"

enum { CLOSE_GRACE = 10 * MS_SEC, WHY_MAX = 512, FDS_SPARE = 64 };

struct daemon {
	const char *path;
	struct config config; /* the engine points into it: a reload changes what stands here */
	struct config begun;  /* that of the start, once another has taken its place */
	bool reloaded;
	uint64_t seed;
	struct engine engine;
	struct server *server;
	struct ledger *ledger;
	struct privacy *privacy; /* NULL: addresses are written as they are */
	bool debug;
	struct passwd user; /* pw_name NULL: stay who we are */
};

static const char usage_text[] =
    "usage: policyd-storm [-dt] [-c FILE]\n"
    "  -c, --config FILE  read FILE instead of " CONFIG_DEFAULT_PATH "\n"
    "  -t, --test         check the configuration and exit: 0 when it is fine, 78 when it is not\n"
    "  -d, --debug        log ordinary events too, such as connections that end\n"
    "  -V, --version      tell the version and what is built in\n"
    "  -h, --help         tell this\n";

static PRINTF(2, 3) int fail(int code, const char *fmt, ...)
{
	char why[WHY_MAX + 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	fprintf(stderr, "policyd-storm: %s\n", why);
	return code;
}

/* --- the user ------------------------------------------------------------------------------------------- */

static const struct passwd *
look_up(const char *name, const char *path, struct conf_faults *faults)
{
	const struct passwd *pw = getpwnam(name);
	unsigned line;

	if (pw)
		return pw;
	xfree(conf_value(path, "server", "user", &line));
	conf_fault(faults, path, line, "user: there is no user \"%s\" on this machine", name);
	return NULL;
}

/* Root has to become somebody who exists: asked with the rest of the configuration. */
static int
find_user(struct daemon *d, struct conf_faults *faults)
{
	const char *name = d->config.user;
	const struct passwd *pw;

	if (!name || !name[0] || geteuid() != 0)
		return 0;
	pw = look_up(name, d->path, faults);
	if (!pw)
		return ERR_CONF;
	d->user = (struct passwd){ .pw_name = d->config.user, .pw_uid = pw->pw_uid, .pw_gid = pw->pw_gid };
	return 0;
}

/* Another one than we became is looked up too, for the next start would end there. */
static int
check_user(const struct daemon *d, const struct config *fresh, struct conf_faults *faults)
{
	const char *name = fresh->user, *became = d->user.pw_name;

	if (!name || !name[0] || (became ? strcmp(name, became) == 0 : geteuid() != 0))
		return 0;
	return look_up(name, d->path, faults) ? 0 : ERR_CONF;
}

static int
become_user(const struct passwd *pw, char *why, size_t why_len)
{
	if (!pw->pw_name)
		return 0;
	if (initgroups(pw->pw_name, pw->pw_gid) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return err_why(
		    ERR_IO, why, why_len, "cannot become the user %s: %s", pw->pw_name, strerror(errno));
	if (pw->pw_uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
		return err_why(
		    ERR_IO, why, why_len, "became the user %s but could go back to root", pw->pw_name);
	return 0;
}

/* --- configuration -------------------------------------------------------------------------------------- */

static void
log_fault(void *arg, const char *file, unsigned line, const char *what)
{
	(void)arg;
	log_error("config file=%s line=%u what=%s", file, line, LOGV(str_of(what)));
}

static void
log_note(void *arg, const char *note)
{
	(void)arg;
	log_warn("config note=%s", LOGV(str_of(note)));
}

static void
print_note(void *arg, const char *note)
{
	fprintf(arg, "note: %s\n", note);
}

static void
log_restart(void *arg, const struct conf_key *key)
{
	(void)arg;
	log_warn("reload: [%s] %s takes effect at the next start", key->section, key->name);
}

static int
load(struct daemon *d)
{
	struct conf_faults faults = { .report = config_print_fault, .arg = stderr };
	int rc = config_load(d->path, &d->config, &faults);

	if (rc == 0)
		rc = find_user(d, &faults);
	return rc;
}

static void
reload(void *arg)
{
	struct daemon *d = arg;
	struct conf_faults faults = { .report = log_fault };
	struct config fresh = { 0 }, old = d->config;
	char why[WHY_MAX];

	if (config_load(d->path, &fresh, &faults) != 0 || check_user(d, &fresh, &faults) != 0) {
		log_error("reload refused: %s has faults, the old configuration stays", d->path);
		config_fini(&fresh);
		return;
	}
	if (server_reconfigure(d->server, &fresh.serve, why, sizeof(why)) != 0) {
		log_error("reload refused: %s; the old configuration stays", why);
		config_fini(&fresh);
		return;
	}
	config_no_reload(d->reloaded ? &d->begun : &old, &fresh, log_restart, NULL);
	fresh.site.hash_seed = d->seed;
	d->config = fresh;
	d->engine.defer_on_failure = fresh.store.defer_on_failure;
	engine_reloaded(&d->engine, clock_now());
	if (d->reloaded) {
		config_fini(&old);
	} else {
		d->begun = old;
		ruleset_fini(&d->begun.rules); /* of what is kept, keys will do */
		lists_fini(&d->begun.lists);
	}
	d->reloaded = true;
	server_set_config(d->server, d->path, d->config.enforce);
	config_notes(&d->config, log_note, NULL);
	log_info("reloaded config=%s rules=%u lists=%u mode=%s", d->path, d->config.rules.n,
	    d->config.lists.n, d->config.enforce ? "enforce" : "shadow");
}

/* --- start and stop ------------------------------------------------------------------------------------- */

/* No socket may get the number of a standard stream that somebody closed. */
static void
hold_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static void
raise_descriptors(const struct serve_conf *conf)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return;
	lim.rlim_cur = lim.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &lim);
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur != RLIM_INFINITY &&
	    lim.rlim_cur < (rlim_t)conf->max_connections + FDS_SPARE)
		log_warn("max_connections=%u but only %llu file descriptors are allowed",
		    conf->max_connections, (unsigned long long)lim.rlim_cur);
}

/* The database's folder, made when it alone is missing, and given to the user who will write there. */
static int
make_store_dir(const struct daemon *d, char *why, size_t why_len)
{
	char *dir = xstrdup(d->config.store.path), *slash = strrchr(dir, '/');
	int rc = 0;

	if (slash && slash != dir) {
		*slash = '\0';
		if (mkdir(dir, 0750) < 0) {
			rc = errno == EEXIST ? 0 : ERR_IO;
		} else if (d->user.pw_name && lchown(dir, d->user.pw_uid, d->user.pw_gid) < 0) {
			rc = ERR_IO;
		}
	}
	if (rc != 0)
		snprintf(why, why_len, "cannot make the folder %s: %s", dir, strerror(errno));
	xfree(dir);
	return rc;
}

/* The exit code. */
static int
open_privacy(struct daemon *d, char *why, size_t why_len)
{
	const char *path = d->config.store.path;
	unsigned char key[PRIVACY_KEY_SIZE];
	bool made;
	int rc;

	if (!d->config.hashed)
		return EX_OK;
	rc = privacy_key_get(path, key, &made, why, why_len);
	if (rc != 0)
		return rc == ERR_CONF ? EX_CONFIG : EX_CANTCREAT;
	d->privacy = privacy_new(key);
	explicit_bzero(key, sizeof(key));
	if (made)
		log_info("made a key for hashed addresses file=%s.key", path);
	return EX_OK;
}

/* The records of before: counters and storms are as they were when the last answer left. */
static int
open_ledger(struct daemon *d, char *why, size_t why_len)
{
	const struct config *c = &d->config;
	struct engine *e = &d->engine;
	struct ledger_conf conf = { .store = c->store, .privacy = d->privacy };
	struct ledger_opened opened;
	char dir[PATH_MAX];
	int rc;

	config_outbox(c, dir, sizeof(dir), &conf.outbox);
	rc = ledger_open(&conf, e->tallies, e->storms, clock_now(), &d->ledger, &opened, why, why_len);
	if (rc != 0)
		return rc;
	d->seed = opened.seed;
	d->config.site.hash_seed = d->seed;
	engine_use_ledger(e, d->ledger);
	if (opened.counters + opened.storms + opened.records)
		log_info("restored counters=%llu storms=%llu records=%llu",
		    (unsigned long long)opened.counters, (unsigned long long)opened.storms,
		    (unsigned long long)opened.records);
	engine_reloaded(e, clock_now()); /* the rules may have been changed since the storms were kept */
	return 0;
}

static int
start(struct daemon *d, char *why, size_t why_len)
{
	struct engine *e = &d->engine;
	int code, rc;

	umask(027);
	if (server_new(&d->config.serve, e, &d->server, why, why_len) != 0)
		return EX_UNAVAILABLE;
	if (make_store_dir(d, why, why_len) != 0)
		return EX_CANTCREAT;
	if (d->user.pw_name && server_give(d->server, d->user.pw_uid, d->user.pw_gid, why, why_len) != 0)
		return EX_OSERR;
	thread_ask_background();
	if (become_user(&d->user, why, why_len) != 0)
		return EX_NOPERM;
	if (geteuid() == 0)
		log_warn("running as root: name a user in [server] user");
	code = open_privacy(d, why, why_len);
	if (code != EX_OK)
		return code;
	rc = open_ledger(d, why, why_len);
	if (rc != 0)
		return rc == ERR_CORRUPT || rc == ERR_VERSION ? EX_DATAERR : EX_CANTCREAT;
	server_on_reload(d->server, reload, d);
	server_set_config(d->server, d->path, d->config.enforce);
	return EX_OK;
}

static void
engine_start(struct daemon *d)
{
	struct engine *e = &d->engine;

	engine_init(e, d->config.store.max_counters);
	e->site = &d->config.site;
	e->rules = &d->config.rules;
	e->lists = &d->config.lists;
	e->defer_on_failure = d->config.store.defer_on_failure;
}

/* Who started it as root would wonder what he may not do. */
static void
tell_denied(const struct daemon *d, char *why, size_t why_len)
{
	size_t n = strlen(why);

	if (d->user.pw_name && geteuid() == d->user.pw_uid && strstr(why, strerror(EACCES)))
		snprintf(why + n, why_len - n, " to user %s", d->user.pw_name);
}

static int
run(struct daemon *d)
{
	char why[WHY_MAX] = "";
	int code;

	log_open("policyd-storm", d->config.log, d->debug);
	raise_descriptors(&d->config.serve);
	engine_start(d);
	code = start(d, why, sizeof(why));
	if (code == EX_OK) {
		config_notes(&d->config, log_note, NULL);
		log_info("started version=" STORM_VERSION " config=%s rules=%u lists=%u mode=%s", d->path,
		    d->config.rules.n, d->config.lists.n, d->config.enforce ? "enforce" : "shadow");
		server_run(d->server);
		engine_tick(&d->engine, clock_now());
	} else {
		tell_denied(d, why, sizeof(why));
		(void)fail(code, "%s", why);
		if (d->config.log == LOG_TO_SYSLOG)
			log_error("not started: %s", why);
	}
	server_free(d->server);
	if (d->ledger)
		engine_drain(&d->engine);
	ledger_close(d->ledger, CLOSE_GRACE);
	engine_fini(&d->engine);
	privacy_free(d->privacy);
	if (code == EX_OK)
		log_info("stopped");
	return code;
}

static void
print_unreadable(void *arg, const char *file, unsigned line, const char *what)
{
	const struct daemon *d = arg;

	fputs("note: ", stderr);
	config_print_fault(stderr, file, line, what);
	fprintf(stderr, "note: user %s has to read that, or a reload is refused\n", d->user.pw_name);
}

/* What root can read and the user who serves cannot: a reload is done by him. */
static void
note_unreadable(struct daemon *d)
{
	struct conf_faults faults = { .report = print_unreadable, .arg = d };
	struct config again = { 0 };
	char why[WHY_MAX];

	if (!d->user.pw_name || become_user(&d->user, why, sizeof(why)) != 0)
		return;
	if (config_load(d->path, &again, &faults) == 0)
		config_fini(&again);
}

enum { ARGS_RUN = -1 };

/* The exit code when all was said. */
static int
said(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EX_OK;
	return fail(EX_IOERR, "standard output: %s", strerror(errno));
}

/* The exit code, or ARGS_RUN. */
static int
read_args(struct daemon *d, int argc, char **argv, bool *test)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "debug", no_argument, NULL, 'd' },
		{ "test", no_argument, NULL, 't' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	for (;;) {
		int opt = getopt_long(argc, argv, "c:dtVh", options, NULL);

		if (opt == -1)
			break;
		switch (opt) {
		case 'c':
			d->path = optarg;
			break;
		case 'd':
			d->debug = true;
			break;
		case 't':
			*test = true;
			break;
		case 'V':
			version_print("policyd-storm", NULL);
			return said();
		case 'h':
			fputs(usage_text, stdout);
			return said();
		default:
			fputs(usage_text, stderr);
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return ARGS_RUN;
	fputs(usage_text, stderr);
	return EX_USAGE;
}

int
main(int argc, char **argv)
{
	struct daemon d = { .path = CONFIG_DEFAULT_PATH };
	bool test = false;
	int code;

	xalloc_large_apart();
	code = read_args(&d, argc, argv, &test); /* what is told to a stream that is closed is not told */
	if (code != ARGS_RUN)
		return code;
	hold_standard_streams();
	code = load(&d) == 0 ? EX_OK : EX_CONFIG;
	if (code == EX_OK && test) {
		config_notes(&d.config, print_note, stderr);
		note_unreadable(&d);
	} else if (code == EX_OK) {
		code = run(&d);
	}
	config_fini(&d.config);
	config_fini(&d.begun);
	return code;
}
