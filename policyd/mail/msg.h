/* SPDX-License-Identifier: ISC */
/*
 * A message on its way through an MTA, as one door saw it at one stage. Doors fill it, rules read it;
 * nothing behind the codec knows which protocol the bytes came from, but for what that door is able to do.
 * All strings live in `arena`, which the connection owns and resets after each verdict, or, those of the
 * policy door, in the bytes of the request, which are there until it is answered.
 */
#ifndef MAIL_MSG_H
#define MAIL_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "mail/automatic.h"
#include "mail/dsn.h"
#include "mail/header.h"

enum door {
	DOOR_POLICY,   /* Postfix policy delegation: envelope only, one action for the whole message */
	DOOR_EXTENDED, /* the same with header facts sent along (Exim) */
	DOOR_REPAIRS,  /* the same, and the client asked want=repairs: it can split recipients */
	DOOR_MILTER,
	DOOR_REPLAY, /* old mail; behaves like a milter */
	DOOR_COUNT
};

/* SMTP stage of a question; policy's protocol_state by the same names, BDAT comes as DATA. */
enum stage {
	STAGE_CONNECT,
	STAGE_HELO,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_DATA,
	STAGE_EOM,
	STAGE_OTHER, /* VRFY, ETRN, anything newer: answered with pass */
	STAGE_COUNT
};

struct rcpt {
	struct str raw;  /* the bytes of RCPT TO, brackets and all: what a milter must name to delete it */
	struct str addr; /* without brackets, original case */
};

/* What the header says of who wrote it. */
struct msg_kind {
	bool known;
	bool null_sender; /* that it was asked with */
	enum automatic automatic;
	enum subject_kind subject;
};

struct msg {
	struct arena *arena;
	enum door door;
	enum stage stage;

	uint64_t connection; /* number of the policy door's connection, 0 = none */
	uint64_t mta;        /* number of the host of the MTA that asks, 0 = this one */

	/* identity of the transaction at the MTA; any may be empty */
	struct str instance;                    /* Postfix pid.sec.usec.seq, Exim's message id */
	struct str queue_id;                    /* policy queue_id, milter {i} */
	struct str client_address, client_port; /* as text; client_address may be "unknown" or empty */
	struct str client_name, helo;
	struct str sasl_username; /* milter {auth_authen} */
	struct str policy_context;

	/* envelope */
	struct str sender; /* without brackets; "" is the null sender */
	bool have_sender;  /* MAIL FROM was seen */
	struct rcpt *rcpts;
	uint32_t n_rcpts, cap_rcpts;
	uint32_t rcpt_count; /* what the MTA says it accepted so far; 0 = it does not say */
	uint64_t size;       /* bytes, 0 = unknown */

	struct msg_kind kind; /* msg_kind() fills it */

	/* body: of bounces, of reports, and of what may be a bounce; facts count only when have_dsn, and
	 * after msg_body_end() */
	struct dsn dsn;
	bool have_dsn;

	/* header: embedded scanner; facts count only when have_header. The last member: see msg_reset() */
	bool have_header; /* header_end() was called and HDR_ANY or a stated value is there */
	struct header header;
};

/* Embedded in a connection; the arena is the caller's. */
void msg_init(struct msg *m, struct arena *arena, const struct strset *markers);
void msg_fini(struct msg *m);
/* Back to empty for the next message; resets the arena too. Keeps door. */
void msg_reset(struct msg *m);

/* Adds a recipient from the bytes of RCPT TO. Beyond MSG_RCPTS_MAX only rcpt_count grows. */
void msg_add_rcpt(struct msg *m, struct str raw);

/* A copy in the message's arena, cut at MSG_ATTR_MAX. */
struct str msg_str(struct msg *m, struct str s);

/* The envelope sender, or where there is none Return-Path, is null. */
bool msg_null_sender(const struct msg *m);

/* Worked out at the first call; the header is there and complete. msg_body_end() may find a bounce in what
 * the header did not show for one. */
const struct msg_kind *msg_kind(struct msg *m);

/* Whether its body may tell something: by its header, which is complete, it is a bounce or a report, or what
 * may turn out as a bounce. */
bool msg_wants_body(struct msg *m);

/* A piece of the body, from its beginning on. false: no more is wanted, of this message or of any like it. */
bool msg_body(struct msg *m, const char *p, size_t n);

/* No more of the body will come; to be called without any body too. `whole`: nothing is known to be missing
 * at its end. */
void msg_body_end(struct msg *m, bool whole);

const char *door_name(enum door d);
const char *stage_name(enum stage s);

#endif
