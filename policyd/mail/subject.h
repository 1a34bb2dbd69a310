/* SPDX-License-Identifier: ISC */
/* What a subject line says about who wrote it. Never a proof: one sign among others. */
#ifndef MAIL_SUBJECT_H
#define MAIL_SUBJECT_H

#include "base/str.h"

enum subject_kind {
	SUBJECT_PLAIN,
	SUBJECT_ANSWER,       /* begins with Re:, Fwd:, ..., or a ticket's number: about something else */
	SUBJECT_BOUNCE,       /* words that mail systems alone use */
	SUBJECT_BOUNCE_MAYBE, /* words that a parcel service or a shop uses as well */
	SUBJECT_AUTO_REPLY,
	SUBJECT_REPORT, /* DMARC and TLS aggregate reports, complaint reports: a strict form */
};

enum subject_kind subject_classify(struct str subject); /* as in the header, undecoded */

#endif
