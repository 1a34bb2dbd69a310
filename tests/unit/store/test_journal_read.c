/* SPDX-License-Identifier: ISC */
/* Snapshots into the database and back, and those who only look at it. */
#include "store/journal_read.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/err.h"
#include "journal_rig.h"
#include "sample.h"

TestSuite(journal_read, .init = set_up, .fini = tear_down, .timeout = 120);

static struct journal *
open_with(uint32_t parts)
{
	return must_open_with((struct store_conf){ 0 }, (struct journal_hooks){ .parts = parts });
}

static void
put(struct journal *j, unsigned n, int64_t time)
{
	const struct record_rcpt rcpts[2] = { { STR("a@example.org"), STR("pass"), OUTCOME_PASSED },
		{ STR("b\xc3\xa9@example.org"), STR("drop-recipients"), OUTCOME_STOPPED } };
	char id[32];
	struct record r = sample_record(rcpts, n % 3);

	r.seq = n;
	r.time = time;
	r.degraded = n % 2 == 0;
	r.outcome = (enum outcome)(n % 3);
	snprintf(id, sizeof(id), "<%u@example.net>", n);
	r.message_id = str_of(id);
	journal_message(j, &r);
}

/* ---- snapshots ---- */

static struct buf
blob_of(char c, size_t n)
{
	struct buf b = { 0 };
	char *p = buf_reserve(&b, n);

	memset(p, c, n);
	buf_commit(&b, n);
	return b;
}

static void
snap(struct journal *j, uint32_t part, uint64_t seq, char c, size_t n)
{
	struct buf b = blob_of(c, n);

	journal_snapshot(j, part, seq, &b);
	cr_assert_null(b.data, "taken over");
	cr_assert_eq(b.len, 0);
}

struct loaded {
	unsigned n;
	uint32_t part[100];
	uint64_t seq[100];
	size_t len[100];
	char first[100], last[100];
};

static void
load_part(void *arg, uint32_t part, uint64_t seq, struct str data)
{
	struct loaded *l = arg;

	l->part[l->n] = part;
	l->seq[l->n] = seq;
	l->len[l->n] = data.n;
	l->first[l->n] = data.n ? data.p[0] : '-';
	l->last[l->n++] = data.n ? data.p[data.n - 1] : '-';
}

Test(journal_read, parts_there_and_back)
{
	struct journal *j = open_with(3);
	struct loaded l = { 0 };
	struct buf own = blob_of('z', 1);

	cr_expect_eq(journal_snapshot_seq(j), 0);
	snap(j, 0, 10, 'a', 100000);
	snap(j, 2, 12, 'c', 0);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(journal_snapshot_seq(j), 0, "one is missing");
	snap(j, 1, 11, 'b', 1);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(journal_snapshot_seq(j), 10);
	snap(j, 0, 20, 'A', 200000);
	journal_snapshot(j, 3, 1, &own); /* no such part */
	cr_expect_null(own.data);
	journal_close(j, LONG);

	cr_assert_eq(journal_load_snapshots(path, load_part, &l, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(l.n, 3);
	cr_expect(
	    l.part[0] == 0 && l.seq[0] == 20 && l.len[0] == 200000 && l.first[0] == 'A' && l.last[0] == 'A');
	cr_expect(l.part[1] == 1 && l.seq[1] == 11 && l.len[1] == 1 && l.first[1] == 'b');
	cr_expect(l.part[2] == 2 && l.seq[2] == 12 && l.len[2] == 0);
	j = open_with(3);
	cr_expect_eq(journal_snapshot_seq(j), 11, "known from the start");
	journal_close(j, LONG);
	j = open_with(4);
	cr_expect_eq(journal_snapshot_seq(j), 0, "of four parts one is missing");
	journal_close(j, LONG);
	j = open_with(0);
	cr_expect_eq(journal_snapshot_seq(j), 0);
	own = blob_of('z', 1);
	journal_snapshot(j, 0, 1, &own);
	cr_expect_null(own.data);
	journal_close(j, LONG);
}

Test(journal_read, a_database_that_comes_back_is_ours)
{
	struct journal *j = open_with(1);
	char away[80];

	put(j, 5, 1);
	snap(j, 0, 5, 'a', 1);
	cr_assert(journal_flush(j, LONG));
	snprintf(away, sizeof(away), "%s-away", dir);
	cr_assert_eq(rename(dir, away), 0);
	put(j, 6, 1);
	while (!log_failing)
		cr_assert_not(journal_flush(j, 20));
	cr_assert_eq(rename(away, dir), 0);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(log_reopening, 1);
	cr_expect_eq(count_messages(), 2);
	cr_expect_eq(journal_snapshot_seq(j), 5);
	cr_expect_str_eq(read_row("SELECT seq FROM snapshot"), "5");
	journal_close(j, LONG);
}

Test(journal_read, a_database_of_another_gets_our_seed_and_none_of_its_counters)
{
	struct journal *j = open_with(1);
	char old[200], hex[20];

	put(j, 5, 1);
	snap(j, 0, 5, 'a', 1);
	cr_assert(journal_flush(j, LONG));
	journal_close(j, LONG);
	snprintf(old, sizeof(old), "%s-old", path);
	cr_assert_eq(rename(path, old), 0);
	j = open_with(1);
	put(j, 5, 1);
	cr_assert(journal_flush(j, LONG));
	drop_file("-wal");
	drop_file("-shm");
	cr_assert_eq(rename(old, path), 0);
	put(j, 6, 1);
	cr_assert(journal_flush(j, LONG));
	snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)opened.seed);
	cr_expect_str_eq(read_row("SELECT value FROM meta WHERE key = 'hash_seed'"), hex);
	cr_expect_str_eq(read_row("SELECT count(*) FROM snapshot"), "0", "though the number is the same");
	cr_expect_eq(count_messages(), 2);
	journal_close(j, LONG);
}

static void
pack_upper(void *arg, uint32_t part, struct str given, struct buf *out)
{
	++*(int *)arg;
	for (size_t i = 0; i < given.n; i++)
		buf_append(out, &(char){ (char)(given.p[i] - 'a' + 'A' + (int)part) }, 1);
}

Test(journal_read, parts_are_packed_where_they_are_written)
{
	int packed = 0;
	const struct journal_hooks hooks = { .pack = pack_upper, .arg = &packed, .parts = 2 };
	const struct store_conf conf = { .path = path, .retention = MS_DAY, .max_queue = 1 << 20 };
	struct loaded l = { 0 };
	struct journal *j;

	cr_assert_eq(journal_open(&conf, &hooks, &j, &opened, why, sizeof(why)), 0, "%s", why);
	snap(j, 0, 10, 'a', 3);
	snap(j, 1, 11, 'a', 100000);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(packed, 2);
	cr_expect_eq(journal_snapshots_waiting(j), 0);
	journal_close(j, LONG);
	cr_assert_eq(journal_load_snapshots(path, load_part, &l, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(l.n, 2);
	cr_expect(l.first[0] == 'A' && l.len[0] == 3);
	cr_expect(l.first[1] == 'B' && l.len[1] == 100000 && l.last[1] == 'B');
}

Test(journal_read, only_the_newest_of_a_part_waits)
{
	struct journal *j = open_with(2);
	struct loaded l = { 0 };
	sqlite3 *other = reader();

	must(other, "CREATE TABLE log (part, seq)");
	must(other,
	    "CREATE TRIGGER t AFTER INSERT ON snapshot BEGIN INSERT INTO log VALUES (new.part, new.seq); "
	    "END");
	must(other,
	    "CREATE TRIGGER u AFTER UPDATE ON snapshot BEGIN INSERT INTO log VALUES (new.part, new.seq); "
	    "END");
	must(other, "BEGIN EXCLUSIVE");
	snap(j, 0, 1, 'a', 10);
	while (stats(j).failures < 1)
		pause_a_little();
	for (unsigned n = 2; n <= 500; n++)
		snap(j, n % 2, n, 'b', 1000);
	cr_expect_not(journal_flush(j, 20));
	must(other, "COMMIT");
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(journal_snapshot_seq(j), 499);
	cr_expect_str_eq(row(other, "SELECT count(*) FROM log"), "2");
	sqlite3_close(other);
	journal_close(j, LONG);
	cr_assert_eq(journal_load_snapshots(path, load_part, &l, why, sizeof(why)), 0, "%s", why);
	cr_expect(l.n == 2 && l.seq[0] == 500 && l.seq[1] == 499);
}

Test(journal_read, a_part_that_was_not_written_waits_on)
{
	struct journal *j = open_with(1);
	struct loaded l = { 0 };
	sqlite3 *other = reader();

	must(other, "BEGIN EXCLUSIVE");
	snap(j, 0, 7, 'a', 1000);
	while (stats(j).failures < 2)
		pause_a_little();
	cr_expect_not(journal_flush(j, 20));
	must(other, "COMMIT");
	sqlite3_close(other);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(journal_snapshot_seq(j), 7);
	journal_close(j, LONG);
	cr_assert_eq(journal_load_snapshots(path, load_part, &l, why, sizeof(why)), 0, "%s", why);
	cr_expect(l.n == 1 && l.seq[0] == 7 && l.len[0] == 1000 && l.last[0] == 'a');
}

/* 65 parts of 2 MB: what takes long must not stand between messages and their commit. */
Test(journal_read, messages_pass_between_the_parts)
{
	enum { PARTS = 65, SIZE = 2 << 20 };
	struct journal *j = open_with(PARTS);
	struct loaded l = { 0 };
	int64_t longest = 0, from;
	unsigned n = 0, tries = 0;

	for (uint32_t k = 0; k < PARTS; k++)
		snap(j, k, 1000 + k, (char)('0' + k % 10), SIZE);
	from = clock_now().mono;
	do {
		int64_t at = clock_now().mono, took;

		put(j, ++n, at);
		(void)journal_flush(j, 0); /* in a hurry */
		while (journal_written_seq(j) < n)
			usleep(200);
		took = clock_now().mono - at;
		longest = took > longest ? took : longest;
		tries++;
	} while (journal_snapshot_seq(j) == 0 && clock_now().mono - from < LONG);
	from = clock_now().mono - from;
	cr_expect_geq(journal_snapshot_seq(j), 1000);
	/* had it waited for all of them, one turn would have taken as long as the whole */
	cr_expect_gt(
	    tries, 5, "%u turns, the longest %lld ms of %lld", tries, (long long)longest, (long long)from);
	cr_expect_lt(longest, from / 2 + 50);
	cr_assert(journal_flush(j, LONG));
	journal_close(j, LONG);
	cr_assert_eq(journal_load_snapshots(path, load_part, &l, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(l.n, PARTS);
	for (uint32_t k = 0; k < PARTS; k++)
		cr_expect(l.part[k] == k && l.len[k] == SIZE && l.last[k] == '0' + (char)(k % 10));
}

Test(journal_read, a_part_that_is_refused)
{
	struct journal *j = open_with(2);
	sqlite3 *db = reader();

	must(db,
	    "CREATE TRIGGER no BEFORE INSERT ON snapshot WHEN new.part = 0 BEGIN SELECT raise(ABORT, 'no'); "
	    "END");
	snap(j, 0, 1, 'a', 10);
	snap(j, 1, 2, 'b', 10);
	put(j, 1, 1);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(journal_snapshot_seq(j), 0);
	cr_expect_str_eq(row(db, "SELECT group_concat(part) FROM snapshot"), "1");
	cr_expect(stats(j).healthy);
	sqlite3_close(db);
	journal_close(j, LONG);
	cr_expect_eq(count_messages(), 1);
}

Test(journal_read, there_are_no_parts)
{
	struct loaded l = { 0 };

	cr_expect_eq(journal_load_snapshots(path, load_part, &l, why, sizeof(why)), 0);
	cr_expect_eq(journal_load_snapshots(":memory:", load_part, &l, why, sizeof(why)), 0);
	cr_expect_neq(access(path, F_OK), 0, "nothing was made");
	journal_close(open_with(1), LONG);
	cr_expect_eq(journal_load_snapshots(path, load_part, &l, why, sizeof(why)), 0);
	cr_expect_eq(l.n, 0);
}

/* ---- messages ---- */

struct seen {
	unsigned n, stop_at;
	uint64_t hash;
	char first[64], last[64];
};

static bool
see(void *arg, const struct record *r)
{
	struct seen *s = arg;

	snprintf(s->n == 0 ? s->first : s->last, sizeof(s->last), "%.*s", STR_FMT(r->message_id));
	s->n++;
	cr_assert_eq(r->n_rcpts, strtoul(r->message_id.p + 1, NULL, 10) % 3);
	return s->n != s->stop_at;
}

static bool
see_all(void *arg, const struct record *r)
{
	(void)arg;
	cr_expect_eq(r->time, 1700000000123);
	cr_expect_str_eq(r->door, "milter");
	cr_expect_str_eq(r->stage, "EOM");
	cr_expect(str_eq(r->queue_id, STR("4ABC")) && str_eq(r->instance, STR("1.2.3")));
	cr_expect(
	    str_eq(r->client_address, STR("192.0.2.7")) && str_eq(r->client_name, STR("mx.example.net")));
	cr_expect(str_eq(r->helo, STR("mx")) && str_eq(r->sasl_username, STR("carl")));
	cr_expect(
	    str_eq(r->sender, STR("carl@example.net")) && str_eq(r->message_id, STR("<2@example.net>")));
	cr_expect(
	    str_eq(r->thread, STR("<root@example.net>")) && str_eq(r->header_from, STR("Carl@example.net")));
	cr_expect(str_eq(r->subject, STR("Minutes")) && str_eq(r->rule, STR("replication")));
	cr_expect(
	    r->size == 4096 && r->rcpt_count == 2 && r->to_count == 3 && r->cc_count == 4 && r->hops == 5);
	cr_expect(r->trace == 0xfedcba9876543210u && r->identity == 0x8123456789abcdefu && r->storm == 77 &&
	    r->would == 1 && r->degraded == 1);
	cr_expect_str_eq(r->kind, "none");
	cr_expect_str_eq(r->verdict, "drop-recipients");
	cr_expect_eq(r->outcome, OUTCOME_VOID);
	cr_assert_eq(r->n_rcpts, 2);
	cr_expect(str_eq(r->rcpts[0].addr, STR("a@example.org")) && r->rcpts[0].outcome == OUTCOME_PASSED);
	cr_expect(
	    str_eq(r->rcpts[1].addr, STR("b\xc3\xa9@example.org")) && r->rcpts[1].outcome == OUTCOME_STOPPED);
	cr_expect(str_eq(r->rcpts[1].action, STR("drop-recipients")));
	return true;
}

Test(journal_read, all_of_a_message)
{
	struct journal *j = open_with(0);

	put(j, 2, 1700000000123);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(
	    journal_each_message(path, INT64_MIN, INT64_MAX, see_all, NULL, why, sizeof(why)), 0, "%s", why);
	journal_close(j, LONG);
}

static unsigned
seen_between(int64_t since, int64_t until, struct seen *s)
{
	*s = (struct seen){ 0 };
	cr_assert_eq(journal_each_message(path, since, until, see, s, why, sizeof(why)), 0, "%s", why);
	return s->n;
}

Test(journal_read, a_span_of_time)
{
	struct journal *j = open_with(0);
	struct seen s;

	for (unsigned n = 1; n <= 1000; n++)
		put(j, n, n * 1000);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(seen_between(INT64_MIN, INT64_MAX, &s), 1000);
	cr_expect_str_eq(s.first, "<1@example.net>");
	cr_expect_str_eq(s.last, "<1000@example.net>");
	cr_expect_eq(seen_between(10000, 20000, &s), 10, "until is not in it");
	cr_expect_str_eq(s.first, "<10@example.net>");
	cr_expect_str_eq(s.last, "<19@example.net>");
	cr_expect_eq(seen_between(2000000, INT64_MAX, &s), 0);
	s = (struct seen){ .stop_at = 3 };
	cr_expect_eq(journal_each_message(path, INT64_MIN, INT64_MAX, see, &s, why, sizeof(why)), 0);
	cr_expect_eq(s.n, 3);
	journal_close(j, LONG);
}

static struct journal *writer;

/* A writer that must wait for the reader would never come to an end here. */
static bool
see_and_write(void *arg, const struct record *r)
{
	struct seen *s = arg;

	cr_assert(see(s, r));
	if (s->n <= 20) {
		put(writer, 1000 + s->n, 1);
		cr_assert(journal_flush(writer, LONG));
	}
	return true;
}

Test(journal_read, the_daemon_writes_on_meanwhile)
{
	struct seen s = { 0 };
	sqlite3 *db;

	writer = open_with(0);
	for (unsigned n = 1; n <= 100; n++)
		put(writer, n, 1);
	cr_assert(journal_flush(writer, LONG));
	cr_expect_eq(journal_each_message(path, INT64_MIN, INT64_MAX, see_and_write, &s, why, sizeof(why)), 0,
	    "%s", why);
	cr_expect_eq(s.n, 120, "those that came meanwhile are seen too");
	/* and between two messages nothing stands in the way of a checkpoint */
	db = reader();
	cr_expect_str_eq(row(db, "PRAGMA wal_checkpoint(TRUNCATE)"), "0|0|0");
	sqlite3_close(db);
	journal_close(writer, LONG);
}

/* ---- check ---- */

struct faults {
	unsigned n;
	char text[4000];
};

static void
note_fault(void *arg, const char *what)
{
	struct faults *f = arg;
	size_t at = strlen(f->text);

	f->n++;
	snprintf(f->text + at, sizeof(f->text) - at, "%s;", what);
}

static int
check(struct faults *f, struct journal_report *r)
{
	*f = (struct faults){ 0 };
	*r = (struct journal_report){ 0 };
	why[0] = '\0';
	return journal_check(path, note_fault, f, r, why, sizeof(why));
}

Test(journal_read, a_sound_file)
{
	struct journal *j = open_with(2);
	struct record_host host = { STR("h"), "client", 1 };
	struct record_storm storm = { .seq = 3, .id = 5, .state = "open", .hosts = &host, .n_hosts = 1 };
	struct journal_report r;
	struct faults f;

	put(j, 1, 5000);
	put(j, 2, 7000);
	put(j, 3, 6000);
	journal_storm(j, &storm);
	snap(j, 0, 2, 'a', 10);
	snap(j, 1, 3, 'a', 10);
	cr_assert(journal_flush(j, LONG));
	for (unsigned open = 0; open < 2; open++) { /* beside the daemon, and after it */
		cr_assert_eq(check(&f, &r), 0, "%s", why);
		cr_expect_eq(f.n, 0, "%s", f.text);
		cr_expect_eq(r.faults, 0);
		cr_expect(r.version == r.known && r.version >= 1);
		cr_expect(r.messages == 3 && r.recipients == 3 && r.storms == 1 && r.storm_hosts == 1);
		cr_expect(r.oldest == 5000 && r.newest == 7000 && r.seq == 3);
		cr_expect(r.parts == 2 && r.snapshot_seq == 2);
		journal_close(j, LONG);
		j = NULL;
	}
}

Test(journal_read, each_fault_is_found)
{
	static const struct {
		const char *sql, *what;
	} cases[] = {
		{ "DELETE FROM message WHERE id = 2", "2 recipients without their message;" },
		{ "DELETE FROM storm", "1 hosts without their storm;" },
		{ "UPDATE message SET outcome = 3 WHERE id = 1", "1 messages with an unknown outcome;" },
		{ "UPDATE recipient SET outcome = -1", "3 recipients with an unknown outcome;" },
		{ "UPDATE storm SET state = 'x'", "1 storms in an unknown state;" },
		{ "DELETE FROM meta WHERE key = 'hash_seed'", "hash seed: missing or damaged;" },
		{ "UPDATE meta SET value = 'z' || substr(value, 2) WHERE key = 'hash_seed'",
		    "hash seed: missing or damaged;" },
		{ "UPDATE meta SET value = '12x' WHERE key = 'journal_seq'", "journal_seq: not a number;" },
	};
	struct record_host host = { STR("h"), "client", 1 };
	struct record_storm storm = { .id = 5, .state = "open", .hosts = &host, .n_hosts = 1 };
	struct journal_report r;
	struct faults f;

	for (unsigned k = 0; k < ARRAY_LEN(cases); k++) {
		struct journal *j = open_with(0);
		sqlite3 *db;

		for (unsigned n = 1; n <= 3; n++)
			put(j, n, 1);
		journal_storm(j, &storm);
		journal_close(j, LONG);
		db = reader();
		must(db, cases[k].sql);
		sqlite3_close(db);
		cr_assert_eq(check(&f, &r), 0, "%s", why);
		cr_expect_str_eq(f.text, cases[k].what);
		cr_expect_eq(r.faults, 1);
		drop_file("");
		drop_file("-wal");
		drop_file("-shm");
	}
}

Test(journal_read, files_that_are_none_or_damaged)
{
	static const unsigned char noise[4096] = { 0xff, 0xee, 0xdd };
	struct journal_report r;
	struct seen s = { 0 };
	struct faults f;
	struct stat sb;
	struct journal *j;
	sqlite3 *db;
	int fd;

	cr_expect_eq(check(&f, &r), ERR_NOENT);
	cr_expect(strstr(why, "No such file"), "%s", why);
	cr_expect_eq(journal_each_message(path, 0, 1, see, &s, why, sizeof(why)), ERR_NOENT);
	cr_expect_neq(access(path, F_OK), 0, "nothing was made");

	fd = open(path, O_WRONLY | O_CREAT, 0600);
	close(fd);
	cr_expect_eq(check(&f, &r), 0, "empty");
	cr_expect_str_eq(f.text, "the database belongs to another program;");

	fd = open(path, O_WRONLY, 0600);
	for (unsigned k = 0; k < 4; k++)
		cr_assert_eq(write(fd, noise, sizeof(noise)), (ssize_t)sizeof(noise));
	close(fd);
	cr_expect_eq(check(&f, &r), 0, "noise");
	cr_expect_eq(r.faults, 1);
	cr_expect_eq(journal_each_message(path, 0, 1, see, &s, why, sizeof(why)), ERR_CORRUPT);
	unlink(path);

	j = open_with(0);
	for (unsigned n = 1; n <= 500; n++)
		put(j, n, 1);
	journal_close(j, LONG);
	cr_assert_eq(stat(path, &sb), 0);
	fd = open(path, O_WRONLY);
	cr_assert_eq(pwrite(fd, noise, sizeof(noise), sb.st_size - 4096), (ssize_t)sizeof(noise));
	close(fd);
	cr_expect_eq(check(&f, &r), 0, "a damaged leaf: %s", why);
	cr_expect_geq(r.faults, 1);
	unlink(path);

	journal_close(open_with(0), LONG);
	db = reader();
	must(db, "PRAGMA user_version = 1000");
	sqlite3_close(db);
	cr_expect_eq(check(&f, &r), ERR_VERSION);
	cr_expect(strstr(why, "1000"), "%s", why);
	cr_expect_eq(journal_each_message(path, 0, 1, see, &s, why, sizeof(why)), ERR_VERSION);
	cr_expect_eq(s.n, 0);
}
