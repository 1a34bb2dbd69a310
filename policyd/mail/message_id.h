/* SPDX-License-Identifier: ISC */
/*
 * Whose Message-ID it is. Programs that leave it to the mail servers know nothing of threads: what they write
 * into In-Reply-To is a number of their own.
 */
#ifndef MAIL_MESSAGE_ID_H
#define MAIL_MESSAGE_ID_H

#include <stdbool.h>

#include "mail/header.h"

/* Postfix, Exim and Sendmail make one of the queue id that stands in their line; Exchange and IIS, that have
 * none there, put their name behind it, in the cloud with other labels within. It need not be the first host.
 */
bool message_id_by_mta(const struct header_facts *f);

#endif
