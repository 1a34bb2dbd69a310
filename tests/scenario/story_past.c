/* SPDX-License-Identifier: ISC */
/*
 * A store as another version left it, out of text: storm.sql (what "sqlite3 .dump" printed, with the two
 * pragmas that tell whose it is), the spool's files as hex digits, and what was used of the ring in memory,
 * whose whole size stands in the name: ring.SIZE.hex.
 */
#include "story.h"

#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/xalloc.h"

static bool
read_file(struct story *s, const char *path, struct str *out)
{
	char *text;
	size_t len;

	if (conf_slurp(path, &text, &len) != 0)
		return story_fail(s, "cannot read %s: %s", path, strerror(errno));
	*out = text_keep(s, (struct str){ text, len });
	xfree(text);
	return true;
}

static bool
make_database(struct story *s, const char *folder)
{
	struct str from = arena_printf(&s->arena, "%s/storm.sql", folder), sql;
	struct str to = arena_printf(&s->arena, "%s/storm.db", s->world.dir);
	struct sqlite3 *db;
	bool ok;

	if (!read_file(s, from.p, &sql))
		return false;
	ok = sqlite3_open_v2(to.p, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == SQLITE_OK &&
	    sqlite3_exec(db, sql.p, NULL, NULL, NULL) == SQLITE_OK;
	if (!ok)
		(void)story_fail(s, "%s: %s", from.p, sqlite3_errmsg(db));
	sqlite3_close(db);
	return ok;
}

static int
digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Digits by twos; lines end anywhere between them. */
static bool
write_bytes(struct story *s, const char *path, struct str hex)
{
	FILE *f = fopen(path, "w");
	bool ok = f != NULL;

	for (size_t i = 0; ok && i < hex.n; i++) {
		int high = digit(hex.p[i]), low;

		if (hex.p[i] == '\n')
			continue;
		low = i + 1 < hex.n ? digit(hex.p[++i]) : -1;
		ok = high >= 0 && low >= 0 && fputc(high << 4 | low, f) != EOF;
	}
	if (f && fclose(f) != 0)
		ok = false;
	return story_need(s, ok, "a file of the spool could not be made");
}

static bool
make_spool_file(struct story *s, const char *folder, const char *name)
{
	struct str from = arena_printf(&s->arena, "%s/%s", folder, name), hex;
	int stem = (int)strlen(name) - (int)strlen(".hex");
	struct str to = arena_printf(&s->arena, "%s/storm.db.spool/%.*s", s->world.dir, stem, name);

	return read_file(s, from.p, &hex) && write_bytes(s, to.p, hex);
}

/* Where it lay, and the link in the spool's folder by which it is found. */
static bool
make_ring(struct story *s, const char *folder, const char *name)
{
	struct str from = arena_printf(&s->arena, "%s/%s", folder, name), hex;
	struct str to = arena_printf(&s->arena, "%s/policyd-storm.inherited", s->world.dir);
	struct str link = arena_printf(&s->arena, "%s/storm.db.spool/spool.ring", s->world.dir);
	off_t size = (off_t)strtoll(name + strlen("ring."), NULL, 10);

	return read_file(s, from.p, &hex) && write_bytes(s, to.p, hex) &&
	    story_need(s, truncate(to.p, size) == 0 && chmod(to.p, 0600) == 0 && symlink(to.p, link.p) == 0,
		"the ring could not be made");
}

bool
past_inherit(struct story *s, struct str folder)
{
	const char *slash = strrchr(s->file, '/');
	struct str here = { s->file, slash ? (size_t)(slash - s->file) + 1 : 0 };
	struct str from = arena_printf(&s->arena, "%.*s%.*s", STR_FMT(here), STR_FMT(folder));
	struct str spool = arena_printf(&s->arena, "%s/storm.db.spool", s->world.dir);
	DIR *d = opendir(from.p);
	const struct dirent *e;
	bool ok = true;

	if (!d)
		return story_fail(s, "cannot open %s: %s", from.p, strerror(errno));
	if (mkdir(spool.p, 0700) < 0)
		ok = story_fail(s, "cannot make %s: %s", spool.p, strerror(errno));
	for (e = readdir(d); ok && e; e = readdir(d)) {
		struct str name = str_of(e->d_name);

		if (text_glob(STR("spool.*.hex"), name))
			ok = make_spool_file(s, from.p, e->d_name);
		if (text_glob(STR("ring.*.hex"), name))
			ok = make_ring(s, from.p, e->d_name);
	}
	closedir(d);
	return ok && make_database(s, from.p);
}
