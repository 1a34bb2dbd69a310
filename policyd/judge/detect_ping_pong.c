/* SPDX-License-Identifier: ISC */
/*
 * ping-pong: two addresses keep answering each other. Turns are counted for each unordered pair, those of
 * mail that says itself that a machine answers apart. By pace and subject the talk is told from what people
 * write.
 */
#include "base/clock.h"
#include "judge/detect.h"
#include "judge/late.h"
#include "judge/storm.h"
#include "mail/automatic.h"
#include "mail/subject.h"

enum {
	RCPTS_LOOKED_AT = 16, /* robots answer one address; what goes to many is others' business */
	AUTHORS_MAX = 8,      /* addresses by which one party may be answered, each once for each of whose */
	LOOKS_MAX = 160,      /* looks of subjects kept a pair, two a mail: of an endless talk all */
	KNOWN_PART = 4,       /* a look is known once a fourth of the limit had it */
	TALK_PARTIES = 2,     /* of a robot's talk half of the limit: each may have one of his own */
	ENDLESS = 4,          /* so many times the limit is a talk, however it looks */
	TICKET_PACE = 4,      /* tickets that answer tickets may be read by people: within so many paces */
	THEIRS_MIN = 2,       /* answers by which one who answers a robot is known */
	UNEVEN = 2,           /* more mails of a robot than so many for each answer: it is not answered */
	DEEP = 8,             /* the same prefix so often is no ticket's subject */
	ONE_WAY_TURNS_PART = 16, /* a turn seen for so many messages: still one direction alone */
};

/* A pair's counters, in the order of its ops. RECENT: turns, of late. */
enum { TURNS, THREAD, TAIL, HEAD, ANSWERS, THEIR_ANSWERS, ROBOTS, MARKED, ONE_WAY, RECENT, COUNTERS };

/* Whose mail is counted. What own people and machines send from one of our addresses to another is judged by
 * such mail alone: anybody else can write in the names of both. */
enum whose { EVERYBODYS, OWN };

/* An address by which the writer may be answered, and its hashes. */
struct author {
	enum whose whose;
	struct str who;
	uint64_t turns, answers;
};

/* What the message is in such a talk, whoever gets it. */
struct talk {
	bool robot;    /* it answers, and says that a machine wrote it */
	bool ticket;   /* the same, but a person's words may be in it */
	bool marked;   /* a machine answers, either way */
	bool answer;   /* it answers something */
	unsigned asks; /* a bit for each counter that it asks, whoever gets it */
	struct subject_look look;
	struct author authors[AUTHORS_MAX];
	unsigned n_authors;
};

/* The same for one recipient. */
struct words {
	const struct talk *talk;
	struct str to;
	uint32_t one_way; /* the limit where its direction alone is seen; 0: that proves nothing */
	unsigned asks;
	int64_t now;
	const struct tally_answer *const *all; /* of everybody's mail, of own people's too */
};

struct pair {
	const struct author *author;
	struct key128 storm; /* of both directions the same */
};

static unsigned
bit(int c)
{
	return 1U << c;
}

static bool
asks(const struct words *w, int c)
{
	return w->asks & bit(c);
}

/* --- who ------------------------------------------------------------------------------------------------ */

/* "@example.org": whoever answers there for the mail system. */
static struct str
at_domain(struct str key)
{
	struct str local, domain;

	return addr_split(key, &local, &domain) ? str_sub(key, key.n - domain.n - 1, key.n) : key;
}

static struct str
party(struct str key)
{
	return automatic_mail_system(key) ? at_domain(key) : key;
}

/* What `who` did; never 0. */
static uint64_t
elem_of(const struct view *v, int c, struct str who)
{
	return hash64(v->site->hash_seed + (uint64_t)c, who) | 1;
}

static bool
ours(const struct view *v, struct str who)
{
	return v->traits->outbound && site_local_address(v->site, who);
}

static void
add_author(struct talk *t, const struct view *v, struct str who)
{
	for (unsigned i = 0; i < t->n_authors; i++)
		if (str_eq(t->authors[i].who, who))
			return;
	for (enum whose i = EVERYBODYS; who.n && t->n_authors < AUTHORS_MAX && i <= ours(v, who); i++)
		t->authors[t->n_authors++] =
		    (struct author){ i, who, elem_of(v, TURNS, who), elem_of(v, ANSWERS, who) };
}

static void
add_address(struct talk *t, const struct view *v, const struct addr_norm *norm)
{
	if (norm->form != ADDR_NULL && norm->form != ADDR_VERP)
		add_author(t, v, party(norm->key));
}

/* Most people write From where the envelope sender stands, too. */
static const struct addr_norm *
normalise(const struct view *v, struct str addr, struct addr_norm *room)
{
	if (str_eq(addr, v->msg->sender))
		return &v->traits->sender;
	addr_normalise(v->memo->arena, addr, room);
	return room;
}

/* Robots answer the envelope sender, people Reply-To or From. A bounce that has no sender is answered at some
 * address of the system that wrote it. What looks like a list's own return path is one in the envelope alone:
 * service-request@ and product-owner@ are desks too. */
static void
find_authors(struct talk *t, const struct view *v)
{
	const struct header_facts *f = &v->msg->header.f;
	const struct addr_norm *sender = &v->traits->sender, *from = NULL;
	struct addr_norm room;

	if (v->header) {
		from = normalise(v, f->from_addr, &room);
		if (v->traits->automatic == AUTO_BOUNCE)
			add_author(t, v, at_domain(from->key));
		add_address(t, v, from);
	}
	if (v->header && f->reply_to.n && !str_eq(f->reply_to, f->from_addr))
		add_address(t, v, normalise(v, f->reply_to, &room));
	if (from != sender && sender->form != ADDR_LIST_OWNER)
		add_address(t, v, sender);
}

/* --- what ----------------------------------------------------------------------------------------------- */

static const struct talk *
new_talk(const struct view *v)
{
	enum automatic a = v->traits->automatic;
	struct talk *t = v->memo->talk = arena_alloc(v->memo->arena, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct talk){ .asks = bit(TURNS) | bit(RECENT) | bit(ANSWERS) | bit(THEIR_ANSWERS) };
	find_authors(t, v);
	if (!v->header)
		return t;
	subject_look(v->msg->header.f.subject, &t->look);
	t->robot = a == AUTO_REPLY || a == AUTO_BOUNCE;
	t->answer = t->robot || t->look.answer || traits_answers(v->traits, &v->msg->header.f);
	t->ticket = a == AUTO_GENERATED && t->answer;
	t->marked = t->robot || t->ticket;
	t->asks |= bit(THREAD) | bit(TAIL) | bit(HEAD) | bit(MARKED);
	if (t->marked)
		t->asks |= bit(ROBOTS);
	else if (t->answer) /* a person's is one, whatever theirs are */
		t->asks &= ~bit(THEIR_ANSWERS);
	return t;
}

/* Once a message; NULL: no memory left for it. */
static const struct talk *
talk_of(const struct view *v)
{
	return v->memo->talk ? v->memo->talk : new_talk(v);
}

/* Bounces to people are many and lawful; nobody sits behind MAILER-DAEMON@. */
static uint32_t
one_way_limit(const struct rule *r, const struct view *v, uint32_t rcpt, const struct talk *t)
{
	if (v->traits->automatic == AUTO_REPLY || (t->robot && automatic_daemon_addr(v->rcpts[rcpt].key)))
		return r->automatic_limit;
	return !t->robot && t->answer && t->look.grown ? r->limit : 0;
}

static bool
find_words(const struct rule *r, const struct view *v, uint32_t rcpt, struct words *w)
{
	const struct talk *t = talk_of(v);

	if (!t)
		return false;
	*w =
	    (struct words){ .talk = t, .to = party(v->rcpts[rcpt].key), .asks = t->asks, .now = v->now.mono };
	if (v->header)
		w->one_way = one_way_limit(r, v, rcpt, t);
	if (w->one_way)
		w->asks |= bit(ONE_WAY);
	return true;
}

static bool
pp_applies(const struct rule *r, const struct view *v, uint32_t rcpt)
{
	const struct traits *t = v->traits;
	bool people = t->automatic == AUTO_NONE;

	(void)r;
	if (v->msg->n_rcpts > RCPTS_LOOKED_AT || v->msg->rcpt_count > RCPTS_LOOKED_AT)
		return false;
	/* A robot may call itself a list, and be none the less one. */
	if (t->automatic == AUTO_REPORT || (people && t->is_list) || v->msg->header.f.flags & HDR_JOURNAL)
		return false;
	if (people && (v->msg->header.f.flags & HDR_CHAT))
		return false;
	return !people || !str_starts(v->rcpts[rcpt].plain, STR("abuse@"));
}

/* --- counting ------------------------------------------------------------------------------------------- */

static struct key128
storm_key(const struct rule *r, const struct view *v, const struct author *author, struct str b)
{
	struct str a = author->who;
	int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
	bool swap = order > 0 || (order == 0 && a.n > b.n);
	struct hash h;

	hash_init(&h, v->site->hash_seed, author->whose == OWN ? "storm-own" : "storm");
	hash_u64(&h, r->id);
	hash_str(&h, swap ? b : a);
	hash_str(&h, swap ? a : b);
	return hash_end(&h);
}

/* Of the pair's own, which nobody can aim at, by arithmetic: a mail has many such keys. */
static struct key128
key_of(const struct pair *p, int c, uint64_t more)
{
	static const uint64_t odd = 0x9e3779b97f4a7c15;
	uint64_t mixed = (p->storm.hi ^ more) * odd + (uint64_t)c;

	return (struct key128){ p->storm.lo ^ (mixed << 32 | mixed >> 32), mixed };
}

/* What counter `c` of the pair is asked. */
static void
fill_op(struct tally_op *op, const struct rule *r, const struct view *v, const struct words *w, int c,
    const struct pair *p)
{
	const struct talk *t = w->talk;
	bool every;

	op->kind = TALLY_DISTINCT;
	op->n = 1;
	op->window = op->ttl = r->window;
	op->cap = LOOKS_MAX;
	op->group = p->storm.lo;
	op->key = key_of(p, TAIL, 0);
	/* As long as `limit` turns take that are just not a robot's. */
	if (c == RECENT && r->pace < r->window / r->limit)
		op->window = r->pace * r->limit;
	switch (c) {
	case RECENT:
	case TURNS:
	case ROBOTS:
	case THREAD:
		op->kind = TALLY_TURN;
		op->key = key_of(p, c, c == THREAD ? t->look.tail : 0);
		op->elem = p->author->turns;
		break;
	case TAIL:
	case HEAD:
		op->elem = c == TAIL ? t->look.tail : t->look.head;
		break;
	case ANSWERS:
		op->kind = t->answer || !v->header ? TALLY_ADD : TALLY_GET; /* or all mails */
		op->key = key_of(p, v->header ? ANSWERS : COUNTERS, p->author->answers);
		break;
	case THEIR_ANSWERS:
		op->kind = TALLY_GET;
		op->key = key_of(p, v->header ? ANSWERS : COUNTERS, elem_of(v, ANSWERS, w->to));
		break;
	case MARKED: /* his, if he marks his mails, else theirs */
		op->kind = t->marked ? TALLY_ADD : TALLY_GET;
		op->key = key_of(p, c, t->marked ? elem_of(v, c, p->author->who) : elem_of(v, c, w->to));
		break;
	case ONE_WAY:
		every = !t->ticket || t->look.grown >= DEEP;
		op->kind = every ? TALLY_ADD : TALLY_DISTINCT;
		op->elem = hash64(v->site->hash_seed, v->msg->header.f.subject) | 1;
		op->cap = r->limit < TALLY_CAP_MAX ? r->limit : TALLY_CAP_MAX;
		/* Each request is acknowledged once; what grows is one talk, whatever is cut off its end. A
		 * ticket may be about "Re: Re: Re:"; then it is ever the same. A night's come in a burst. */
		op->key =
		    key_of(p, c, elem_of(v, c, p->author->who) ^ (t->look.grown ? !every : t->look.tail));
		op->key.lo ^= late_window(v, r->window);
		break;
	default:
		break;
	}
}

/* The other one is none of ours; or it is the writer's own copy, at one of his addresses, of what goes to
 * author `i`, another of them ("From: ann", "Reply-To: team", to both): no answer of the other one's. */
static bool
not_counted(const struct view *v, const struct words *w, unsigned i)
{
	const struct author *author = &w->talk->authors[i];
	bool skip = author->whose == OWN && !ours(v, w->to), mine = false;

	for (unsigned k = 0; k < i; k++)
		mine |= !str_eq(author->who, w->to) && str_eq(w->talk->authors[k].who, w->to);
	for (uint32_t k = 0; mine && k < v->msg->n_rcpts; k++)
		skip |= str_eq(party(v->rcpts[k].key), author->who);
	return skip;
}

static void
pp_plan(const struct rule *r, const struct view *v, uint32_t rcpt, struct ops *ops)
{
	struct words w;

	if (!find_words(r, v, rcpt, &w))
		return;
	for (unsigned i = 0; i < w.talk->n_authors; i++) {
		struct pair p = { &w.talk->authors[i], storm_key(r, v, &w.talk->authors[i], w.to) };

		if (not_counted(v, &w, i))
			continue;
		for (int c = 0; c < COUNTERS; c++) {
			struct tally_op *op = asks(&w, c) ? ops_add(ops) : NULL;

			if (op)
				fill_op(op, r, v, &w, c, &p);
		}
	}
}

/* --- deciding ------------------------------------------------------------------------------------------- */

/* Turns, and one for a mail that comes on top of the last turn. */
static uint64_t
turned(const struct tally_answer *turns)
{
	return turns->sum + turns->elem_known;
}

/* At the rule's pace, or `times` as slow. */
static bool
quick(const struct rule *r, const struct tally_answer *turns, int64_t times)
{
	return turns->pace > 0 && turns->pace < r->pace * times;
}

/* The same, and this mail comes as soon itself. */
static bool
soon(const struct rule *r, const struct words *w, const struct tally_answer *turns, int64_t times)
{
	return quick(r, turns, times) && w->now - turns->last < r->pace * times;
}

/* Those who answer each other write as often. A busy ticket system tells a person far more than he answers:
 * whatever he writes comes soon after some mail of its, and some mail of its soon after his. */
static bool
even(const struct words *w, const struct tally_answer *const *a)
{
	uint64_t others = turned(a[TURNS]) / 2 + 1;
	int c = w->talk->marked ? THEIR_ANSWERS : ANSWERS;

	if (!asks(w, MARKED)) /* by the envelope all that each wrote */
		return a[ANSWERS]->sum <= others * UNEVEN && a[THEIR_ANSWERS]->sum <= others * UNEVEN;
	if (a[c]->sum >= others)
		others = a[c]->sum + 1;
	return a[MARKED]->sum <= others * UNEVEN;
}

/* Does the mail look like more than `n` of those that went between the two? */
static bool
known_look(const struct tally_answer *const *a, uint32_t n)
{
	return a[TAIL]->elem_hits > n || a[HEAD]->elem_hits > n;
}

/* A robot's, in a talk: who answers an answer keeps its words or repeats his own. What is about something
 * else each time, and is acknowledged once, is none, unless there is no end of it. */
static bool
comes_back(const struct rule *r, const struct words *w, const struct tally_answer *const *a)
{
	if (!w->talk->marked)
		return false;
	return known_look(a, r->automatic_limit / TALK_PARTIES) ||
	    turned(a[TURNS]) > (uint64_t)r->limit * ENDLESS;
}

/* Both say that machines answer. */
static bool
two_robots(const struct rule *r, const struct words *w, const struct tally_answer *const *a)
{
	if (!comes_back(r, w, a) || turned(a[ROBOTS]) <= r->automatic_limit)
		return false;
	return w->talk->robot || soon(r, w, a[ROBOTS], TICKET_PACE);
}

/* One of them says so, the other one answers him. Alarms and new requests are no answers, however many they
 * are and however soon acknowledged. Tickets, be they slow, are stopped where no person answers so soon. */
static bool
answered_robot(const struct rule *r, const struct words *w, const struct tally_answer *const *a)
{
	uint64_t theirs = asks(w, THEIR_ANSWERS) ? a[THEIR_ANSWERS]->sum : 0;

	if (!comes_back(r, w, a) || theirs < THEIRS_MIN || !even(w, a))
		return false;
	if (soon(r, w, a[TURNS], 1) && !a[TURNS]->elem_known && turned(a[TURNS]) > r->automatic_limit)
		return true;
	return turned(a[TURNS]) > r->limit && theirs * KNOWN_PART > r->limit &&
	    (w->talk->robot || (a[TURNS]->others > 0 && a[TURNS]->others < r->pace));
}

/* The talk that a mail without marks belongs to: those that share its subject; where each party has a subject
 * of its own, all between the two; without any header too. */
static const struct tally_answer *
its_talk(const struct rule *r, const struct words *w, const struct tally_answer *const *a)
{
	if (!asks(w, THREAD))
		return a[TURNS];
	if (a[THREAD]->sum > 1)
		return a[THREAD];
	return known_look(a, r->limit / KNOWN_PART) ? a[TURNS] : NULL;
}

/* No machine has been named in the talk, of either party. */
static bool
plain(const struct words *w, const struct tally_answer *const *a)
{
	return !w->talk->marked && (!asks(w, MARKED) || a[MARKED]->sum == 0);
}

/* Nobody says anything, but no person writes that fast for long; a quick moment proves nothing. In a storm
 * with marks those who go on all the same look slow: what is stopped of it is not counted. Where one party's
 * mails answer and the other's do not, only the answers are stopped. */
static bool
robots_pace(const struct rule *r, const struct words *w, const struct tally_answer *const *a, bool storm)
{
	const struct tally_answer *turns = its_talk(r, w, a);

	if (!turns || turned(turns) <= r->limit || !quick(r, turns, 1) || !even(w, a))
		return false;
	if ((!storm || plain(w, a)) && turned(a[RECENT]) <= r->limit - r->limit / KNOWN_PART)
		return false;
	if (w->talk->answer || !asks(w, MARKED))
		return true;
	return a[ANSWERS]->sum + a[THEIR_ANSWERS]->sum <= r->limit / KNOWN_PART;
}

/* Answers to mail that we never see, whoever brings it; or that one of our addresses answers from outside. */
static bool
one_way(const struct rule *r, const struct words *w, const struct tally_answer *const *a)
{
	uint64_t sum = asks(w, ONE_WAY) ? a[ONE_WAY]->sum + a[ONE_WAY]->distinct : 0;
	uint64_t most = 1 + sum / ONE_WAY_TURNS_PART;

	return w->one_way && sum > w->one_way && a[TURNS]->sum <= most &&
	    (w->all[TURNS]->sum <= most || answered_robot(r, w, w->all));
}

static const char *
talk(const struct rule *r, const struct words *w, const struct tally_answer *const *a, bool lone, bool storm)
{
	if (two_robots(r, w, a))
		return "two robots answer each other";
	if (answered_robot(r, w, a))
		return "a robot and something that answers it";
	if (robots_pace(r, w, a, storm))
		return "two addresses answer each other at a robot's pace";
	return lone ? "one answer after the other to mail that does not pass here" : NULL;
}

/* Is it more of the same, to be stopped while the storm is blocked? Not what people say meanwhile. */
static bool
belongs(
    const struct rule *r, const struct view *v, const struct words *w, const struct tally_answer *const *a)
{
	const struct tally_answer *turns = its_talk(r, w, a);

	return w->talk->marked ||
	    (v->header && turns && turned(turns) > r->limit / KNOWN_PART && quick(r, turns, 1));
}

/* What people write to postmaster@, and he to them, always passes. A desk that acknowledges bounces looks
 * like one of them; then it is the bounces that are stopped. */
static bool
only_counts(const struct view *v, const struct author *author, struct str to)
{
	return (author->whose == EVERYBODYS && ours(v, author->who) && ours(v, to)) ||
	    (v->traits->automatic == AUTO_NONE &&
		(str_starts(author->who, STR("@")) || str_starts(to, STR("@"))));
}

static void
pp_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	const struct tally_answer *of[OWN + 1][COUNTERS] = { { NULL } }; /* an author's: everybody's first */
	struct words w;

	if (!find_words(r, v, rcpt, &w))
		return;
	w.all = of[EVERYBODYS];
	for (unsigned i = 0; i < w.talk->n_authors && f->trip == TRIP_NONE; i++) {
		const struct tally_answer **a = of[w.talk->authors[i].whose];
		struct key128 storm;
		bool more, there, lone;

		if (not_counted(v, &w, i))
			continue;
		for (int c = 0; c < COUNTERS; c++) {
			if (!asks(&w, c))
				continue;
			if (n == 0)
				return;
			a[c] = answers++;
			n--;
		}
		if (only_counts(v, &w.talk->authors[i], w.to))
			continue;
		more = belongs(r, v, &w, a);
		lone = one_way(r, &w, a);
		f->why = talk(r, &w, a, lone, false);
		if (!f->why && !more && v->header)
			continue;
		storm = storm_key(r, v, &w.talk->authors[i], w.to);
		there = storms_find(v->storms, storm);
		if (!f->why && there)
			f->why = talk(r, &w, a, lone, true);
		if (f->why)
			f->trip = TRIP_STOP;
		if (f->why || (there && more))
			f->storm = storm;
		f->offered = plain(&w, a) && !lone; /* who goes on is not to look slow */
	}
}

static void
pp_sources(
    const struct rule *r, struct storm *st, const struct view *v, const struct finding *f, uint64_t copies)
{
	const struct talk *t = talk_of(v);

	(void)f;
	storm_add_message(st);
	for (uint32_t k = 0; t && k < v->msg->n_rcpts && k < RCPTS_LOOKED_AT; k++) {
		struct str to = party(v->rcpts[k].key);

		for (unsigned i = 0; i < t->n_authors; i++) {
			if (!key_eq(storm_key(r, v, &t->authors[i], to), st->key))
				continue;
			storm_add_host(st, t->authors[i].who, "party", copies);
			storm_add_host(st, to, "party", copies);
			return;
		}
	}
}

const struct detector detect_ping_pong = {
	.name = "ping-pong",
	.help = "Two addresses keep answering each other: robots, or at a robot's pace.",
	.action = ACT_HOLD,
	.text = "These two addresses keep answering each other like robots",
	.scope = SCOPE_ANY,
	.limit = 20,
	.limit_min = 1,
	.limit_max = TALLY_TURNS_MAX / 2,
	.window = (int64_t)MS_HOUR,
	.keys = KEY_PACE | KEY_AUTOMATIC_LIMIT,
	.automatic = true,
	.passing = true,
	.applies = pp_applies,
	.plan = pp_plan,
	.score = pp_score,
	.sources = pp_sources,
};
