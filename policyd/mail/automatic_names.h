/* SPDX-License-Identifier: ISC */
/* Names of mail systems, for automatic.c; what all may ask is in automatic.h. */
#ifndef MAIL_AUTOMATIC_NAMES_H
#define MAIL_AUTOMATIC_NAMES_H

#include <stdbool.h>

#include "base/str.h"

/* The local part alone tells: mailer-daemon@, postmaster@ and their like. */
bool automatic_daemon_local(struct str addr);
bool automatic_postmaster_local(struct str addr);

/* A display name without quotes and white space around it. */
struct str automatic_unquote(struct str s);

#endif
