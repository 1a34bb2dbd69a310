/* SPDX-License-Identifier: ISC */
/* Who wrote this: a mail system that gives something back, a robot that reports or answers, or a person. */
#ifndef MAIL_AUTOMATIC_H
#define MAIL_AUTOMATIC_H

#include "mail/header.h"
#include "mail/subject.h"

enum automatic {
	AUTO_NONE,
	AUTO_BOUNCE,    /* a DSN or what serves as one */
	AUTO_REPORT,    /* MDN, feedback report (ARF), DMARC report */
	AUTO_REPLY,     /* vacation, out-of-office, acknowledgement */
	AUTO_GENERATED, /* a machine wrote it of its own accord */
};

/* It answers other mail; nobody is asked for it. */
static inline bool
automatic_answers(enum automatic a)
{
	return a == AUTO_BOUNCE || a == AUTO_REPORT || a == AUTO_REPLY;
}

const char *automatic_name(enum automatic a); /* none bounce report auto-reply auto-generated */

/* `subject`: what subject_classify() says. `null_sender`: the envelope sender is known to be null;
 * Return-Path is looked at besides. `authenticated`: somebody logged in to send it. */
enum automatic automatic_classify(
    const struct header_facts *f, enum subject_kind subject, bool null_sender, bool authenticated);

/* From names the mail system itself: MAILER-DAEMON@, "Mail Delivery Subsystem" <...>. `from`: whole value. */
bool automatic_daemon_from(struct str from, struct str addr);

/* The same by a normalised address alone; and with postmaster@. */
bool automatic_daemon_addr(struct str key);
bool automatic_mail_system(struct str key);

/* From names its master: postmaster@, "System Administrator" <...>. People use these addresses, too. */
bool automatic_postmaster_from(struct str from, struct str addr);

/* A list's copy: List-Id, List-Post and their like, older fields of that kind, or Precedence: list. */
bool automatic_is_list(const struct header_facts *f);

#endif
