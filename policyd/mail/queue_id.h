/* SPDX-License-Identifier: ISC */
/*
 * May a text be the queue id of an MTA? For those who hand ids to a command that runs as root: nothing but
 * letters and digits gets through, in one of the forms that MTAs write:
 *
 *	Postfix, short		upper-case hexadecimal		3F2A91C0D4
 *	Postfix, long		letters and digits		4fTRSJ1jZqz3kX9
 *	Sendmail		letters and digits		64L9fhGk012345
 *	Exim			three words of letters and digits with '-' between them: of 6, 6 and 2
 *				characters before 4.97 (1pQ7iN-0004Xe-2k), of 6, 11 and 4 since then
 *
 * Words that mean something to such commands or stand where there is no id ("ALL", "deferred", "NOQUEUE") are
 * none: an id has a digit, or upper-case hexadecimal digits alone.
 */
#ifndef MAIL_QUEUE_ID_H
#define MAIL_QUEUE_ID_H

#include <stdbool.h>

#include "base/str.h"

enum { QUEUE_ID_MIN = 6, QUEUE_ID_MAX = 40 };

bool queue_id_ok(struct str s);

#endif
