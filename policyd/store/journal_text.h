/* SPDX-License-Identifier: ISC */
/* Text made fit for a database and a terminal. */
#ifndef STORE_JOURNAL_TEXT_H
#define STORE_JOURNAL_TEXT_H

#include "base/arena.h"
#include "base/str.h"

/* Control characters (C0, DEL, C1) and bytes that are not UTF-8 become '?'; what is too long is cut first.
 * The string itself when nothing has to change, else one in the arena, which has no bound. */
struct str journal_text(struct str s, struct arena *a);

#endif
