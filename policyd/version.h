/* SPDX-License-Identifier: ISC */
/* What "-V" of both programs says: one line with the version, then what is built in, a field a line. */
#ifndef VERSION_H
#define VERSION_H

/* To the standard output. `more`: a library that only this program has, or NULL. */
void version_print(const char *program, const char *more);

#endif
