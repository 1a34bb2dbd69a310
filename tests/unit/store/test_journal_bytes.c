/* SPDX-License-Identifier: ISC */
/* Packed records on the journal's thread: each row says what its own bytes say, whatever the rows before it
 * said; bytes that are none are dropped alone. */
#include "store/journal.h"

#include <criterion/criterion.h>

#include "base/xalloc.h"
#include "journal_rig.h"

TestSuite(journal_bytes, .init = set_up, .fini = tear_down, .timeout = 120);

/* Texts around the length from which one is no longer short, empty ones, odd ones, the same one again. */
static const char *const texts[] = { "", "a", "a", "", "thirty-one characters, not more",
	"thirty-one characters, not mora", "two and thirty characters, then.",
	"two and thirty characters, thin.", "b\x01", "b?", "b", "\xff", "\xc3\xa9", "", "",
	"a longer one that is followed by its own beginning", "a longer one" };

enum { TEXTS = ARRAY_LEN(texts), ROWS = 2000 };

static const char *
text_of(unsigned n, unsigned column)
{
	return texts[(n / (column + 1) + n * column * 7) % TEXTS];
}

static struct record
made(unsigned n)
{
	struct record r = { .seq = n,
		.time = 1700000000000 + n / 3,
		.door = n % 2 ? "policy" : "milter",
		.kind = "none",
		.size = n / 5,
		.rcpt_count = n % 2,
		.trace = n % 7 ? 0 : UINT64_MAX };

	for (unsigned k = 0; k < RECORD_TEXTS; k++)
		record_set_text(&r, k, str_of(text_of(n, k)));
	return r;
}

static void
put_packed(struct journal *j, const struct record *r)
{
	struct buf b;

	buf_init(&b, 0);
	record_pack(r, &b);
	journal_packed(j, r->seq, buf_str(&b));
	memset(b.data, 0xff, b.cap);
	buf_fini(&b);
}

static const char *
cleaned(const char *text)
{
	return strcmp(text, "b\x01") == 0 ? "b?" : strcmp(text, "\xff") == 0 ? "?" : text;
}

static void
expect_text(sqlite3_stmt *st, int column, const char *want, unsigned n)
{
	cr_assert_str_eq((const char *)sqlite3_column_text(st, column), want, "row %u, column %d", n, column);
}

Test(journal_bytes, each_row_says_its_own)
{
	struct journal *j = must_open();
	sqlite3_stmt *st = NULL;
	sqlite3 *db;
	unsigned n = 0;

	for (n = 1; n <= ROWS; n++) {
		struct record r = made(n);

		if (n % 2)
			put_packed(j, &r);
		else
			journal_message(j, &r);
		if (n % 500 == 0)
			cr_assert(journal_flush(j, LONG));
	}
	journal_close(j, LONG);
	db = reader();
	cr_assert_eq(
	    sqlite3_prepare_v2(db,
		"SELECT queue_id, instance, client_address, client_name, helo, sasl_username, sender, "
		"message_id, thread, header_from, subject, rule, door, kind, time, size, rcpt_count, trace "
		"FROM message ORDER BY id",
		-1, &st, NULL),
	    SQLITE_OK);
	for (n = 1; sqlite3_step(st) == SQLITE_ROW; n++) {
		struct record r = made(n);

		for (unsigned k = 0; k < RECORD_TEXTS; k++)
			expect_text(st, (int)k, cleaned(text_of(n, k)), n);
		expect_text(st, 12, r.door, n);
		expect_text(st, 13, "none", n);
		cr_assert_eq(sqlite3_column_int64(st, 14), r.time);
		cr_assert_eq(sqlite3_column_int64(st, 15), (sqlite3_int64)r.size);
		cr_assert_eq(sqlite3_column_int64(st, 16), r.rcpt_count);
		cr_assert_eq(sqlite3_column_int64(st, 17), (sqlite3_int64)r.trace);
	}
	cr_expect_eq(n, ROWS + 1);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

/* Around what a statement writes at once; the last one alone is more than is kept waiting. */
static const unsigned rcpt_counts[] = { 0, 1, 15, 16, 17, 0, 0, 31, 2, 33, 1, 1, 48, 3, 10000 };

static void
put_to_many(struct journal *j, unsigned n, unsigned n_rcpts)
{
	struct record_rcpt *rcpts = xcalloc(n_rcpts + 1, sizeof(*rcpts));
	char(*addrs)[40] = xcalloc(n_rcpts + 1, sizeof(*addrs)), id[16];
	struct record r = made(n);

	for (unsigned k = 0; k < n_rcpts; k++) {
		snprintf(addrs[k], sizeof(addrs[k]), "m%u-%u@example.org", n, k);
		rcpts[k] = (struct record_rcpt){ str_of(addrs[k]), STR("pass"), OUTCOME_PASSED };
	}
	snprintf(id, sizeof(id), "%u", n);
	r.message_id = str_of(id);
	r.rcpt_count = r.n_rcpts = n_rcpts;
	r.rcpts = rcpts;
	put_packed(j, &r);
	xfree(rcpts);
	xfree(addrs);
}

Test(journal_bytes, recipients_stand_with_their_message)
{
	static const unsigned commits[] = { 1, 15, 16, 17, 2, 31, 32, 33, 100 };
	struct journal *j = must_open();
	unsigned n = 0, total = 0;
	char want[16];

	for (unsigned c = 0; c < ARRAY_LEN(commits); c++) {
		for (unsigned i = 0; i < commits[c]; i++) {
			unsigned n_rcpts = rcpt_counts[n % ARRAY_LEN(rcpt_counts)];

			put_to_many(j, ++n, n_rcpts);
			total += n_rcpts;
		}
		cr_assert(journal_flush(j, LONG));
	}
	journal_close(j, LONG);
	cr_expect_eq(count_messages(), n);
	snprintf(want, sizeof(want), "%u", total);
	cr_expect_str_eq(read_row("SELECT count(*) FROM recipient"), want);
	cr_expect_str_eq(
	    read_row("SELECT count(*) FROM message WHERE id <> CAST(message_id AS INTEGER)"), "0");
	cr_expect_str_eq(read_row("SELECT count(*) FROM message m WHERE rcpt_count <> "
				  "(SELECT count(*) FROM recipient WHERE message = m.id)"),
	    "0");
	cr_expect_str_eq(read_row("SELECT count(*) FROM recipient r JOIN message m ON m.id = r.message "
				  "WHERE r.address <> printf('m%s-%d@example.org', m.message_id, r.n)"),
	    "0");
}

Test(journal_bytes, what_is_no_record_is_dropped_alone)
{
	static const char *const bad[] = { "", "\x01", "\x02 of another version", "noise" };
	struct journal *j = must_open();
	struct record r = made(1);

	for (unsigned n = 1; n <= 3 * ARRAY_LEN(bad); n++) {
		r.seq = n;
		if (n % 3)
			put_packed(j, &r);
		else
			journal_packed(j, n, str_of(bad[n / 3 - 1]));
	}
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(journal_written_seq(j), 3 * ARRAY_LEN(bad));
	cr_expect_eq(stats(j).lost, ARRAY_LEN(bad));
	cr_expect_eq(stats(j).written, 2 * ARRAY_LEN(bad));
	cr_expect(stats(j).healthy, "the database is not at fault");
	cr_expect_eq(count_messages(), 2 * ARRAY_LEN(bad));
	journal_close(j, LONG);
}
