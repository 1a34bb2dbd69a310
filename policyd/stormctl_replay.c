/* SPDX-License-Identifier: ISC */
/*
 * stormctl replay: last month's mail through the real engine, with a clock taken from the messages,
 * before a ruleset is allowed to touch any. Touches no store and no daemon.
 */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "config.h"
#include "serve/engine.h"
#include "stormctl.h"
#include "stormctl_events.h"
#include "stormctl_json.h"

/* With a tick a message some counters a time are enough: a message makes fewer. */
enum { REPLAY_COUNTERS = 4000000, REPLAY_SWEEP = 64 };

struct replay {
	struct engine engine;
	struct config *conf;
	struct msg msg;
	struct arena arena;
	struct now now;
	bool json;
	uint64_t messages, recipients, delivered, dropped, by_action[ACT_COUNT], would;
};

/* --- from an event to a message
 * --------------------------------------------------------------------------- */

static void
fill_header(struct replay *r, const struct event *ev)
{
	if (ev->header.n == 0)
		return;
	header_feed(&r->msg.header, ev->header.p, ev->header.n);
	header_end(&r->msg.header);
	r->msg.have_header = true;
}

/* Of bounces and reports only; whether it is one depends on the envelope sender too. */
static void
fill_body(struct replay *r, const struct event *ev)
{
	if (ev->body.n)
		msg_body(&r->msg, ev->body.p, ev->body.n);
	msg_body_end(&r->msg, true);
}

/* Files carry no envelope: what delivery agents leave of it in the header serves. */
static void
fill_envelope(struct replay *r, const struct event *ev)
{
	const struct header_facts *f = &r->msg.header.f;
	struct msg *m = &r->msg;

	m->client_address = ev->client_address;
	m->helo = ev->helo;
	m->sasl_username = ev->sasl_username;
	m->queue_id = ev->queue_id;
	m->instance = ev->instance;
	m->size = ev->size;
	m->have_sender = ev->have_sender || f->return_path.p;
	m->sender = ev->have_sender ? addr_unbracket(ev->sender) : f->return_path;
	for (uint32_t i = 0; i < ev->n_rcpts; i++)
		msg_add_rcpt(m, ev->rcpts[i]);
	if (m->n_rcpts == 0 && f->original_to.n)
		msg_add_rcpt(m, f->original_to);
	else if (m->n_rcpts == 0 && f->n_delivered_to)
		msg_add_rcpt(m, f->delivered_to[0]);
}

/* The clock of the messages never goes back; one without a time comes right after its predecessor. */
static void
set_clock(struct replay *r, const struct event *ev)
{
	int64_t time = ev->time ? ev->time : event_date(r->msg.header.f.date);

	if (time > r->now.wall)
		r->now.wall = time;
	r->now.mono = r->now.wall;
}

/* --- to a line of output
 * ---------------------------------------------------------------------------------- */

static void
add_str(cJSON *o, const char *name, struct str s)
{
	cJSON_AddItemToObject(o, name, stormctl_json_str(s.n ? s : STR("")));
}

static void
print_json(struct replay *r, const struct event *ev, const struct verdict *v)
{
	const struct msg *m = &r->msg;
	cJSON *o = cJSON_CreateObject(), *dropped = cJSON_AddArrayToObject(o, "recipients_dropped"), *added;
	char id[24] = "";
	char *text;

	cJSON_AddNumberToObject(o, "message", (double)ev->number);
	cJSON_AddStringToObject(o, "file", ev->file);
	cJSON_AddNumberToObject(o, "time", (double)r->now.wall / 1000.0);
	cJSON_AddStringToObject(o, "verdict", action_name(v->shown));
	if (v->rule.n)
		add_str(o, "rule", v->rule);
	else
		cJSON_AddNullToObject(o, "rule");
	cJSON_AddBoolToObject(o, "would", v->would);
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)v->storm);
	if (v->storm)
		cJSON_AddStringToObject(o, "storm", id);
	else
		cJSON_AddNullToObject(o, "storm");
	for (uint32_t i = 0; i < v->n_drop; i++)
		cJSON_AddItemToArray(dropped, stormctl_json_str(m->rcpts[v->drop[i]].addr));
	if (v->n_add) {
		added = cJSON_AddArrayToObject(o, "recipients_added");
		for (uint32_t i = 0; i < v->n_add; i++)
			cJSON_AddItemToArray(added, stormctl_json_str(v->add[i]));
	}
	if (v->sender.p)
		add_str(o, "sender", v->sender);
	add_str(o, "message_id", m->header.f.message_id);
	text = cJSON_PrintUnformatted(o);
	puts(text);
	cJSON_free(text);
	cJSON_Delete(o);
}

static void
print_text(struct replay *r, const struct event *ev, const struct verdict *v)
{
	if (v->shown == ACT_PASS && !v->would)
		return;
	printf("%s #%llu: %s%s by rule %.*s, message-id %.*s, %u of %u recipients dropped\n", ev->file,
	    (unsigned long long)ev->number, v->would ? "would be stopped" : action_name(v->shown),
	    v->would ? " (shadow)" : "", STR_FMT(v->rule), STR_FMT(r->msg.header.f.message_id), v->n_drop,
	    r->msg.n_rcpts);
}

static bool
replay_event(void *arg, struct event *ev)
{
	struct replay *r = arg;
	struct verdict v;
	uint32_t stopped;

	msg_reset(&r->msg);
	r->msg.door = DOOR_REPLAY;
	r->msg.stage = STAGE_EOM;
	fill_header(r, ev);
	fill_envelope(r, ev);
	fill_body(r, ev);
	set_clock(r, ev);
	engine_tick(&r->engine, r->now);
	engine_judge(&r->engine, &r->msg, r->now, &v);
	r->messages++;
	r->by_action[v.shown]++;
	r->would += v.would;
	stopped = v.what == ACT_PASS ? v.n_drop : r->msg.n_rcpts;
	r->recipients += r->msg.n_rcpts;
	r->dropped += stopped;
	r->delivered += r->msg.n_rcpts - stopped;
	if (r->json)
		print_json(r, ev, &v);
	else
		print_text(r, ev, &v);
	return true;
}

/* --- the end
 * ---------------------------------------------------------------------------------------------- */

static void
storm_json(void *arg, struct storm *st)
{
	cJSON *list = arg, *o = cJSON_CreateObject(), *hosts;
	char id[24];

	snprintf(id, sizeof(id), "%016llx", (unsigned long long)st->id);
	cJSON_AddStringToObject(o, "id", id);
	cJSON_AddStringToObject(o, "rule", st->rule);
	cJSON_AddStringToObject(o, "state", storm_state_name(st->state));
	add_str(o, "message_id", str_of(st->message_id));
	cJSON_AddNumberToObject(o, "offered", (double)st->offered);
	cJSON_AddNumberToObject(o, "passed", (double)st->passed);
	cJSON_AddNumberToObject(o, "stopped", (double)st->stopped);
	cJSON_AddNumberToObject(o, "recipients", st->n_rcpts);
	hosts = cJSON_AddArrayToObject(o, "hosts");
	for (uint32_t i = 0; i < st->n_hosts; i++) {
		cJSON *h = cJSON_CreateObject();

		add_str(h, "name", str_of(st->hosts[i].name));
		cJSON_AddStringToObject(h, "how", st->hosts[i].how);
		cJSON_AddNumberToObject(h, "copies", (double)st->hosts[i].copies);
		cJSON_AddItemToArray(hosts, h);
	}
	cJSON_AddItemToArray(list, o);
}

static void
summary_json(struct replay *r)
{
	cJSON *o = cJSON_CreateObject(), *s = cJSON_AddObjectToObject(o, "summary"), *verdicts;
	char *text;

	cJSON_AddNumberToObject(s, "messages", (double)r->messages);
	cJSON_AddNumberToObject(s, "copies_offered", (double)r->recipients);
	cJSON_AddNumberToObject(s, "copies_delivered", (double)r->delivered);
	cJSON_AddNumberToObject(s, "copies_stopped", (double)r->dropped);
	cJSON_AddNumberToObject(s, "would_stop", (double)r->would);
	verdicts = cJSON_AddObjectToObject(s, "verdicts");
	for (unsigned i = 0; i < ACT_COUNT; i++)
		if (r->by_action[i])
			cJSON_AddNumberToObject(
			    verdicts, action_name((enum action)i), (double)r->by_action[i]);
	storms_each(r->engine.storms, storm_json, cJSON_AddArrayToObject(s, "storms"));
	text = cJSON_PrintUnformatted(o);
	puts(text);
	cJSON_free(text);
	cJSON_Delete(o);
}

static void
storm_text(void *arg, struct storm *st)
{
	(void)arg;
	printf("storm %016llx (%s): %s, %llu copies offered, %llu passed, %llu stopped, %u recipients",
	    (unsigned long long)st->id, st->rule, st->message_id, (unsigned long long)st->offered,
	    (unsigned long long)st->passed, (unsigned long long)st->stopped, st->n_rcpts);
	for (uint32_t i = 0; i < st->n_hosts && i < 5; i++)
		printf("%s %s (%s, %llu)", i ? "," : "; through", st->hosts[i].name, st->hosts[i].how,
		    (unsigned long long)st->hosts[i].copies);
	putchar('\n');
}

static void
summary_text(struct replay *r)
{
	storms_each(r->engine.storms, storm_text, NULL);
	printf("%llu messages, %llu copies offered, %llu delivered, %llu stopped, %llu messages would be "
	       "stopped by "
	       "shadow rules\n",
	    (unsigned long long)r->messages, (unsigned long long)r->recipients,
	    (unsigned long long)r->delivered, (unsigned long long)r->dropped, (unsigned long long)r->would);
}

static void
show_progress(const struct progress *p)
{
	static uint64_t shown;
	uint64_t percent = p->total ? p->done * 100 / p->total : 100;

	if (percent == shown)
		return;
	shown = percent;
	fprintf(stderr, "\r%3llu %%%s", (unsigned long long)percent, percent >= 100 ? "\r     \r" : "");
}

/* --- the command
 * ------------------------------------------------------------------------------------------ */

static void
replay_init(struct replay *r, struct config *conf)
{
	struct engine *e = &r->engine;

	r->conf = conf;
	engine_init(e);
	e->site = &conf->site;
	e->rules = &conf->rules;
	e->lists = &conf->lists;
	e->tallies = tallies_new(REPLAY_COUNTERS);
	e->storms = storms_new();
	e->join = join_new();
	e->quiet = true;
	e->sweep = REPLAY_SWEEP;
	arena_init(&r->arena, MSG_ARENA_MAX);
	msg_init(&r->msg, &r->arena, &conf->site.gateway_markers);
	/* Counters are in monotonic time; it begins well after zero. */
	r->now = (struct now){ MS_DAY, MS_DAY };
}

static void
replay_fini(struct replay *r)
{
	msg_fini(&r->msg);
	arena_fini(&r->arena);
	tallies_free(r->engine.tallies);
	storms_free(r->engine.storms);
	join_free(r->engine.join);
	engine_fini(&r->engine);
	config_fini(r->conf);
}

struct options {
	const char *config;
	bool json;
	const char **sets; /* owned */
	unsigned n_sets;
};

static int
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "set", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	for (opt = getopt_long(argc, argv, "c:", longs, NULL); opt != -1;
	     opt = getopt_long(argc, argv, "c:", longs, NULL)) {
		switch (opt) {
		case 'j':
			o->json = true;
			break;
		case 's':
			o->sets = xrealloc(o->sets, (o->n_sets + 1) * sizeof(*o->sets));
			o->sets[o->n_sets++] = optarg;
			break;
		case 'c':
			o->config = optarg;
			break;
		default:
			return stormctl_usage(argv[0]);
		}
	}
	return optind < argc ? 0 : stormctl_usage(argv[0]);
}

static int
replay_paths(struct replay *r, int n, char **paths)
{
	struct progress progress = { .show = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO) ? show_progress
											     : NULL };
	uint64_t number = 0;
	int status = 0;

	for (int i = 0; i < n; i++) {
		if (strcmp(paths[i], "-") == 0)
			setvbuf(stdout, NULL, _IOLBF, 0); /* somebody may wait for each verdict */
		else
			progress.total += events_size(paths[i]);
	}
	for (int i = 0; i < n; i++) {
		int err = events_read(paths[i], &number, &progress, replay_event, r);

		if (err && status == 0)
			status = err == ERR_SYNTAX ? EX_DATAERR : EX_NOINPUT;
	}
	if (r->json)
		summary_json(r);
	else
		summary_text(r);
	return fflush(stdout) == 0 ? status : EX_IOERR;
}

int
stormctl_replay(const struct stormctl *ctl, int argc, char **argv)
{
	struct options o = { .config = ctl->config };
	struct conf_faults faults = { .report = config_print_fault, .arg = stderr };
	static struct config conf;
	static struct replay r;
	int status = parse_options(argc, argv, &o);

	if (status == 0 && !o.config && access(CONFIG_DEFAULT_PATH, R_OK) == 0)
		o.config = CONFIG_DEFAULT_PATH;
	if (status == 0 && !o.config) {
		fprintf(stderr, "stormctl: replay needs the rules to try: -c FILE\n");
		status = EX_USAGE;
	}
	if (status == 0 && config_load_with(o.config, o.sets, o.n_sets, &conf, &faults) != 0)
		status = EX_CONFIG;
	if (status == 0) {
		r.json = o.json;
		replay_init(&r, &conf);
		status = replay_paths(&r, argc - optind, argv + optind);
		replay_fini(&r);
	}
	xfree(o.sets);
	return status;
}
