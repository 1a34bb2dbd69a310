/* SPDX-License-Identifier: ISC */
/* max_journal: what goes, when, and what stays. */
#include <sys/stat.h>

#include "journal_rig.h"
#include "sample.h"
#include "store/journal_thread.h"

enum { SLICE = 500, MANY = 20000 };

TestSuite(journal_room, .init = set_up, .fini = tear_down, .timeout = 120);

static struct journal *
open_with(uint64_t max_journal, uint32_t parts)
{
	return must_open_with(
	    (struct store_conf){ .max_journal = max_journal }, (struct journal_hooks){ .parts = parts });
}

static void
put(struct journal *j, unsigned from, unsigned n)
{
	struct record_rcpt rcpts[2] = {
		{ STR("anna@example.org"), STR("pass"), OUTCOME_PASSED },
		{ STR("bert@example.org"), STR("drop"), OUTCOME_STOPPED },
	};
	struct record r = sample_record(rcpts, 2);
	char id[64];

	r.time = clock_now().wall;
	for (unsigned k = from; k < from + n; k++) {
		snprintf(id, sizeof(id), "<%u@example.net>", k);
		r.message_id = str_of(id);
		journal_message(j, &r);
	}
}

static uint64_t
used(void)
{
	struct jdb d;
	uint64_t bytes = 0, its_seed = 0;

	cr_assert_eq(jdb_open(&d, path, &its_seed, LONG), 0, "%s", d.why);
	cr_assert_eq(jdb_used(&d, &bytes), 0, "%s", d.why);
	jdb_close(&d);
	return bytes;
}

/* So many rows, in a file that is closed. */
static uint64_t
filled(unsigned n)
{
	struct journal *j = open_with(0, 0);

	put(j, 0, n);
	journal_close(j, LONG);
	cr_assert_eq(count_messages(), n);
	return used();
}

/* The thread's own part of a journal, without the thread. */
static struct journal *
by_hand(uint64_t max_journal)
{
	struct journal *j = calloc(1, sizeof(*j));

	j->path = path;
	j->max_journal = max_journal;
	pthread_mutex_init(&j->lock, NULL);
	cr_assert_eq(jdb_open(&j->db, path, &j->seed, LONG), 0, "%s", j->db.why);
	return j;
}

static void
put_away(struct journal *j)
{
	jdb_close(&j->db);
	pthread_mutex_destroy(&j->lock);
	free(j);
}

Test(journal_room, at_the_cap_and_one_byte_beyond)
{
	uint64_t full = filled(2 * SLICE);
	struct journal *j = by_hand(full);

	room_keep(j);
	cr_expect_not(room_slice(j));
	cr_expect_eq(j->stats.trimmed, 0);
	cr_expect_eq(j->room, full);
	put_away(j);
	j = by_hand(full - 1);
	room_keep(j);
	cr_expect_eq(j->stats.trimmed, 0, "nothing was added");
	cr_expect(room_slice(j));
	cr_expect_eq(j->stats.trimmed, SLICE);
	cr_expect_not(room_slice(j), "now it fits");
	cr_expect_leq(j->room, full - 1);
	put_away(j);
	cr_expect_eq(count_messages(), SLICE);
	cr_expect_str_eq(read_row("SELECT min(message_id), count(DISTINCT message_id) FROM recipients"),
	    "<500@example.net>|500");
}

/* What is written above the cap goes at the other end, however much it is, before the next is written. */
Test(journal_room, what_is_added_goes_at_once)
{
	uint64_t full = filled(MANY), most = 0;
	struct journal *j;

	for (int round = 0; round < 4; round++) {
		uint64_t now;

		j = by_hand(full);
		room_keep(j); /* as at the end of the last commit */
		put_away(j);
		j = open_with(0, 0);
		put(j, MANY * (unsigned)(round + 1), MANY / 4);
		journal_close(j, LONG);
		j = by_hand(full);
		j->room = full;
		room_keep(j);
		cr_expect(j->stats.trimmed > 0 && j->stats.trimmed < MANY / 2, "%llu",
		    (unsigned long long)j->stats.trimmed);
		put_away(j);
		now = used();
		cr_expect_leq(now, full);
		if (now > most)
			most = now;
	}
	cr_expect_gt(most, full - full / 10, "not much more than that");
	/* its newest are all there, none of a message's recipients without it */
	cr_expect_str_eq(
	    read_row("SELECT count(*) FROM messages WHERE message_id = '<84999@example.net>'"), "1");
	cr_expect_str_eq(
	    read_row("SELECT count(*) FROM recipient WHERE message NOT IN (SELECT id FROM message)"), "0");
	cr_expect_str_eq(
	    read_row("SELECT count(*) = 2 * (SELECT count(*) FROM message) FROM recipient"), "1");
}

/* The daemon's way: under load the file stays as large as the cap and one commit. */
Test(journal_room, the_file_stays_bounded)
{
	enum { CAP = 2 << 20 };
	struct journal *j = open_with(CAP, 0);
	struct journal_stats s;
	struct stat sb;

	for (unsigned n = 0; n < 5; n++) {
		put(j, n * MANY, MANY);
		cr_assert(journal_flush(j, LONG));
	}
	s = stats(j);
	journal_close(j, LONG);
	cr_expect_eq(s.lost, 0);
	cr_expect_gt(s.trimmed, 4 * MANY / 2);
	cr_expect_leq(used(), CAP);
	cr_assert_eq(stat(path, &sb), 0);
	cr_expect_lt(sb.st_size, CAP + 3 * COMMIT_BYTES);
	cr_expect_str_eq(
	    read_row("SELECT count(*) FROM messages WHERE message_id = '<99999@example.net>'"), "1");
}

static uint64_t
used_now(void)
{
	return strtoull(
	    read_row("SELECT (p.page_count - f.freelist_count) * s.page_size FROM pragma_page_count p, "
		     "pragma_freelist_count f, pragma_page_size s"),
	    NULL, 10);
}

/* A cap that was lowered: the old rows go while new ones are written, slice by slice. */
Test(journal_room, a_lower_cap)
{
	uint64_t full = filled(MANY);
	struct journal *j = open_with(full / 4, 0);
	struct journal_stats s;

	for (unsigned n = 0; stats(j).trimmed < MANY / 2; n++) {
		put(j, MANY + n, 1);
		pause_a_little();
	}
	cr_assert(journal_flush(j, LONG));
	while (used_now() > full / 4)
		pause_a_little();
	s = stats(j);
	journal_close(j, LONG);
	cr_expect_leq(used(), full / 4);
	cr_expect_eq((uint64_t)count_messages(), MANY + s.written - s.trimmed);
	cr_expect_eq(s.lost, 0);
}

static atomic_int log_alone;

static void
count_alone(const char *level, const char *line)
{
	(void)level;
	log_alone += strstr(line, "counters and storms alone take more") != NULL;
}

/* Counters are not the journal's to remove: messages go, the rest stays, and the log says so once. */
Test(journal_room, counters_alone_are_above_the_cap)
{
	enum { CAP = 256 << 10 };
	struct record_storm storm = { .id = 5, .state = "open", .last = clock_now().wall };
	struct journal *j = open_with(CAP, 1);
	struct buf blob;

	log_capture(count_alone);
	buf_init(&blob, 0);
	while (blob.len < 2 * CAP)
		buf_str_append(&blob, STR("counters "));
	journal_snapshot(j, 0, 1, &blob);
	journal_storm(j, &storm);
	for (unsigned n = 0; n < 3; n++) {
		put(j, n * 10, 10);
		cr_assert(journal_flush(j, LONG));
	}
	while (stats(j).trimmed < 30 || log_alone == 0)
		pause_a_little();
	put(j, 30, 10);
	cr_assert(journal_flush(j, LONG));
	journal_close(j, LONG);
	cr_expect_eq(log_alone, 1);
	cr_expect_str_eq(read_row("SELECT count(*), sum(length(data)) > 500000 FROM snapshot"), "1|1");
	cr_expect_str_eq(read_row("SELECT count(*) FROM storms"), "1");
}

Test(journal_room, in_memory_too)
{
	struct journal *j =
	    must_open_with((struct store_conf){ .path = (char[]){ ":memory:" }, .max_journal = 1 << 20 },
		(struct journal_hooks){ 0 });

	put(j, 0, MANY);
	cr_assert(journal_flush(j, LONG));
	while (stats(j).trimmed < MANY / 2)
		pause_a_little();
	cr_expect_eq(stats(j).written, MANY);
	journal_close(j, LONG);
}

/* Somebody deletes messages by hand, and not their recipients: ids come again, and the rows below them must
 * not keep all that comes out of the record. */
Test(journal_room, messages_deleted_by_hand)
{
	static const char *const statements[] = { "DELETE FROM message",
		"DELETE FROM message WHERE id % 2 = 0" };
	struct journal *j = open_with(0, 0);
	struct journal_stats s;

	for (unsigned i = 0; i < 2; i++) {
		sqlite3 *db = reader();

		put(j, 0, 300);
		cr_assert(journal_flush(j, LONG));
		must(db, statements[i]);
		sqlite3_close(db);
		put(j, 1000, 301);
		cr_assert(journal_flush(j, LONG));
		cr_expect_str_eq(read_row("SELECT count(*), count(DISTINCT id) FROM messages "
					  "WHERE message_id LIKE '<1___@%'"),
		    "301|301");
		cr_expect_str_eq(
		    read_row("SELECT count(*) FROM recipients WHERE message_id LIKE '<1___@%'"), "602");
		must(db = reader(), "DELETE FROM message; DELETE FROM recipient");
		sqlite3_close(db);
	}
	s = stats(j);
	cr_expect_eq(s.lost, 0);
	cr_expect_eq(s.written, 1202);
	journal_close(j, LONG);
}

/* On 32-bit machines the C library has two of each call that tells of a file's size. */
Test(journal_room, a_file_of_more_than_two_gigabytes)
{
	struct journal *j;

	filled(SLICE);
	cr_assert_eq(truncate(path, (off_t)(UINT64_C(3) << 30)), 0);
	j = by_hand(0);
	cr_expect_not(jdb_moved(&j->db));
	put_away(j);
	cr_expect_eq(count_messages(), SLICE);
}
