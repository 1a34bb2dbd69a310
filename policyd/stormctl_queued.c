/* SPDX-License-Identifier: ISC */
/*
 * stormctl queued: the queue ids of what passed before a storm was known, for postsuper. Two passes over
 * the record: the first learns from the storm's own messages, the second picks those that passed. The last
 * message with an id decides about it: MTAs use short ids again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "config.h"
#include "judge/storm.h"
#include "mail/addr.h"
#include "mail/automatic.h"
#include "mail/queue_id.h"
#include "mail/subject.h"
#include "stormctl.h"
#include "stormctl_record.h"
#include "stormctl_text.h"

enum {
	BEFORE = MS_DAY, /* copies that passed may be so much older than the storm they made */
	LIFE_DAYS = 5,   /* what Postfix gives up by default (maximal_queue_lifetime) is in no queue */
};

enum because { BECAUSE_NOT, BECAUSE_STORM, BECAUSE_IDENTITY, BECAUSE_MESSAGE_ID, BECAUSE_THREAD };
static const char *const because_names[] = { "", "storm", "copy", "message-id", "thread" };

/* The storm as the record has it. */
struct storm_row {
	uint64_t id, n; /* n: how many there are in the range that was asked for */
	int64_t first;
	char *rule, *message_id;
};

struct found {
	char *queue_id; /* owned; NULL: the id stands for something else by now */
	char *sender, *message_id, *client;
	int64_t time;
	uint32_t rcpts;
	enum because because;
};

struct queued {
	struct storm_row storm;
	bool by_thread;
	uint64_t seed;
	/* of the storm's own messages */
	struct map identities; /* of the message that opened it */
	struct map gotten;     /* each of them once for each of whose */
	uint64_t n_identified; /* how many of the storm's messages told them */
	struct map authors, subjects;
	struct map threads;  /* their roots, and their subjects: answers can lose either */
	struct map audience; /* address -> how many of them went there */
	uintptr_t most;      /* of these numbers the highest */
	uint32_t narrowest;  /* how many the one with the fewest went to */
	struct map ids;      /* queue id -> 1 + its place in v */
	struct found *v;     /* in the order of the record */
	size_t n;
	uint64_t used_again, without_id;
};

/* --- sets ----------------------------------------------------------------------------------------------- */

static struct key128
key_of(const struct queued *q, struct str s)
{
	struct hash h;

	hash_init(&h, q->seed, "queued");
	hash_istr(&h, s);
	return hash_end(&h);
}

/* Queue ids differ by the case of their letters. */
static struct key128
id_key(const struct queued *q, struct str s)
{
	struct hash h;

	hash_init(&h, q->seed, "queue-id");
	hash_str(&h, s);
	return hash_end(&h);
}

static uintptr_t
count_of(const struct queued *q, const struct map *m, struct str s)
{
	return (uintptr_t)map_get(m, key_of(q, s));
}

static uintptr_t
count_up(const struct queued *q, struct map *m, struct str s)
{
	uintptr_t n = count_of(q, m, s) + 1;

	(void)map_put(m, key_of(q, s), (void *)n);
	return n;
}

/* --- which messages are the storm's --------------------------------------------------------------------- */

/* The storm keeps the front of a long Message-ID. */
static bool
same_message_id(const struct queued *q, struct str id)
{
	struct str opener = str_of(q->storm.message_id);

	if (opener.n == 0)
		return false;
	return opener.n < STORM_TEXT_LEN ? str_eq(id, opener) : str_starts(id, opener);
}

/* A message without an id opened a storm that has none. */
static bool
opened_it(const struct queued *q, const struct record *r)
{
	return q->storm.message_id[0] ? same_message_id(q, r->message_id) : r->message_id.n == 0;
}

static struct key128
identity_key(const struct record *r)
{
	return (struct key128){ r->identity, 1 };
}

static bool
same_identity(const struct queued *q, const struct record *r)
{
	return r->identity && map_get(&q->identities, identity_key(r));
}

/* Copies have an identity each where the lowest line with a queue id is one of the faulty server's. Each may
 * come in many transactions, to others. */
static bool
identity_each(const struct queued *q)
{
	return q->identities.n > 1 && q->n_identified < 2 * (uint64_t)q->gotten.n;
}

static void
learn_identity(struct queued *q, const struct record *r)
{
	struct str to = r->n_rcpts ? r->rcpts[0].addr : STR("");

	if (!r->identity)
		return;
	(void)map_put(&q->identities, identity_key(r), q);
	(void)map_put(&q->gotten, (struct key128){ key_of(q, to).lo ^ r->identity, 1 }, q);
	q->n_identified++;
}

/*
 * The Message-ID alone: of what has no identity because the header was not there, and of copies whose subject
 * somebody changed. Another identity with the same subject is the next message of a program that uses its
 * Message-ID again, unless the storm's own messages have one each.
 */
static bool
same_by_message_id(const struct queued *q, const struct record *r)
{
	if (!same_message_id(q, r->message_id) || (q->authors.n && !count_of(q, &q->authors, r->header_from)))
		return false;
	return !r->identity || !q->identities.n || identity_each(q) || !count_of(q, &q->subjects, r->subject);
}

static uint32_t
width_of(const struct record *r)
{
	uint32_t shown = r->to_count + r->cc_count;

	return shown > r->rcpt_count ? shown : r->rcpt_count;
}

static bool
is_own(void *arg, const struct record *r)
{
	const struct queued *q = arg;

	return r->storm == q->storm.id;
}

/* What its subject has in common with those of its answers; empty: nothing. */
static struct subject_thread
topic_of(const struct record *r, char text[SUBJECT_THREAD_MAX])
{
	struct str list = STR_NONE, domain;

	if (r->n_rcpts == 1)
		addr_split(r->rcpts[0].addr, &list, &domain);
	return subject_thread(r->subject, list, text);
}

/* Automatic answers, receipts and tidings of a recall are the storm's too, and go to one person. */
static bool
is_post(const struct record *r, const struct subject_thread *topic)
{
	struct str kind = str_of(r->kind);

	return !topic->recall && !str_eq(kind, str_of(automatic_name(AUTO_REPLY))) &&
	    !str_eq(kind, str_of(automatic_name(AUTO_REPORT)));
}

static bool
same_thread(const struct queued *q, const struct record *r)
{
	char text[SUBJECT_THREAD_MAX];
	struct str topic;

	if (!q->by_thread || (uint64_t)width_of(r) * 2 <= q->narrowest)
		return false;
	topic = topic_of(r, text).text;
	return (r->thread.n && count_of(q, &q->threads, r->thread)) ||
	    (topic.n && count_of(q, &q->threads, topic));
}

static bool
learn(void *arg, const struct record *r)
{
	char text[SUBJECT_THREAD_MAX];
	struct queued *q = arg;
	struct subject_thread topic;

	if (opened_it(q, r)) {
		(void)count_up(q, &q->authors, r->header_from);
		(void)count_up(q, &q->subjects, r->subject);
		learn_identity(q, r);
	}
	if (!q->by_thread)
		return true;
	topic = topic_of(r, text);
	if (!is_post(r, &topic))
		return true;
	if (r->thread.n)
		(void)count_up(q, &q->threads, r->thread);
	if (topic.text.n)
		(void)count_up(q, &q->threads, topic.text);
	if (q->narrowest == 0 || width_of(r) < q->narrowest)
		q->narrowest = width_of(r);
	for (uint32_t i = 0; i < r->n_rcpts; i++) {
		uintptr_t n = count_up(q, &q->audience, r->rcpts[i].addr);

		q->most = n > q->most ? n : q->most;
	}
	return true;
}

/* A private answer in a thread differs in its width. */
static enum because
belongs(const struct queued *q, const struct record *r)
{
	if (r->storm == q->storm.id)
		return BECAUSE_STORM;
	if (same_identity(q, r))
		return BECAUSE_IDENTITY;
	if (same_by_message_id(q, r))
		return BECAUSE_MESSAGE_ID;
	if (same_thread(q, r))
		return BECAUSE_THREAD;
	return BECAUSE_NOT;
}

/* One of those whom most of the storm's messages went to is among its recipients. */
static bool
same_audience(const struct queued *q, const struct record *r)
{
	for (uint32_t i = 0; i < r->n_rcpts; i++)
		if (count_of(q, &q->audience, r->rcpts[i].addr) * 2 > q->most)
			return true;
	return false;
}

/* --- what was found ------------------------------------------------------------------------------------- */

static void
drop(struct found *f)
{
	xfree(f->queue_id);
	xfree(f->sender);
	xfree(f->message_id);
	xfree(f->client);
	*f = (struct found){ .queue_id = NULL };
}

/* What this id stood for until now has left the queue. */
static bool
forget(struct queued *q, struct str queue_id)
{
	uintptr_t at = (uintptr_t)map_del(&q->ids, id_key(q, queue_id));

	if (at)
		drop(&q->v[at - 1]);
	return at != 0;
}

static void
keep(struct queued *q, const struct record *r, enum because because)
{
	(void)forget(q, r->queue_id);
	q->v = xgrow(q->v, q->n, sizeof(*q->v));
	q->v[q->n++] = (struct found){ .queue_id = xstr(r->queue_id),
		.sender = xstr(r->sender),
		.message_id = xstr(r->message_id),
		.client = xstr(r->client_address),
		.time = r->time,
		.rcpts = r->rcpt_count,
		.because = because };
	(void)map_put(&q->ids, id_key(q, r->queue_id), (void *)(uintptr_t)q->n);
}

static bool
may_belong(void *arg, const struct record *r)
{
	struct queued *q = arg;

	if (r->outcome == OUTCOME_PASSED && belongs(q, r) != BECAUSE_NOT)
		return true;
	if (r->queue_id.n)
		q->used_again += forget(q, r->queue_id);
	return false;
}

static bool
pick(void *arg, const struct record *r)
{
	struct queued *q = arg;
	enum because because = belongs(q, r);

	if (because == BECAUSE_THREAD && !same_audience(q, r)) {
		q->used_again += forget(q, r->queue_id);
		return true;
	}
	if (queue_id_ok(r->queue_id))
		keep(q, r, because);
	else
		q->without_id++;
	return true;
}

/* --- output --------------------------------------------------------------------------------------------- */

static void
print_json(const struct found *f)
{
	struct json_line l;
	struct json *j = json_line_begin(&l);

	json_str(j, "queue_id", str_of(f->queue_id));
	json_seconds(j, "time", f->time);
	json_str(j, "because", str_of(because_names[f->because]));
	json_str(j, "sender", str_of(f->sender));
	json_u64(j, "recipients", f->rcpts);
	json_str(j, "message_id", str_of(f->message_id));
	json_str(j, "client_address", str_of(f->client));
	json_line_put(&l);
}

static void
print_found(struct queued *q, bool json)
{
	size_t n = 0;

	for (size_t i = 0; i < q->n; i++) {
		if (!q->v[i].queue_id)
			continue;
		n++;
		if (json)
			print_json(&q->v[i]);
		else
			puts(q->v[i].queue_id);
	}
	if (n == 0 && !q->used_again && !q->without_id)
		fprintf(stderr,
		    "stormctl: nothing of storm %016llx passed in that time; --since looks further back\n",
		    (unsigned long long)q->storm.id);
	if (q->used_again)
		fprintf(stderr, "stormctl: left out: %llu %s that the MTA has used again for other mail\n",
		    (unsigned long long)q->used_again, q->used_again == 1 ? "id" : "ids");
	if (q->without_id)
		fprintf(stderr, "stormctl: left out: %llu %s without a usable queue id\n",
		    (unsigned long long)q->without_id, q->without_id == 1 ? "message" : "messages");
}

/* --- which storm ---------------------------------------------------------------------------------------- */

static void
storm_fini(struct storm_row *row)
{
	xfree(row->rule);
	xfree(row->message_id);
}

static bool
note_storm(void *arg, const struct record_storm *s)
{
	struct storm_row *row = arg;

	if (row->n++)
		return true;
	row->id = s->id;
	row->first = s->first;
	row->rule = xstr(s->rule);
	row->message_id = xstr(s->message_id);
	return true;
}

struct detector_of {
	const char *rule;
	bool threads; /* the detector joins messages by their thread */
};

static void
note_detector(void *arg, const char *section, const char *name, const char *value, unsigned line)
{
	struct detector_of *d = arg;
	struct str s = str_of(section);

	(void)line;
	if (name && strcmp(name, "detect") == 0 && str_cut_front(&s, STR("rule ")) &&
	    str_eq(str_trim(s), str_of(d->rule)))
		d->threads = strcmp(value, "reply-all") == 0;
}

/* Does this rule's detector follow threads? Faults in the configuration do not matter; a rule that it does
 * not have goes by its name. */
static bool
follows_threads(const struct stormctl *ctl, const char *rule)
{
	const char *config = ctl->config ? ctl->config : CONFIG_DEFAULT_PATH;
	struct detector_of d = { .rule = rule, .threads = strcmp(rule, "reply-all") == 0 };
	char *rules, *path;

	if (access(config, R_OK) == 0) {
		rules = conf_value(config, "server", "rules", NULL);
		path = config_beside(config, rules ? str_of(rules) : STR("rules.conf"));
		(void)conf_read(path, note_detector, &d, NULL);
		xfree(path);
		xfree(rules);
	}
	return d.threads;
}

/* --- the command ---------------------------------------------------------------------------------------- */

struct options {
	const char *db;
	bool json;
	int64_t since; /* INT64_MIN: not given */
};

static int
search(const struct stormctl *ctl, const char *db, const struct options *o, struct queued *q)
{
	int64_t oldest = clock_now().wall - (int64_t)LIFE_DAYS * MS_DAY;
	int64_t before = q->storm.first > INT64_MIN + BEFORE ? q->storm.first - BEFORE : INT64_MIN;
	int64_t since = o->since != INT64_MIN ? o->since : before > oldest ? before : oldest;
	char why[300] = "";
	int err;

	q->by_thread = follows_threads(ctl, q->storm.rule);
	if (getentropy(&q->seed, sizeof(q->seed)) != 0)
		return EX_OSERR;
	err = journal_each_wanted(db, before, is_own, learn, q, why, sizeof(why));
	if (!err)
		err = journal_each_wanted(db, since, may_belong, pick, q, why, sizeof(why));
	if (!err)
		print_found(q, o->json);
	return record_status(db, err, why);
}

static void
queued_fini(struct queued *q)
{
	for (size_t i = 0; i < q->n; i++)
		drop(&q->v[i]);
	xfree(q->v);
	map_fini(&q->identities);
	map_fini(&q->gotten);
	map_fini(&q->authors);
	map_fini(&q->subjects);
	map_fini(&q->threads);
	map_fini(&q->audience);
	map_fini(&q->ids);
	storm_fini(&q->storm);
}

static int
queued(const struct stormctl *ctl, const char *db, const struct options *o, const char *id)
{
	struct queued q = { .by_thread = false };
	struct journal_storms which;
	char why[300] = "";
	int rc = record_range(id, &which);

	if (rc == 0)
		rc = record_status(
		    db, journal_each_storm(db, &which, note_storm, &q.storm, why, sizeof(why)), why);
	if (rc == 0 && q.storm.n != 1)
		rc = record_not_one(id, q.storm.n);
	if (rc == 0)
		rc = search(ctl, db, o, &q);
	queued_fini(&q);
	return rc;
}

int
stormctl_queued(const struct stormctl *ctl, int argc, char **argv)
{
	struct options o = { .since = INT64_MIN };
	const struct stormctl_option options[] = {
		{ "json", .flag = &o.json },
		{ "db", .text = &o.db },
		{ "since", .time = &o.since },
		{ .name = NULL },
	};
	char *path = NULL;
	int rc = stormctl_options(argc, argv, options, 1, 1);

	if (rc != 0)
		return rc;
	if (!o.db && ctl->config && access(ctl->config, R_OK) != 0) {
		fprintf(
		    stderr, "stormctl: %s: %s; --db PATH names the database\n", ctl->config, strerror(errno));
		return EX_CONFIG;
	}
	if (!o.db)
		o.db = path = record_path(ctl);
	rc = queued(ctl, o.db, &o, argv[optind]);
	xfree(path);
	return rc;
}
