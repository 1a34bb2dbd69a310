/* SPDX-License-Identifier: ISC */
/*
 * A store with a past: so many rows in the journal, so many live counters in the snapshot, as a daemon that
 * was stopped leaves them. The counters are those that replication makes: of three, two sets of one trace
 * and one smallest number of hops. What is there already is topped up; counters are always made anew.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "base/clock.h"
#include "base/hash.h"
#include "store/journal_sqlite.h"
#include "store/tallies.h"

enum { DAYS = 30, ROWS_PER_COMMIT = 100000 };

static struct jdb db;

static void
sql(const char *text)
{
	char *why = NULL;

	if (sqlite3_exec(db.db, text, NULL, NULL, &why) != SQLITE_OK)
		bench_fail("%s: %s", text, why);
}

static uint64_t
count_of(const char *text)
{
	sqlite3_stmt *st = NULL;
	uint64_t n;

	if (sqlite3_prepare_v2(db.db, text, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
		bench_fail("%s: %s", text, sqlite3_errmsg(db.db));
	n = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* --- rows: written by the journal's own statements --------------------------------------------------- */

static void
step(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	if (rc != SQLITE_DONE || sqlite3_reset(st) != SQLITE_OK)
		bench_fail("write: %s", sqlite3_errmsg(db.db));
}

static void
put_text(sqlite3_stmt *st, int at, const char *text)
{
	if (sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT) != SQLITE_OK)
		bench_fail("bind: %s", sqlite3_errmsg(db.db));
}

static void
put_number(sqlite3_stmt *st, int at, uint64_t v)
{
	if (sqlite3_bind_int64(st, at, (sqlite3_int64)v) != SQLITE_OK)
		bench_fail("bind: %s", sqlite3_errmsg(db.db));
}

static void
put_row(uint64_t i, int64_t time)
{
	sqlite3_stmt *m = db.st[JDB_MESSAGE], *r = db.st[JDB_RECIPIENT];
	uint64_t mix = bench_mix(i);
	char id[64], address[64];
	int at = 1;

	snprintf(id, sizeof(id), "<%016llx@sender.example>", (unsigned long long)mix);
	snprintf(address, sizeof(address), "s%08llu@sender.example", (unsigned long long)(mix % 10000));
	put_number(m, at++, (uint64_t)time);
	put_text(m, at++, "milter");
	put_text(m, at++, "END-OF-MESSAGE");
	put_text(m, at++, "4d2a6b1c3e5f");
	put_text(m, at++, "");
	put_text(m, at++, "192.0.2.10");
	put_text(m, at++, "relay.sender.example");
	put_text(m, at++, "relay.sender.example");
	put_text(m, at++, "");
	put_text(m, at++, address);
	put_text(m, at++, id);
	put_text(m, at++, id);
	put_text(m, at++, address);
	put_text(m, at++, "Minutes of the meeting");
	for (const uint64_t *v = (const uint64_t[]){ 4711, 1, 1, 0, 2, mix >> 1 }, *end = v + 6; v < end; v++)
		put_number(m, at++, *v);
	put_text(m, at++, "none");
	put_text(m, at++, "pass");
	put_text(m, at++, "");
	for (int k = 0; k < 4; k++)
		put_number(m, at++, 0);
	step(m);
	snprintf(address, sizeof(address), "r%08llu@example.org", (unsigned long long)(mix / 10000 % 10000));
	put_number(r, 1, (uint64_t)sqlite3_last_insert_rowid(db.db));
	put_number(r, 2, 0);
	put_text(r, 3, address);
	put_text(r, 4, "pass");
	put_number(r, 5, 0);
	step(r);
}

static void
fill_rows(uint64_t rows)
{
	uint64_t have = count_of("SELECT ifnull(max(id), 0) FROM message");
	int64_t now = clock_now().wall, span = (int64_t)DAYS * MS_DAY;
	bool tell = isatty(STDERR_FILENO);

	sql("PRAGMA synchronous = OFF; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 20000");
	for (uint64_t i = have; i < rows;) {
		uint64_t end = i + ROWS_PER_COMMIT < rows ? i + ROWS_PER_COMMIT : rows;

		sql("BEGIN");
		for (; i < end; i++)
			put_row(i, now - span + (int64_t)((double)span * (double)i / (double)rows));
		sql("COMMIT");
		if (tell)
			fprintf(stderr, "\r%llu rows", (unsigned long long)i);
	}
	if (tell && have < rows)
		fputc('\n', stderr);
}

/* --- counters ---------------------------------------------------------------------------------------- */

static void
fill_counters(uint32_t n, uint64_t seed)
{
	struct tallies *t = tallies_new(n < 16 ? 16 : n);
	struct now now = clock_now();
	uint64_t seq =
	    count_of("SELECT ifnull(max(CAST(value AS INTEGER)), 1) FROM meta WHERE key = 'journal_seq'");
	struct tallies_stats stats;
	struct buf blob;

	for (uint32_t i = 0; i < n; i++) {
		struct tally_op op = {
			.kind = i % 3 ? TALLY_DISTINCT : TALLY_MIN, .window = MS_DAY, .ttl = 2 * MS_DAY
		};
		struct tally_answer answer;
		struct hash h;

		hash_init(&h, seed, "bench");
		hash_u64(&h, i);
		op.key = hash_end(&h);
		op.elem = op.key.hi;
		op.cap = 3;
		op.n = 2;
		tallies_submit(t, now.mono - (n - i) / 1000, &op, &answer, 1);
	}
	sql("BEGIN");
	for (uint32_t part = 0; part < TALLY_PARTS; part++) {
		buf_init(&blob, 0);
		tallies_snapshot(t, part, now, &blob);
		put_number(db.st[JDB_SNAPSHOT], 1, part);
		put_number(db.st[JDB_SNAPSHOT], 2, seq);
		put_number(db.st[JDB_SNAPSHOT], 3, (uint64_t)now.wall);
		if (sqlite3_bind_blob(db.st[JDB_SNAPSHOT], 4, buf_str(&blob).p, (int)blob.len,
			SQLITE_TRANSIENT) != SQLITE_OK)
			bench_fail("bind: %s", sqlite3_errmsg(db.db));
		step(db.st[JDB_SNAPSHOT]);
		buf_fini(&blob);
	}
	put_number(db.st[JDB_SEQ_SET], 1, seq);
	step(db.st[JDB_SEQ_SET]);
	sql("COMMIT");
	tallies_stats(t, &stats);
	printf("{\"rows\": %llu, \"counters\": %llu, \"counter_bytes\": %llu}\n",
	    (unsigned long long)count_of("SELECT count(*) FROM message"), (unsigned long long)stats.entries,
	    (unsigned long long)stats.bytes);
	tallies_free(t);
}

int
main(int argc, char **argv)
{
	uint64_t seed = 0;

	if (argc != 4)
		bench_fail("usage: fill DATABASE ROWS COUNTERS");
	if (jdb_open(&db, argv[1], &seed, JDB_WAIT_OPEN) != 0)
		bench_fail("%s: %s", argv[1], db.why);
	fill_rows(bench_number(argv[2], 1000000000));
	fill_counters((uint32_t)bench_number(argv[3], 100000000), seed);
	sql("PRAGMA wal_checkpoint(TRUNCATE)");
	jdb_close(&db);
	return 0;
}
