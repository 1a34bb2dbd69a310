/* SPDX-License-Identifier: ISC */
/*
 * What rules ask of a message, worked out once from envelope, header and site: which message it is,
 * which transmission of it, what kind of mail, from whom to whom. Pure; strings live in the message's arena.
 *
 * Identity. "The same message" is Message-ID + Date + From + List-Id + origin. Where a list has no List-Id
 * its List-Post, or what else names it, takes the place. Date is the instant, however it is written; it is
 * left out where the origin is a line with an id of its own and a time, for some servers write a new Date.
 * Origin is the bottom Received line after the leading (top) lines of our own hosts have been taken off:
 * nobody can guess it who has not seen the message. Without any such line the hash of the whole header
 * (less trace fields) takes its place. Without a Message-ID (missing, empty, made up by our own MTA: it
 * holds the queue id at our own host name) From + Date + Subject + origin serve. Mail that starts here has
 * no Received line yet (Postfix and Sendmail hide their own from a milter); when it comes back its bottom
 * line is ours with the queue id that it has now (or had at its first pass through our own filters), so
 * such mail gets a second identity made of that, and both are counted.
 *
 * Some providers give each copy that passes them a new Message-ID. So a message with an id gets one identity
 * more, the one that it would have without: From + Date + Subject + List-Id + origin. That joins what may be
 * different messages for all that the header says, so it is made only where the origin alone tells one
 * message from all others: it is a line with an id of its own (the queue id of the host that took the
 * message first), which two messages do not share, be they sent in one second and one session. Exchange's
 * version numbers in that place are no ids, but the process number in "(qmail 123 invoked by uid 89)" is.
 * Where the bottom line has none (Exchange, Windows' SMTP service, qmail) but one above it has, the lines up
 * to the lowest such one take its place, also where there is no Message-ID. Whoever sees several messages
 * share one all the same leaves this identity out. Subject is what it was before gateways encoded it or put
 * tags in front, wherever the origin is such a line.
 *
 * Sent anew. A server that takes the old Received lines away and submits its copies itself makes an origin of
 * its own for each. That shows in time: the bottom line was written long after the message (its Date). Such a
 * message has a key more, `anew`: Message-ID + Date + From + Subject + List-Id, without any origin. Who has
 * seen the message can make others with that key, so nothing is lost by it, see judge/detect_replication.c;
 * mail that began when it was written has none.
 *
 * Dated anew. Where a server leaves the lines but writes Message-ID and Date of its own the Date is later
 * than the bottom line. Then `anew` is From + Subject + List-Id + origin (or those lines up to one with an
 * id). So looks another message too for which somebody took an old one, with its lines, as the pattern; and
 * one whose author's clock is fast.
 *
 * Straight. A host that writes no Received line hands its message to many servers, each of which writes the
 * first line: as many origins as there are servers. What they have in common is that host, the client where
 * there is no line, and what the bottom line says of the client elsewhere, or ours where a server fetches
 * its mail from us. `straight` is made of its address in place of an origin. A line can say anything, but
 * nobody can come from that address himself. What our own people write to each other has our host in its
 * place: some MTAs take their lines out of what leaves, and a program that uses a transaction for each
 * recipient has as many lines of ours.
 *
 * Trace. "The same transmission" is the hash of the Received chain without the leading lines that our own
 * hosts wrote, or filters of this machine as "localhost", or that carry this request's queue id, and of the
 * Delivered-To above one of these, but for its recipients' own: who sent his copy on. A retry of one queue
 * item has the same trace.
 */
#ifndef MAIL_TRAITS_H
#define MAIL_TRAITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/net.h"
#include "base/str.h"
#include "mail/addr.h"
#include "mail/automatic.h"
#include "mail/msg.h"
#include "mail/site.h"

enum { TRAITS_IDS = 3, OWN_LINES_WORD = 64 };

/* What `anew` is made of: a Date that was written after the message began, and how long after. */
enum dated_anew { NOT_DATED_ANEW, DATED_ANEW, DATED_ANEW_LATE };

struct traits {
	struct key128 ids[TRAITS_IDS];
	unsigned n_ids;            /* 0 when there is no header */
	unsigned n_named;          /* the first ones, in which its Message-ID takes part, if it has one */
	struct key128 fingerprint; /* From + Date + Subject + origin */
	struct key128 origin;      /* all zero when there is no header */
	struct key128 anew;        /* sent anew, or dated_anew; zero where it began when it was written */
	struct key128 straight;    /* by the host where it began in place of an origin; zero: not known */
	struct key128 way;      /* what all its copies share however they were rewritten; zero: no identity */
	struct key128 seen_way; /* the same by the lines up to an id, where the bottom line has none */
	uint64_t trace;         /* 0 when there is no header */
	uint64_t own_lines[HEADER_HOPS_MAX / OWN_LINES_WORD]; /* a bit for each hop: see traits_own_line() */
	uint32_t own_top;      /* leading hops that are ours, or "localhost" here */
	uint32_t relay_hops;   /* next below: lines that relays of ours wrote */
	uint32_t foreign_hops; /* hops below both */
	int64_t date;          /* of the Date field, seconds since 1970; when dated */
	bool dated;
	bool id_missing; /* no usable Message-ID */
	/* An outside client handed it over, or one of our own people to another, and nobody had written a
	 * line before. */
	bool straight_here;
	enum dated_anew dated_anew;
	enum automatic automatic;
	enum subject_kind subject;
	bool is_list;      /* List-Id, List-Post or the like: a list's copy */
	struct str thread; /* root id of the thread; the message's own id when it starts one */
	bool thread_reply; /* it answers something */
	/* Message-ID of the message that a bounce gives back or a report is about: out of its body, else what
	 * a bounce answers; STR_NONE when neither tells. How sure it is: msg.dsn.f.source. */
	struct str returned_id;
	struct ip client; /* effective client: behind a relay of ours, the one it names; family 0 unknown */
	struct str client_text;                /* the same as text */
	bool authenticated, trusted, outbound; /* outbound: authenticated or trusted client */
	struct addr_norm sender;               /* normalised envelope sender */
	bool null_sender;
	uint32_t header_recipients; /* To + Cc; "at least" when HDR_TRUNCATED */
};

void traits_compute(struct traits *t, struct msg *m, const struct site *site);

/* Did a host of ours write the Received line? It is one of header_facts.hops. */
static inline bool
traits_own_line(const struct traits *t, uint32_t line)
{
	return t->own_lines[line / OWN_LINES_WORD] >> line % OWN_LINES_WORD & 1;
}

/* Two hosts on its way wrote an id of their own each. One host's id may be that of a session, in which
 * several messages came in one second; two such hosts in a row are not met. */
bool traits_two_ids(const struct traits *t, const struct header_facts *f);

/* Does it say that it answers something, or name that? Programs that thread their alarms name a message that
 * never was, by In-Reply-To or References alone, and leave their own Message-ID to the MTA, as no mail
 * program does; what answers by formail -r leaves it to the MTA too, but has both. */
bool traits_answers(const struct traits *t, const struct header_facts *f);

/* A recipient as keys use it; inbound when its domain is local, or when nothing says otherwise. */
bool traits_inbound(const struct traits *t, const struct site *site, struct str rcpt);

#endif
