/* SPDX-License-Identifier: ISC */
/* Mail that stood in a queue: it comes in a burst, and was not written in one. */
#ifndef JUDGE_LATE_H
#define JUDGE_LATE_H

#include "judge/detect.h"

/* The line was written longer ago than so many ms, at *then (Unix seconds). */
bool late_line(const struct view *v, const struct hop *line, int64_t ms, int64_t *then);

/* Which window it was taken in, when that has gone by; 0: it came at once, or `window` is 0. */
uint64_t late_window(const struct view *v, int64_t window);

#endif
