/* SPDX-License-Identifier: ISC */
/*
 * reply-all: people answer to everybody, each with a mail of his own, and ask each other to stop. Such posts
 * share a thread and an audience: each is counted under its subject and under its root. Plan and score are
 * one walk: it writes the ops down the first time and reads their answers the second.
 *
 * Who may count. A thread is closed to all by posts of own people alone. Those of outsiders, who can forge
 * any From, count, beside own people's, per network and sender's domain and stop only what comes from there;
 * or all of a network, if many clients and domains write there (a provider of many firms), and stop that
 * network only; or per network, with more of them needed than one person has, and stop outsiders only.
 */
#include "base/clock.h"
#include "judge/detect.h"
#include "judge/post.h"
#include "judge/storm.h"

enum {
	BUCKETS = 2 * POST_AUDIENCES,
	POSTS_ROOM = 8, /* how many times the limit posts are told apart: see many_posts() */
	POSTS_ROOM_MIN = 64,
	EACH_MIN = 3, /* posts that one person may write on the average in a storm, whatever the limit */
	LIVELY_THREADS = 5,
	SUBJECTS_MAX = 8,  /* of one thread; a root that has more is no thread's */
	SUBJECT_POSTS = 3, /* nor is one with fewer posts than this for each of its subjects */
	/* Threads and subjects that are told apart, beyond those two numbers: what does not fit is not kept,
	 * and when so few are they may all be too old at once. */
	KINDS_ROOM = 128,
};
#define LIVELY_WINDOW (7 * (int64_t)MS_DAY)

/* Whose posts are counted together, and who is an author. */
enum group { GROUP_ALL, GROUP_FIRM, GROUP_NETWORK };
enum author { AUTHOR_ADDRESS, AUTHOR_CLIENT, AUTHOR_NETWORK };

struct tier {
	const char *name;
	bool own;
	enum group group; /* each by itself */
	enum author author;
	unsigned authors; /* as many times those of the rule */
};

static const struct tier tiers[] = {
	{ "own", true, GROUP_ALL, AUTHOR_ADDRESS, 1 },
	{ "firm", false, GROUP_FIRM, AUTHOR_ADDRESS, 1 },
	{ "networks", false, GROUP_ALL, AUTHOR_NETWORK, 2 },
	{ "provider", false, GROUP_NETWORK, AUTHOR_CLIENT, 2 },
};
enum { TIERS = ARRAY_LEN(tiers), OWN_TIER = 0 };

/* Whose a mark is, beside a firm's. */
enum { OWN_MARK, ANY_OUTSIDERS };

/* One thread before one audience. */
struct bucket {
	uint64_t id;
	unsigned to; /* index into post.to */
	bool root;   /* by root; else by subject */
	bool counts;
	uint32_t subjects; /* of a root, lately */
};

/* Ops on their way out, or answers on their way in. */
struct tape {
	const struct rule *r;
	const struct view *v;
	struct ops *ops; /* NULL: answers are read */
	const struct tally_answer *answers;
	uint32_t n, at;
};

struct search {
	struct tape tape;
	struct post post;
	struct bucket buckets[BUCKETS];
	unsigned n_buckets;
	bool lively[POST_AUDIENCES];
	struct key128 known[TIERS]; /* storms that it belongs to, a blocked one first */
	bool blocked[TIERS];
	struct key128 tripped[TIERS];
};

/* --- ops ------------------------------------------------------------------------------------------------ */

static struct tally_answer
next(struct tape *t, const struct tally_op *op)
{
	if (!t->ops)
		return t->at < t->n ? t->answers[t->at++] : (struct tally_answer){ 0 };
	ops_append(t->ops, op);
	return (struct tally_answer){ 0 };
}

static struct key128
key_of(const struct tape *t, const char *tag, uint64_t a, uint64_t b)
{
	return detect_key(t->r, t->v, tag, (struct key128){ a, b });
}

/* Marks and links outlive the block: answers to a stopped thread's posts come for hours. */
static int64_t
mark_time(const struct rule *r)
{
	return r->window > r->block ? r->window : r->block;
}

static struct tally_answer
mark_of(struct tape *t, bool write, const char *tag, uint64_t what, uint64_t whose, uint64_t elem)
{
	struct tally_op op = {
		.kind = write ? TALLY_MARK : TALLY_GET,
		.key = key_of(t, tag, what, whose),
		.elem = elem,
		.ttl = mark_time(t->r),
	};

	return next(t, &op);
}

/* Where a mark leads that was set before; this post sets its own. Those of outsiders, each firm's apart, lead
 * no own person, and nobody where own people set one. */
static uint64_t
mark(struct search *s, bool write, const char *tag, uint64_t what, uint64_t outsiders, uint64_t elem)
{
	const struct post *p = &s->post;
	struct tally_answer own = mark_of(&s->tape, write && p->own, tag, what, OWN_MARK, elem), others;

	if (p->own && p->role != POST_ROBOT)
		return own.last_elem;
	others = mark_of(&s->tape, write && !p->own, tag, what, outsiders, elem);
	return own.known ? own.last_elem : others.last_elem;
}

static uint64_t
mark_before(struct search *s, bool write, uint64_t id, uint64_t audience, uint64_t elem)
{
	return mark(s, write, "post", id ^ audience, s->post.firm, elem);
}

static uint32_t
posts_room(const struct rule *r)
{
	uint32_t n = r->limit > TALLY_CAP_MAX / POSTS_ROOM ? TALLY_CAP_MAX : r->limit * POSTS_ROOM;

	if (r->copies)
		return TALLY_CAP_MAX;
	return n < POSTS_ROOM_MIN ? POSTS_ROOM_MIN : n;
}

static uint32_t
distinct(struct tape *t, bool write, struct key128 key, uint64_t elem, int64_t window, uint32_t cap)
{
	struct tally_op op = {
		.kind = write ? TALLY_DISTINCT : TALLY_GET,
		.key = key,
		.elem = elem ? elem : 1,
		.window = window,
		.ttl = window,
		.cap = cap,
	};

	return next(t, &op).distinct;
}

/* --- counting ------------------------------------------------------------------------------------------- */

/*
 * What passes. With `copies` it depends on how many each post reaches; a list that shows only its posting
 * address has a size that nobody knows.
 */
static uint64_t
limit_of(const struct rule *r, const struct post *p, bool list)
{
	if (!r->copies || (list && p->size < r->wide))
		return r->limit;
	return r->copies / (p->size ? p->size : 1);
}

/*
 * More posts than the limit, those of others among them, and people enough: twice as many where a few of
 * them wrote nearly all (a series of warnings, and some say thanks). A discussion list needs more people than
 * others may write posts.
 */
static bool
many_posts(uint64_t posts, uint64_t others, uint64_t people, uint64_t limit, uint64_t authors, bool lively)
{
	uint64_t each = limit / authors + 1;

	if (posts > people * (each > EACH_MIN ? each : EACH_MIN))
		authors *= 2;
	return posts + others > limit && people >= authors && (!lively || people > limit);
}

static uint64_t
group_of(const struct tier *t, const struct post *p)
{
	switch (t->group) {
	case GROUP_FIRM:
		return p->firm;
	case GROUP_NETWORK:
		return p->network;
	default:
		return 0;
	}
}

/* Two ways to tell authors apart; there are as many of them as the fewer of both. */
static void
authors_of(const struct tier *t, const struct post *p, uint64_t who[2])
{
	switch (t->author) {
	case AUTHOR_CLIENT:
		who[0] = p->client;
		who[1] = p->domain;
		break;
	case AUTHOR_NETWORK:
		who[0] = p->network;
		who[1] = p->from;
		break;
	default:
		who[0] = p->from;
		who[1] = p->sender;
	}
}

static void
count(struct search *s, unsigned tier, const struct bucket *b)
{
	static const char *const tags[] = { "posts", "people", "senders" };
	const struct tier *t = &tiers[tier];
	const struct post *p = &s->post;
	const struct rule *r = s->tape.r;
	/* What begins threads is one post together: twenty times "sick today" of a morning is no thread. */
	uint64_t elems[] = { p->role == POST_OPENER ? b->id : p->self, 0, 0 };
	uint64_t group = group_of(t, p), n[ARRAY_LEN(tags)], people, others = 0;
	uint64_t id = b->id + p->waited;

	authors_of(t, p, &elems[1]);
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		n[i] = distinct(&s->tape, true, key_of(&s->tape, tags[i], id, group ? group : tier + 1),
		    elems[i], r->window, posts_room(r));
	/* What own people wrote there counts for outsiders too, and not the other way round. */
	if (!t->own)
		others = distinct(&s->tape, false, key_of(&s->tape, tags[0], id, OWN_TIER + 1), 0, r->window,
		    posts_room(r));
	people = n[1] < n[2] ? n[1] : n[2];
	if (b->root &&
	    (b->subjects > SUBJECTS_MAX || (b->subjects > 1 && b->subjects * SUBJECT_POSTS > n[0])))
		return;
	if (many_posts(n[0], others, people, limit_of(r, p, p->to[b->to].list),
		(uint64_t)r->authors * t->authors, s->lively[b->to]) &&
	    key_is_zero(s->tripped[tier]))
		s->tripped[tier] = key_of(&s->tape, t->name, b->id, group);
}

/* Threads of a list that were answered within a week, by own people or by outsiders. */
static uint32_t
threads(struct search *s, unsigned to, bool own, const char *tag, uint64_t elem)
{
	bool write = s->post.role == POST_ANSWER && own == s->post.own;

	return distinct(&s->tape, write, key_of(&s->tape, tag, s->post.to[to].hash, own), elem, LIVELY_WINDOW,
	    KINDS_ROOM);
}

/*
 * A list on which several threads were answered, by people like the author: what outsiders write makes none
 * livelier for own people. In one thread whose clients lose its root each answer has another, and each may
 * have a subject of its own, so both must be several.
 */
static void
look_lively(struct search *s, unsigned to)
{
	const struct post *p = &s->post;
	uint64_t root = p->root ? p->root : p->subject, subject = p->subject ? p->subject : p->root;

	for (unsigned own = p->own; own <= 1; own++) {
		uint32_t roots = threads(s, to, own, "lively", root);
		uint32_t subjects = threads(s, to, own, "lively-subjects", subject);

		s->lively[to] |= roots > LIVELY_THREADS && subjects > LIVELY_THREADS;
	}
}

/* One root and ever new subjects: a ticket system that puts the same one into all its mail, or a series. */
static void
look_subjects(struct search *s, struct bucket *b)
{
	const struct post *p = &s->post;

	if (b->root)
		b->subjects =
		    distinct(&s->tape, p->role != POST_RECALL, key_of(&s->tape, "subjects", b->id, p->own),
			p->subject, mark_time(s->tape.r), KINDS_ROOM);
}

/* --- storms that it belongs to -------------------------------------------------------------------------- */

static void
consider(struct search *s, uint64_t bucket)
{
	const struct view *v = s->tape.v;

	for (unsigned i = 0; i < TIERS && bucket && !s->tape.ops; i++) {
		const struct tier *t = &tiers[i];
		struct key128 key = key_of(&s->tape, t->name, bucket, group_of(t, &s->post));
		const struct storm *st = storms_find(v->storms, key);
		bool blocked;

		/* An own person's post is not stopped for what outsiders did. */
		if (!st || (s->post.own && s->post.role != POST_ROBOT && !t->own))
			continue;
		blocked = storm_blocked(st, v->now);
		if (key_is_zero(s->known[i]) || (blocked && !s->blocked[i])) {
			s->known[i] = key;
			s->blocked[i] = blocked;
		}
	}
}

static void
make_buckets(struct search *s)
{
	const struct post *p = &s->post;

	for (unsigned i = 0; i < p->n_to; i++) {
		if (p->subject)
			s->buckets[s->n_buckets++] = (struct bucket){
				.id = key_of(&s->tape, "by-subject", p->subject, p->to[i].hash).lo,
				.to = i,
				.counts = true,
			};
		if (p->root)
			s->buckets[s->n_buckets++] = (struct bucket){
				.id = key_of(&s->tape, "by-root", p->root, p->to[i].hash).lo,
				.to = i,
				.root = true,
				.counts = p->plain_answer,
			};
	}
}

/* The same thread before the same audience, under its subject and under its root: each knows the other, so
 * that neither a new subject nor a lost root leads out of it. */
static void
link_buckets(struct search *s)
{
	bool post = s->post.role != POST_RECALL;

	for (unsigned i = 0; i < s->n_buckets; i++) {
		const struct bucket *b = &s->buckets[i], *other = NULL;
		uint64_t linked;

		for (unsigned k = 0; k < s->n_buckets; k++)
			if (k != i && s->buckets[k].to == b->to)
				other = &s->buckets[k];
		linked = mark(s, post && other, "link", b->id, s->post.firm, other ? other->id : 0);
		if (b->subjects <= SUBJECTS_MAX && (!other || other->subjects <= SUBJECTS_MAX))
			consider(s, linked);
	}
}

/* What it answers may stand in the thread although its subject is new and its References are cut, and nothing
 * else says so. */
static void
follow(struct search *s, const struct bucket *b)
{
	const struct post *p = &s->post;

	for (unsigned i = 0; i < POST_IDS - 1; i++) {
		uint64_t id = p->answers[i], linked;

		if (!id || (i > 0 && id == p->answers[i - 1]) || (i > 1 && id == p->answers[0]))
			continue;
		linked = mark_before(s, false, id, p->to[b->to].hash, 0);
		if (b->subjects <= SUBJECTS_MAX)
			consider(s, linked);
	}
}

static void
walk_person(struct search *s)
{
	const struct post *p = &s->post;

	make_buckets(s);
	for (unsigned i = 0; i < p->n_to; i++)
		if (p->to[i].list)
			look_lively(s, i);
	for (unsigned i = 0; i < s->n_buckets; i++) {
		look_subjects(s, &s->buckets[i]);
		consider(s, s->buckets[i].id);
	}
	link_buckets(s);
	for (unsigned i = 0; i < s->n_buckets; i++)
		if (s->buckets[i].root)
			follow(s, &s->buckets[i]);
	for (unsigned i = 0; i < TIERS && p->role != POST_RECALL; i++)
		for (unsigned k = 0; k < s->n_buckets && tiers[i].own == p->own; k++)
			if (s->buckets[k].counts)
				count(s, i, &s->buckets[k]);
	if (!p->id || !s->n_buckets || p->role == POST_RECALL)
		return;
	for (unsigned i = 0; i < s->n_buckets; i++)
		if (!s->buckets[i].root || !p->subject)
			mark_before(s, true, p->id, p->to[s->buckets[i].to].hash, s->buckets[i].id);
	mark(s, true, "first", p->id, ANY_OUTSIDERS, s->buckets[0].id);
	mark(s, true, "second", p->id, ANY_OUTSIDERS, s->buckets[s->n_buckets > 1].id);
}

/* By the posts that it refers to: robots answer to one person. */
static void
walk_answered(struct search *s)
{
	for (unsigned i = 0; i < POST_IDS; i++) {
		uint64_t id = s->post.answers[i];

		if (!id)
			continue;
		consider(s, mark(s, false, "first", id, ANY_OUTSIDERS, 0));
		consider(s, mark(s, false, "second", id, ANY_OUTSIDERS, 0));
	}
}

/* What was read when the ops were written down serves for their answers. */
static void
read_post(struct search *s)
{
	struct memo *m = s->tape.v->memo;

	if (m->post.rule == s->tape.r && m->post.read) {
		s->post = *m->post.read;
		return;
	}
	post_read(&s->post, s->tape.r, s->tape.v);
	if (m->post.rule != s->tape.r)
		return;
	m->post.read = arena_alloc(m->arena, sizeof(s->post));
	if (m->post.read)
		*m->post.read = s->post;
}

static void
walk(struct search *s)
{
	enum post_role role;

	read_post(s);
	role = s->post.role;
	if (role == POST_OPENER || role == POST_ANSWER || role == POST_RECALL)
		walk_person(s);
	if (role == POST_ROBOT || role == POST_RECALL)
		walk_answered(s);
}

/* --- the detector --------------------------------------------------------------------------------------- */

static bool
reply_applies(const struct rule *r, const struct view *v, uint32_t rcpt)
{
	struct memo *m = v->memo;

	(void)rcpt;
	if (m->post.rule != r) {
		m->post.possible = post_possible(r, v);
		m->post.read = NULL;
	}
	m->post.rule = r;
	return m->post.possible;
}

static void
reply_plan(const struct rule *r, const struct view *v, uint32_t rcpt, struct ops *ops)
{
	struct search s = { .tape = { .r = r, .v = v, .ops = ops } };

	(void)rcpt;
	walk(&s);
}

/* What outsiders do neither opens nor prolongs a storm of own people. */
static void
find_storm(const struct search *s, struct finding *f)
{
	for (unsigned i = 0; i < TIERS; i++) {
		if (s->blocked[i] && !(s->post.own && !key_is_zero(s->tripped[i]))) {
			f->storm = s->known[i];
			return;
		}
		if (!key_is_zero(s->tripped[i])) {
			f->storm = key_is_zero(s->known[i]) ? s->tripped[i] : s->known[i];
			f->trip = TRIP_STOP;
			f->why = "more answers to all than one thread may get";
			return;
		}
	}
	for (unsigned i = 0; i < TIERS && key_is_zero(f->storm); i++)
		f->storm = s->known[i];
}

static void
reply_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	struct search s = { .tape = { .r = r, .v = v, .answers = answers, .n = n } };

	(void)rcpt;
	walk(&s);
	if (s.post.role == POST_NONE)
		return;
	find_storm(&s, f);
	if (s.post.role == POST_ROBOT || s.post.role == POST_RECALL)
		f->action = ACT_HOLD; /* a refusal would make one more mail */
	else if (!s.post.own || s.post.fetched)
		f->action = r->outsiders;
}

static void
reply_sources(
    const struct rule *r, struct storm *st, const struct view *v, const struct finding *f, uint64_t copies)
{
	(void)r;
	(void)f;
	storm_add_message(st);
	if (v->traits->automatic == AUTO_NONE)
		storm_add_host(st, v->msg->header.f.from_addr, "party", copies);
}

const struct detector detect_reply_all = {
	.name = "reply-all",
	.help = "One thread gets more than limit posts to one audience, by several people.",
	.action = ACT_REJECT,
	.text = "This thread has become a storm of answers to all and is closed for a while. Please do not "
		"answer to all; write to the one person you mean",
	.scope = SCOPE_ANY,
	.limit = 10,
	.limit_min = 1,
	.limit_max = 1000,
	.window = (int64_t)MS_HOUR,
	.block = 6 * (int64_t)MS_HOUR,
	.keys = KEY_AUTHORS | KEY_WIDE | KEY_COPIES | KEY_OUTSIDERS,
	.header = true,
	.alike = true,
	.whole = detect_whole,
	.applies = reply_applies,
	.plan = reply_plan,
	.score = reply_score,
	.sources = reply_sources,
};
