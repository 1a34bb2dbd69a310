/* SPDX-License-Identifier: ISC */
/*
 * The key of mail/privacy.h: 32 random bytes in a file beside the database, its name with ".key" behind it,
 * for its owner alone. Whoever has it can find out whether an address that he knows stands in the record;
 * without it nobody can say which rows are whose.
 */
#ifndef STORE_PRIVACY_KEY_H
#define STORE_PRIVACY_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "mail/privacy.h"

/* Reads the key of the database `path`. ERR_NOENT: there is no file; ERR_CONF: it is not a key, or others may
 * read it; ERR_IO. `why` gets a sentence for the log. */
int privacy_key_read(
    const char *path, unsigned char key[PRIVACY_KEY_SIZE], char *why, size_t why_len) MUSTCHECK;

/* The same, and makes the file when there is none: *made tells. It is there whole or not at all. Of
 * ":memory:" the key is drawn and kept nowhere. */
int privacy_key_get(
    const char *path, unsigned char key[PRIVACY_KEY_SIZE], bool *made, char *why, size_t why_len) MUSTCHECK;

#endif
