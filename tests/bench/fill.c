/* SPDX-License-Identifier: ISC */
/*
 * A store with a past: so many rows in the journal, so many live counters in the snapshot, as a daemon that
 * was stopped leaves them. The counters are those that replication makes: of three, two sets of one trace
 * and one smallest number of hops, in one group. What is there already is topped up;
 * counters are always made anew.
 */
#include <sqlite3.h>
#include <stdio.h>
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

/* --- rows: written as the journal does it, by its own code ------------------------------------------ */

static void
make_row(struct queue *q, uint64_t i, int64_t time)
{
	static struct buf bytes;
	struct given row;

	uint64_t mix = bench_mix(i);
	char id[64], from[64], to[64];
	struct record_rcpt rcpt = { STR_NONE, STR("pass"), OUTCOME_PASSED };
	struct record r = {
		.time = time,
		.door = "milter",
		.stage = "END-OF-MESSAGE",
		.queue_id = STR("4d2a6b1c3e5f"),
		.client_address = STR("192.0.2.10"),
		.client_name = STR("relay.sender.example"),
		.helo = STR("relay.sender.example"),
		.subject = STR("Minutes of the meeting"),
		.size = 4711,
		.rcpt_count = 1,
		.to_count = 1,
		.hops = 2,
		.trace = mix >> 1,
		.identity = mix >> 2,
		.kind = "none",
		.verdict = "pass",
		.outcome = OUTCOME_PASSED,
		.rcpts = &rcpt,
		.n_rcpts = 1,
	};

	snprintf(id, sizeof(id), "<%016llx@sender.example>", (unsigned long long)mix);
	snprintf(from, sizeof(from), "s%08llu@sender.example", (unsigned long long)(mix % 10000));
	snprintf(to, sizeof(to), "r%08llu@example.org", (unsigned long long)(mix / 10000 % 10000));
	r.message_id = r.thread = str_of(id);
	r.sender = r.header_from = str_of(from);
	rcpt.addr = str_of(to);
	buf_reset(&bytes);
	record_pack(&r, &bytes);
	row = given_message(0, buf_str(&bytes));
	queue_add(q, &row);
}

static void
fill_rows(uint64_t rows)
{
	uint64_t have = count_of("SELECT ifnull(max(id), 0) FROM message");
	int64_t now = clock_now().wall, span = (int64_t)DAYS * MS_DAY;
	bool tell = isatty(STDERR_FILENO);
	struct queue q = { 0 };

	sql("PRAGMA synchronous = OFF; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 20000");
	for (uint64_t i = have; i < rows;) {
		uint64_t end = i + ROWS_PER_COMMIT < rows ? i + ROWS_PER_COMMIT : rows;

		for (; i < end; i++)
			make_row(&q, i, now - span + (int64_t)((double)span * (double)i / (double)rows));
		if (jdb_write(&db, &q, SIZE_MAX) < 0)
			bench_fail("write: %s", db.why);
		queue_fini(&q);
		q = (struct queue){ 0 };
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
		hash_init(&h, seed, "bench group");
		hash_u64(&h, i / 3);
		op.group = hash_end(&h).lo;
		op.cap = 3;
		op.n = 2;
		tallies_submit(t, now.mono - (n - i) / 1000, &op, &answer, 1);
	}
	for (uint32_t part = 0; part < TALLY_PARTS; part++) {
		buf_init(&blob, 0);
		tallies_snapshot(t, part, now, &blob);
		if (jdb_snapshot(&db, part, db.seq, now.wall, buf_str(&blob)) != 0)
			bench_fail("snapshot: %s", db.why);
		buf_fini(&blob);
	}
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
