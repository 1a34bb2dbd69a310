/* SPDX-License-Identifier: ISC */
#include "serve/console.h"

#include <unistd.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "codec/control.h"
#include "judge/detect.h"
#include "judge/rule_parse.h"

struct request {
	const struct console *con;
	struct console_answer *answer;
	const struct str *words;
	struct now now;
	struct buf *out;
};

typedef void command_fn(const struct request *rq);
static command_fn tell_help, tell_status, tell_storm, tell_storms, tell_storms_all;

static const struct command {
	const char *words; /* as they must stand there; a word in capitals is an argument */
	enum console_right right;
	const char *help;
	command_fn *run;
} commands[] = {
	{ "help", CONSOLE_READ, "these commands", tell_help },
	{ "status", CONSOLE_READ, "the daemon: version, rules, traffic, storms, counters, journal",
	    tell_status },
	{ "storm ID", CONSOLE_READ, "one storm with its hosts; ID may be the first digits of its id",
	    tell_storm },
	{ "storms", CONSOLE_READ, "the open storms, those seen last first", tell_storms },
	{ "storms all", CONSOLE_READ, "the remembered storms too", tell_storms_all },
};

/* --- documents ------------------------------------------------------------------------------------------ */

static void
document(struct json *j, struct buf *out)
{
	json_init(j, out);
	json_object(j, NULL);
}

static void
document_end(struct json *j)
{
	json_object_end(j);
	buf_append(j->out, "\n", 1);
}

static void
tell_help(const struct request *rq)
{
	struct json j;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		document(&j, rq->out);
		json_str(&j, "command", str_of(commands[i].words));
		json_str(&j, "help", str_of(commands[i].help));
		document_end(&j);
	}
	control_end(rq->out);
}

static unsigned
in_force(const struct ruleset *rules)
{
	unsigned n = 0;

	for (unsigned i = 0; i < rules->n; i++)
		n += rules->v[i].mode != MODE_OFF;
	return n;
}

static void
json_rules(struct json *j, const struct ruleset *rules)
{
	json_array(j, "rules");
	for (unsigned i = 0; i < rules->n && i < CONSOLE_RULES; i++) {
		const struct rule *r = &rules->v[i];

		json_object(j, NULL);
		json_str(j, "name", str_of(r->name));
		json_str(j, "detect", str_of(r->detector->name));
		json_str(j, "mode", str_of(rule_value_name("mode", r->mode)));
		json_str(j, "action", str_of(action_name(r->action)));
		json_object_end(j);
	}
	json_array_end(j);
}

static void
json_counters(struct json *j, const struct tallies *tallies)
{
	struct tallies_stats s = { 0 };

	tallies_stats(tallies, &s);
	json_object(j, "counters");
	json_u64(j, "entries", s.entries);
	json_u64(j, "max", s.max);
	json_u64(j, "pinned", s.pinned);
	json_u64(j, "bytes", s.bytes);
	json_u64(j, "evicted", s.evicted);
	json_u64(j, "refused", s.refused);
	json_object_end(j);
}

static void
json_ledger(struct json *j, struct ledger *ledger)
{
	struct ledger_stats s = { 0 };

	if (!ledger) {
		json_null(j, "journal");
		json_null(j, "spool");
		return;
	}
	ledger_stats(ledger, &s);
	json_object(j, "journal");
	json_bool(j, "healthy", s.journal.healthy);
	json_u64(j, "written", s.journal.written);
	json_u64(j, "waiting", s.journal.waiting);
	json_u64(j, "lost", s.journal.lost);
	json_u64(j, "deferred", s.journal.deferred);
	json_u64(j, "trimmed", s.journal.trimmed);
	json_u64(j, "commits", s.journal.commits);
	json_u64(j, "failures", s.journal.failures);
	json_object_end(j);
	if (!s.has_spool) {
		json_null(j, "spool");
		return;
	}
	json_object(j, "spool");
	json_u64(j, "bytes", s.outbox.spool.bytes);
	json_u64(j, "segments", s.outbox.spool.segments);
	json_u64(j, "records", s.outbox.spool.committed);
	json_u64(j, "waiting", s.outbox.waiting);
	json_u64(j, "refused", s.outbox.refused);
	json_u64(j, "failures", s.outbox.spool.failures);
	json_u64(j, "unsafe", s.unsafe);
	json_object_end(j);
}

static void
json_traffic(struct json *j, const struct console *con)
{
	const struct engine_stats *s = &con->engine->stats;

	json_u64(j, "connections", con->connections);
	json_u64(j, "max_connections", con->max_connections);
	json_u64(j, "accepted", con->accepted);
	json_u64(j, "full", con->full);
	json_u64(j, "broken", con->broken);
	json_u64(j, "requests", s->requests);
	json_u64(j, "messages", s->messages);
	json_u64(j, "passed", s->passed);
	json_u64(j, "stopped", s->stopped);
	json_u64(j, "degraded", s->degraded);
}

static void
tell_status(const struct request *rq)
{
	const struct console *con = rq->con;
	const struct engine *e = con->engine;
	struct json j;

	document(&j, rq->out);
	json_str(&j, "version", str_of(STORM_VERSION));
	json_u64(&j, "pid", (uint64_t)getpid());
	json_seconds(&j, "time", rq->now.wall);
	json_seconds(&j, "started", con->started.wall);
	json_seconds(&j, "uptime", rq->now.mono - con->started.mono);
	json_str(&j, "config", str_of(con->config));
	json_seconds(&j, "configured", con->configured.wall);
	json_str(&j, "mode", con->enforce ? STR("enforce") : STR("shadow"));
	json_u64(&j, "rules_in_force", in_force(e->rules));
	json_rules(&j, e->rules);
	json_traffic(&j, con);
	json_object(&j, "storms");
	json_u64(&j, "open", storms_count(e->storms, STORM_OPEN));
	json_u64(&j, "cooling", storms_count(e->storms, STORM_COOLING));
	json_u64(&j, "remembered", storms_count(e->storms, STORM_REMEMBERED));
	json_u64(&j, "opened", e->stats.storms_opened);
	json_u64(&j, "max", STORMS_MAX);
	json_u64(&j, "displaced", storms_displaced(e->storms));
	json_object_end(&j);
	json_counters(&j, e->tallies);
	json_ledger(&j, e->ledger);
	document_end(&j);
	control_end(rq->out);
}

void
console_storm(struct json *j, const struct record_storm *s, bool whole)
{
	char key[33];

	json_hex64(j, "id", s->id);
	json_str(j, "rule", s->rule);
	json_str(j, "state", str_of(s->state));
	json_str(j, "message_id", s->message_id);
	json_str(j, "subject", s->subject);
	json_str(j, "sender", s->sender);
	json_seconds(j, "first", s->first);
	json_seconds(j, "last", s->last);
	json_u64(j, "offered", s->offered);
	json_u64(j, "passed", s->passed);
	json_u64(j, "stopped", s->stopped);
	json_u64(j, "messages", s->messages);
	json_u64(j, "recipients", s->recipients);
	json_bool(j, "recipients_at_least", s->recipients >= STORM_RCPTS_MAX);
	if (whole) {
		key_hex((struct key128){ s->key_lo, s->key_hi }, key);
		json_str(j, "key", str_of(key));
	} else {
		json_str(j, "host", s->n_hosts ? s->hosts[0].name : STR_NONE);
	}
}

void
console_hosts(struct json *j, const struct record_storm *s)
{
	json_array(j, "hosts");
	for (uint32_t i = 0; i < s->n_hosts; i++) {
		json_object(j, NULL);
		json_str(j, "name", s->hosts[i].name);
		json_str(j, "how", str_of(s->hosts[i].how));
		json_u64(j, "copies", s->hosts[i].copies);
		json_object_end(j);
	}
	json_array_end(j);
}

/* Whether the storm's rule may act at present. */
static void
json_mode(struct json *j, const struct ruleset *rules, uint64_t rule_id)
{
	for (unsigned i = 0; i < rules->n; i++) {
		if (rules->v[i].id == rule_id) {
			json_str(j, "mode", str_of(rule_value_name("mode", rules->v[i].mode)));
			return;
		}
	}
	json_null(j, "mode");
}

/* `now`: of a whole one, else NULL. */
static void
storm_document(const struct console *con, const struct storm *st, const struct now *now, struct buf *out)
{
	struct record_host hosts[STORM_HOSTS_MAX];
	struct record_storm s = storm_row(st, hosts);
	struct json j;

	document(&j, out);
	console_storm(&j, &s, now != NULL);
	if (now) {
		json_mode(&j, con->engine->rules, st->rule_id);
		if (storm_live(st))
			json_seconds(&j, "closes", now->wall + storm_closes_at(st) - now->mono);
		else
			json_null(&j, "closes");
		json_seconds(&j, "quiet", st->quiet);
		json_seconds(&j, "remember", st->remember);
		console_hosts(&j, &s);
	}
	document_end(&j);
}

/* --- one storm ------------------------------------------------------------------------------------------ */

struct search {
	uint64_t from, to; /* ids */
	uint32_t found;
	const struct storm *storm;
};

static void
compare(void *arg, struct storm *st)
{
	struct search *se = arg;

	if (st->id < se->from || st->id > se->to)
		return;
	se->found++;
	se->storm = st;
}

static void
tell_storm(const struct request *rq)
{
	struct search se = { 0 };
	struct str id = rq->words[1];

	if (storm_id_range(id, &se.from, &se.to)) {
		control_error(rq->out, CONTROL_SYNTAX, "an id has 1 to 16 hexadecimal digits");
		return;
	}
	storms_each(rq->con->engine->storms, compare, &se);
	if (se.found == 0) {
		control_error(rq->out, CONTROL_NO_STORM, "no storm %.*s", STR_FMT(id));
	} else if (se.found > 1) {
		control_error(rq->out, CONTROL_AMBIGUOUS, "%u storms have an id that begins with %.*s",
		    se.found, STR_FMT(id));
	} else {
		storm_document(rq->con, se.storm, &rq->now, rq->out);
		control_end(rq->out);
	}
}

/* --- many storms ---------------------------------------------------------------------------------------- */

struct gathering {
	struct console_answer *answer;
	bool all;
};

static void
gather(void *arg, struct storm *st)
{
	struct gathering *g = arg;

	if (g->all || storm_live(st))
		g->answer->keys[g->answer->n++] = st->key;
}

static void
tell_these(const struct request *rq, bool all)
{
	const struct storms *storms = rq->con->engine->storms;
	struct gathering g = { rq->answer, all };
	uint32_t max = storms_total(storms);

	rq->answer->keys = xcalloc(max + 1, sizeof(*rq->answer->keys));
	storms_each(rq->con->engine->storms, gather, &g);
	rq->answer->at = rq->answer->n;
	console_more(rq->con, rq->answer, rq->out);
}

static void
tell_storms(const struct request *rq)
{
	tell_these(rq, false);
}

static void
tell_storms_all(const struct request *rq)
{
	tell_these(rq, true);
}

bool
console_pending(const struct console_answer *a)
{
	return a->keys != NULL;
}

/* From the end, which is the storm seen last. */
void
console_more(const struct console *con, struct console_answer *a, struct buf *out)
{
	while (a->at > 0 && out->len < CONSOLE_PORTION) {
		const struct storm *st = storms_find(con->engine->storms, a->keys[--a->at]);

		if (st)
			storm_document(con, st, NULL, out);
	}
	if (a->at > 0)
		return;
	control_end(out);
	console_answer_fini(a);
}

void
console_answer_fini(struct console_answer *a)
{
	xfree(a->keys);
	*a = (struct console_answer){ .keys = NULL };
}

/* --- which command -------------------------------------------------------------------------------------- */

static bool
command_fits(const struct command *c, const struct str *words, uint32_t n)
{
	struct str rest = str_of(c->words), word;
	uint32_t i = 0;

	for (; str_split(&rest, ' ', &word); i++) {
		bool argument = word.p[0] >= 'A' && word.p[0] <= 'Z';

		if (i == n || (!argument && !str_eq(word, words[i])))
			return false;
	}
	return i == n;
}

void
console_ask(const struct console *con, struct console_answer *a, enum console_right right,
    const struct str *words, uint32_t n_words, struct now now, struct buf *out)
{
	const struct request rq = { con, a, words, now, out };

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (!command_fits(&commands[i], words, n_words))
			continue;
		if (right < commands[i].right)
			control_error(out, CONTROL_DENIED, "not permitted");
		else
			commands[i].run(&rq);
		return;
	}
	control_error(out, CONTROL_UNKNOWN, "unknown command; \"help\" tells those that there are");
}

void
console_init(struct console *con, const struct engine *engine, struct now now)
{
	*con = (struct console){ .engine = engine, .started = now, .configured = now };
}
