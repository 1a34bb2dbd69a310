/* SPDX-License-Identifier: ISC */
/*
 * One list of error codes for all rooms. A fallible function returns 0 or one of these (negative);
 * it leaves its outputs untouched when it fails.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

enum err {
	ERR_OK = 0,
	ERR_SYNTAX = -1,  /* the bytes do not follow the grammar */
	ERR_RANGE = -2,   /* a value is outside its bounds */
	ERR_FULL = -3,    /* a cap is reached */
	ERR_NOENT = -4,   /* no such thing */
	ERR_EXISTS = -5,  /* such a thing is there already */
	ERR_IO = -6,      /* the operating system said no; errno tells more */
	ERR_BUSY = -7,    /* somebody else holds it */
	ERR_CORRUPT = -8, /* stored data does not check */
	ERR_VERSION = -9, /* made by a version that we do not understand */
	ERR_CONF = -10,   /* the configuration has faults, reported one by one */
};

/* A short English phrase; never NULL. */
const char *err_str(int err);

/* `err`, with the reason in `why`: for "return err_why(...)". */
int err_why(int err, char *why, size_t why_len, const char *fmt, ...) PRINTF(4, 5);

/* Does this errno say that no room is left, be it the disk's or what a quota leaves of it? */
bool err_no_room(int error);

#endif
