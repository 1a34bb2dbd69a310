/* SPDX-License-Identifier: ISC */
/* The table of subjects behind subject_family(), in its two files. */
#ifndef MAIL_SUBJECT_FAMILY_H
#define MAIL_SUBJECT_FAMILY_H

#include "mail/subject.h"

struct family {
	struct str text; /* in lower case where it is ASCII */
	enum subject_kind kind;
};

#define ROW(text, kind)         \
	{                       \
		STR(text), kind \
	}

extern const struct family subject_family_wide[];
extern const size_t subject_family_wide_n;

#endif
