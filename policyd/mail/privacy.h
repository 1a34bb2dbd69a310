/* SPDX-License-Identifier: ISC */
/*
 * [store] privacy = hashed: addresses reach the disk as a keyed hash, so that the record still tells what
 * belongs together, but not who it was. Everywhere a pointer that is NULL means plain: nothing is changed,
 * and nothing is done.
 *
 * An address becomes "h:" and 24 hex digits: the first 96 bits of HMAC-SHA256 over its normal form
 * (mail/addr.h), its domain included, so all spellings of one mailbox have one hash. The null sender
 * stays empty.
 */
#ifndef MAIL_PRIVACY_H
#define MAIL_PRIVACY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "mail/record.h"

enum {
	PRIVACY_KEY_SIZE = 32,
	PRIVACY_MAC_SIZE = 32,
	PRIVACY_TEXT_LEN = 2 + 24, /* of an address that was hashed */
};

struct privacy;

struct privacy *privacy_new(const unsigned char key[PRIVACY_KEY_SIZE]); /* copies the key */
void privacy_free(struct privacy *p);                                   /* wipes it; takes NULL */

/* The library that makes them, as it runs: "nettle 3.8". */
void privacy_library(char *out, size_t size);

/* HMAC-SHA256 of any bytes. */
void privacy_mac(const struct privacy *p, struct str data, unsigned char out[PRIVACY_MAC_SIZE]);

/* What is written of an address, in `a`; never the address itself when `p` is given: "h:" alone when the
 * arena has no room. What is hidden already stays as it is. */
struct str privacy_address(const struct privacy *p, struct arena *a, struct str addr);

/* What is written of a subject: nothing, for it may name people. */
struct str privacy_subject(const struct privacy *p, struct str subject);

/* What is written of a mailbox that stands for the host behind it, such as one with a gateway's marker:
 * "@" and its domain; without one, as of an address. */
struct str privacy_mailbox_host(const struct privacy *p, struct arena *a, struct str mailbox);

/* A text that privacy_address() made. */
bool privacy_hidden(struct str text);

/* All of a record that is no business of the disk; what takes its place is in `a`, also a copy of
 * r->rcpts. When the arena has no room for that, r has none. */
void privacy_record(const struct privacy *p, struct arena *a, struct record *r);

/* The seed of counters and storms, made from the database's. What they keep are hashes under a seed that
 * stands in the database: without this, whoever has it could try names. Never 0. */
uint64_t privacy_seed(const struct privacy *p, uint64_t seed);

#endif
