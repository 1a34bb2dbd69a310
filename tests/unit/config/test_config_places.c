/* SPDX-License-Identifier: ISC */
/* Where things are that the configuration names, or does not. */
#include <criterion/criterion.h>

#include "base/xalloc.h"
#include "config.h"

Test(config_places, beside_the_main_file)
{
	static const char *const rows[][3] = {
		{ "/etc/storm/main.conf", "rules.conf", "/etc/storm/rules.conf" },
		{ "/etc/storm/main.conf", "/srv/rules.conf", "/srv/rules.conf" },
		{ "main.conf", "rules.conf", "rules.conf" },
		{ NULL, "rules.conf", "rules.conf" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *path = config_beside(rows[i][0], str_of(rows[i][1]));

		cr_expect_str_eq(path, rows[i][2]);
		xfree(path);
	}
}

/* Beside the database, unless it has a place of its own; nowhere where the database is memory. */
Test(config_places, the_spool)
{
	static const struct {
		const char *store, *spool, *want;
	} rows[] = {
		{ "/x/storm.db", NULL, "/x/storm.db.spool" },
		{ "/x/storm.db", "/y/spool", "/y/spool" },
		{ ":memory:", NULL, NULL },
		{ ":memory:", "/y/spool", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config c = { .store.path = xstrdup(rows[i].store),
			.spool_dir = rows[i].spool ? xstrdup(rows[i].spool) : NULL };
		struct outbox_conf out;
		char room[128];

		config_outbox(&c, room, sizeof(room), &out);
		if (rows[i].want)
			cr_expect_str_eq(out.spool.dir, rows[i].want);
		else
			cr_expect_null(out.spool.dir);
		xfree(c.store.path);
		xfree(c.spool_dir);
	}
}
