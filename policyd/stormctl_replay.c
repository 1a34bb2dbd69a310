/* SPDX-License-Identifier: ISC */
/*
 * stormctl replay: last month's mail through the real engine, with a clock taken from the messages,
 * before a ruleset is allowed to touch any. Touches no store and no daemon.
 */
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "config.h"
#include "serve/console.h"
#include "serve/engine.h"
#include "stormctl.h"
#include "stormctl_events.h"
#include "stormctl_text.h"

/* With a tick a message some counters a time are enough: a message makes fewer. */
enum { REPLAY_COUNTERS = 4000000, REPLAY_SWEEP = 16 };

struct replay {
	struct engine engine;
	struct config *conf;
	struct msg msg;
	struct arena arena;
	struct now now;
	bool json;
	struct buf out;     /* the line of JSON that is being made */
	struct storm *gone; /* whose time was over before the mail was */
	size_t n_gone;
	uint64_t messages, recipients, delivered, dropped, by_action[ACT_COUNT], would;
};

/* --- from an event to a message -------------------------------------------------------------------- */

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

/* What stands above all Received lines was written on the way into the mailbox, behind us: no MTA shows it
 * when it asks, and it tells of no earlier visit. */
static void
forget_delivery(struct header_facts *f)
{
	uint32_t n = 0;

	while (n < f->n_delivered_to && f->delivered_below[n] == 0)
		n++;
	if (n == 0)
		return;
	f->delivered_to += n;
	f->delivered_below += n;
	f->n_delivered_to -= n;
}

/* Sendmail, Cyrus and others leave whom it was for in the line alone with which the message was taken: on
 * top, or below what our own hosts wrote after that and who put it into the mailbox. What a host of others
 * wrote below such a line tells of its way before. */
static struct str
taken_for(const struct replay *r)
{
	const struct header_facts *f = &r->msg.header.f;
	bool top = true;

	for (uint32_t i = 0; i < f->n_hops; i++) {
		const struct hop *hop = &f->hops[i];
		bool ours = site_own_host(&r->conf->site, hop->by);

		if (hop->rcpt.n && (top || ours))
			return hop->rcpt;
		if (!ours && !hop->lmtp)
			break;
		top = top && hop->lmtp;
	}
	return STR_NONE;
}

static struct str
recipient_of(const struct replay *r)
{
	const struct header_facts *f = &r->msg.header.f;
	bool delivered = f->n_delivered_to && f->delivered_below[0] == 0;
	struct str taken = taken_for(r);

	if (f->original_to.n)
		return f->original_to;
	if (taken.n && !delivered)
		return taken;
	return f->n_delivered_to ? f->delivered_to[0] : STR_NONE;
}

/* Files carry no envelope: what delivery agents leave of it in the header serves. */
static void
fill_envelope(struct replay *r, const struct event *ev)
{
	struct header_facts *f = &r->msg.header.f;
	struct msg *m = &r->msg;
	struct str to;

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
	if (m->n_rcpts)
		return;
	to = recipient_of(r);
	if (to.n)
		msg_add_rcpt(m, to);
	forget_delivery(f);
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

/* --- to a line of output --------------------------------------------------------------------------- */

/* Without a storm null: 0 names none. */
static void
put_storm(struct json *j, uint64_t id)
{
	if (id)
		json_hex64(j, "storm", id);
	else
		json_null(j, "storm");
}

/* Text that was not there is empty text. */
static void
put_text(struct json *j, const char *name, struct str s)
{
	json_str(j, name, s.n ? s : STR(""));
}

static void
put_line(struct replay *r)
{
	buf_append(&r->out, "\n", 1);
	fwrite(r->out.data + r->out.start, 1, r->out.len, stdout);
	buf_reset(&r->out);
}

static void
print_json(struct replay *r, const struct event *ev, const struct verdict *v)
{
	const struct msg *m = &r->msg;
	struct json j;

	json_init(&j, &r->out);
	json_object(&j, NULL);
	json_array(&j, "recipients_dropped");
	for (uint32_t i = 0; i < v->n_drop; i++)
		json_str(&j, NULL, m->rcpts[v->drop[i]].addr);
	json_array_end(&j);
	json_u64(&j, "message", ev->number);
	json_str(&j, "file", str_of(ev->file));
	json_seconds(&j, "time", r->now.wall);
	json_str(&j, "verdict", str_of(action_name(v->shown)));
	json_str(&j, "rule", v->rule.n ? v->rule : STR_NONE);
	json_bool(&j, "would", verdict_only_would(v));
	if (v->would) {
		json_str(&j, "would_verdict", str_of(action_name(v->would)));
		json_str(&j, "would_rule", v->would_rule);
	}
	put_storm(&j, v->storm);
	if (v->n_add) {
		json_array(&j, "recipients_added");
		for (uint32_t i = 0; i < v->n_add; i++)
			json_str(&j, NULL, v->add[i]);
		json_array_end(&j);
	}
	if (v->sender.p)
		json_str(&j, "sender", v->sender);
	put_text(&j, "message_id", m->header.f.message_id);
	json_object_end(&j);
	put_line(r);
}

static void
print_text(struct replay *r, const struct event *ev, const struct verdict *v)
{
	struct str id = r->msg.header.f.message_id;

	if (v->shown == ACT_PASS && !v->would)
		return;
	text_put(ev->file);
	printf(" #%llu: ", (unsigned long long)ev->number);
	if (v->shown != ACT_PASS)
		printf("%s by rule %.*s, ", action_name(v->shown), STR_FMT(v->rule));
	if (v->would)
		printf("%s (shadow) by rule %.*s, ",
		    action_final(v->would) ? "would be stopped" : action_name(v->would),
		    STR_FMT(v->would_rule));
	fputs("message-id ", stdout);
	text_put_str(id);
	printf(", %u of %u recipients dropped\n", v->shown == ACT_DISCARD ? r->msg.n_rcpts : v->n_drop,
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
	r->would += action_final(v.would);
	stopped = v.what == ACT_PASS ? v.n_drop : r->msg.n_rcpts;
	r->recipients += r->msg.n_rcpts;
	r->dropped += stopped;
	r->delivered += r->msg.n_rcpts - stopped;
	if (r->json)
		print_json(r, ev, &v);
	else
		print_text(r, ev, &v);
	return stormctl_heard();
}

/* --- the end --------------------------------------------------------------------------------------- */

static void
storm_gone(void *arg, struct storm *st)
{
	struct replay *r = arg;

	r->gone = xgrow(r->gone, r->n_gone, sizeof(*r->gone));
	r->gone[r->n_gone] = *st;
	r->gone[r->n_gone++].rcpts = NULL;
	st->hosts = NULL; /* ours now */
}

/* Those that are gone first. */
static void
each_storm(struct replay *r, storm_fn *fn, void *arg)
{
	for (size_t i = 0; i < r->n_gone; i++)
		fn(arg, &r->gone[i]);
	storms_each(r->engine.storms, fn, arg);
}

static void
storm_json(void *arg, struct storm *st)
{
	struct record_host hosts[STORM_HOSTS_MAX];
	struct record_storm s = storm_row(st, hosts);
	struct json *j = arg;

	json_object(j, NULL);
	json_hex64(j, "id", st->id);
	json_str(j, "rule", str_of(st->rule));
	json_str(j, "state", str_of(storm_state_name(st->state)));
	json_str(j, "message_id", str_of(st->message_id));
	json_u64(j, "offered", st->offered);
	json_u64(j, "passed", st->passed);
	json_u64(j, "stopped", st->stopped);
	json_u64(j, "recipients", st->n_rcpts);
	json_bool(j, "recipients_at_least", st->n_rcpts >= STORM_RCPTS_MAX);
	console_hosts(j, &s);
	json_object_end(j);
}

static void
summary_json(struct replay *r)
{
	struct json j;

	json_init(&j, &r->out);
	json_object(&j, NULL);
	json_object(&j, "summary");
	json_u64(&j, "messages", r->messages);
	json_u64(&j, "copies_offered", r->recipients);
	json_u64(&j, "copies_delivered", r->delivered);
	json_u64(&j, "copies_stopped", r->dropped);
	json_u64(&j, "would_stop", r->would);
	json_object(&j, "verdicts");
	for (unsigned i = 0; i < ACT_COUNT; i++)
		if (r->by_action[i])
			json_u64(&j, action_name((enum action)i), r->by_action[i]);
	json_object_end(&j);
	json_array(&j, "storms");
	each_storm(r, storm_json, &j);
	json_array_end(&j);
	json_object_end(&j);
	json_object_end(&j);
	put_line(r);
}

static void
storm_text(void *arg, struct storm *st)
{
	(void)arg;
	printf("storm %016llx (%s): ", (unsigned long long)st->id, st->rule);
	text_put(st->message_id);
	printf(", %llu copies offered, %llu passed, %llu stopped, %s%u recipients",
	    (unsigned long long)st->offered, (unsigned long long)st->passed, (unsigned long long)st->stopped,
	    st->n_rcpts >= STORM_RCPTS_MAX ? "at least " : "", st->n_rcpts);
	for (uint32_t i = 0; i < st->n_hosts && i < 5; i++) {
		fputs(i ? ", " : "; through ", stdout);
		text_put(st->hosts[i].name);
		printf(" (%s, %llu)", st->hosts[i].how, (unsigned long long)st->hosts[i].copies);
	}
	putchar('\n');
}

static void
summary_text(struct replay *r)
{
	each_storm(r, storm_text, NULL);
	printf("%llu messages, %llu copies offered, %llu delivered, %llu stopped, %llu messages would be "
	       "stopped by shadow rules\n",
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

/* --- the command ----------------------------------------------------------------------------------- */

static void
replay_init(struct replay *r, struct config *conf)
{
	struct engine *e = &r->engine;

	r->conf = conf;
	engine_init(e, REPLAY_COUNTERS);
	e->site = &conf->site;
	e->rules = &conf->rules;
	e->lists = &conf->lists;
	storms_on_leave(e->storms, storm_gone, r);
	e->quiet = true;
	e->sweep = REPLAY_SWEEP;
	arena_init(&r->arena, MSG_ARENA_MAX);
	buf_init(&r->out, 0);
	msg_init(&r->msg, &r->arena, &conf->site.gateway_markers);
	/* Counters are in monotonic time; it begins well after zero. */
	r->now = (struct now){ MS_DAY, MS_DAY };
}

static void
replay_fini(struct replay *r)
{
	msg_fini(&r->msg);
	arena_fini(&r->arena);
	buf_fini(&r->out);
	engine_fini(&r->engine);
	for (size_t i = 0; i < r->n_gone; i++)
		xfree(r->gone[i].hosts);
	xfree(r->gone);
	config_fini(r->conf);
}

static int
replay_paths(struct replay *r, int n, char **paths)
{
	static char room[1 << 16];
	struct progress progress = { .show = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO) ? show_progress
											     : NULL };
	uint64_t number = 0;
	bool asked = false; /* somebody may wait for each verdict */
	int status = 0;

	for (int i = 0; i < n; i++) {
		if (strcmp(paths[i], "-") == 0)
			asked = true;
		else
			progress.total += events_size(paths[i]);
	}
	setvbuf(stdout, room, asked ? _IOLBF : _IOFBF, sizeof(room));
	for (int i = 0; i < n && stormctl_heard(); i++) {
		int err = events_read(paths[i], &number, &progress, replay_event, r);

		if (err && status == 0)
			status = err == ERR_SYNTAX ? EX_DATAERR : EX_NOINPUT;
	}
	if (r->json)
		summary_json(r);
	else
		summary_text(r);
	return status;
}

int
stormctl_replay(const struct stormctl *ctl, int argc, char **argv)
{
	const char *path = stormctl_conf_path(ctl);
	bool json = false;
	struct stormctl_words sets = { NULL, 0 };
	const struct stormctl_option options[] = {
		{ "json", .flag = &json },
		{ "set", .words = &sets },
		{ "config", .text = &path, .letter = 'c' },
		{ .name = NULL },
	};
	struct conf_faults faults = { .report = config_print_fault, .arg = stderr };
	static struct config conf;
	static struct replay r;
	int status = stormctl_options(argc, argv, options, 1, argc);

	if (status == 0 && !path) {
		fprintf(stderr, "stormctl: replay needs the rules to try: -c FILE\n");
		status = EX_USAGE;
	}
	if (status == 0 && config_load_with(path, sets.v, sets.n, &conf, &faults) != 0)
		status = EX_CONFIG;
	if (status == 0) {
		r.json = json;
		replay_init(&r, &conf);
		status = replay_paths(&r, argc - optind, argv + optind);
		replay_fini(&r);
	}
	xfree(sets.v);
	return status;
}
