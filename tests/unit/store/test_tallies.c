/* SPDX-License-Identifier: ISC */
/* All checks for tallies over all that keep them. A new backend is a row here. */
#include "tally_model.h"
#include "tally_suite_kinds.h"
#include "tally_suite_room.h"
#include "tally_suite_undo.h"

static const struct tally_backend *const backends[] = { &backend_memory, &backend_model };

#define RUN(checks)                                        \
	for (unsigned i = 0; i < ARRAY_LEN(backends); i++) \
	run_checks(backends[i], checks, ARRAY_LEN(checks))

Test(tallies, kinds)
{
	RUN(checks_kinds);
}

Test(tallies, undo)
{
	RUN(checks_undo);
}

Test(tallies, room)
{
	RUN(checks_room);
}
