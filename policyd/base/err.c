/* SPDX-License-Identifier: ISC */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const err_names[] = {
	[-ERR_OK] = "ok",
	[-ERR_SYNTAX] = "syntax error",
	[-ERR_RANGE] = "value out of range",
	[-ERR_FULL] = "limit reached",
	[-ERR_NOENT] = "not found",
	[-ERR_EXISTS] = "exists already",
	[-ERR_IO] = "input/output error",
	[-ERR_BUSY] = "busy",
	[-ERR_CORRUPT] = "data is corrupt",
	[-ERR_VERSION] = "made by a version that we do not understand",
	[-ERR_CONF] = "configuration is faulty",
};

const char *
err_str(int err)
{
	if (err > 0 || err <= -(int)ARRAY_LEN(err_names))
		return "unknown error";
	return err_names[-err];
}

int
err_why(int err, char *why, size_t why_len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, why_len, fmt, ap);
	va_end(ap);
	return err;
}

bool
err_no_room(int error)
{
	return error == ENOSPC || error == EDQUOT;
}
