/* SPDX-License-Identifier: ISC */
/* Storms out of the record: which, in which order, with what. */
#include "store/journal_read.h"

#include "base/err.h"
#include "base/limits.h"
#include "journal_rig.h"

TestSuite(journal_read_storms, .init = set_up, .fini = tear_down, .timeout = 120);

struct seen {
	uint64_t ids[64];
	unsigned n, stop_at;
	bool whole; /* all of them are what put_storm() made */
};

static struct record_storm
storm_of(uint64_t id, const char *state, int64_t last, const struct record_host *hosts, uint32_t n)
{
	return (struct record_storm){
		.id = id,
		.rule = STR("replication"),
		.key_lo = 0xfedcba9876543210u,
		.key_hi = 7,
		.state = state,
		.message_id = STR("<1@x.example>"),
		.subject = STR("caf\xc3\xa9"),
		.sender = STR("s@x.example"),
		.first = 1000,
		.last = last,
		.offered = (uint64_t)1 << 40,
		.passed = 3,
		.stopped = 4,
		.messages = 5,
		.recipients = 4096,
		.hosts = hosts,
		.n_hosts = n,
	};
}

static bool
same(const struct record_storm *s)
{
	return str_eq(s->rule, STR("replication")) && s->key_lo == 0xfedcba9876543210u && s->key_hi == 7 &&
	    str_eq(s->message_id, STR("<1@x.example>")) && str_eq(s->subject, STR("caf\xc3\xa9")) &&
	    str_eq(s->sender, STR("s@x.example")) && s->first == 1000 && s->offered == (uint64_t)1 << 40 &&
	    s->passed == 3 && s->stopped == 4 && s->messages == 5 && s->recipients == 4096;
}

static bool
see(void *arg, const struct record_storm *s)
{
	struct seen *seen = arg;

	cr_assert_lt(seen->n, 64);
	seen->ids[seen->n++] = s->id;
	seen->whole = seen->whole && same(s);
	return seen->n != seen->stop_at;
}

static struct seen
read_all(bool all, uint64_t from, uint64_t to)
{
	struct journal_storms which = { .all = all, .from = from, .to = to };
	struct seen s = { .whole = true };

	cr_assert_eq(journal_each_storm(path, &which, see, &s, why, sizeof(why)), 0, "%s", why);
	return s;
}

static void
expect_ids(struct seen s, const uint64_t *ids, unsigned n)
{
	cr_expect_eq(s.n, n, "%u storms, want %u", s.n, n);
	for (unsigned i = 0; i < n && i < s.n; i++)
		cr_expect_eq(s.ids[i], ids[i], "place %u: %llu", i, (unsigned long long)s.ids[i]);
	cr_expect(s.whole);
}

#define EXPECT(seen, ...) \
	expect_ids(seen, (const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8)

static const struct {
	uint64_t id;
	const char *state;
	int64_t last;
} storms[] = {
	{ 1, "open", 5000 },
	{ 0x100, "remembered", 9000 },
	{ 0x101, "cooling", 7000 },
	{ 0x1ff, "closed", 6000 },
	{ 0x200, "open", 7000 },
	{ INT64_MAX, "open", 1000 },
};

static void
put_storms(void)
{
	struct journal *j = must_open();

	for (size_t i = 0; i < ARRAY_LEN(storms); i++) {
		struct record_storm s = storm_of(storms[i].id, storms[i].state, storms[i].last, NULL, 0);

		journal_storm(j, &s);
	}
	journal_close(j, LONG);
}

Test(journal_read_storms, which_and_in_which_order)
{
	struct journal_storms which = { .all = true, .to = UINT64_MAX };
	struct seen s = { .whole = true, .stop_at = 2 };

	put_storms();
	EXPECT(read_all(false, 0, UINT64_MAX), 0x200, 0x101, 1, INT64_MAX);
	EXPECT(read_all(true, 0, UINT64_MAX), 0x100, 0x200, 0x101, 0x1ff, 1, INT64_MAX);
	EXPECT(read_all(true, 0x100, 0x1ff), 0x100, 0x101, 0x1ff);
	EXPECT(read_all(true, 0x101, 0x101), 0x101);
	EXPECT(read_all(true, INT64_MAX, INT64_MAX), INT64_MAX);
	cr_expect_eq(read_all(true, 2, 0xff).n, 0);
	cr_expect_eq(read_all(true, (uint64_t)INT64_MAX + 1, UINT64_MAX).n, 0, "no id is so high");
	cr_assert_eq(journal_each_storm(path, &which, see, &s, why, sizeof(why)), 0);
	EXPECT(s, 0x100, 0x200);
}

static unsigned hosts_seen;

static bool
see_hosts(void *arg, const struct record_storm *s)
{
	const struct record_host *want = arg;

	hosts_seen = s->n_hosts;
	for (uint32_t i = 0; i < s->n_hosts; i++) {
		cr_expect(str_eq(s->hosts[i].name, want[i].name));
		cr_expect_str_eq(s->hosts[i].how, want[i].how);
		cr_expect_eq(s->hosts[i].copies, want[i].copies);
	}
	return true;
}

Test(journal_read_storms, hosts_up_to_the_cap)
{
	static char names[STORM_HOSTS_MAX + 1][16];
	static struct record_host hosts[STORM_HOSTS_MAX + 1];
	const struct journal_storms which = { .to = UINT64_MAX };

	for (uint32_t i = 0; i < ARRAY_LEN(hosts); i++) {
		snprintf(names[i], sizeof(names[i]), "h%u.example", i);
		hosts[i] = (struct record_host){ str_of(names[i]), i % 2 ? "helo" : "received", 1000 - i };
	}
	for (uint32_t n = 0; n <= ARRAY_LEN(hosts); n += n == 1 ? STORM_HOSTS_MAX - 2 : 1) {
		struct record_storm s = storm_of(5, "open", 1, hosts, n);
		struct journal *j = must_open();

		journal_storm(j, &s);
		journal_close(j, LONG);
		hosts_seen = UINT32_MAX;
		cr_assert_eq(journal_each_storm(path, &which, see_hosts, hosts, why, sizeof(why)), 0);
		cr_expect_eq(
		    hosts_seen, n < STORM_HOSTS_MAX ? n : STORM_HOSTS_MAX, "%u of %u", hosts_seen, n);
	}
}

static bool
delete_others(void *arg, const struct record_storm *s)
{
	sqlite3 *db = reader();

	see(arg, s);
	must(db, "DELETE FROM storm WHERE id <> 256");
	sqlite3_close(db);
	return true;
}

Test(journal_read_storms, one_that_goes_meanwhile)
{
	struct journal_storms which = { .all = true, .to = UINT64_MAX };
	struct seen s = { .whole = true };

	put_storms();
	cr_assert_eq(journal_each_storm(path, &which, delete_others, &s, why, sizeof(why)), 0, "%s", why);
	EXPECT(s, 0x100);
}

Test(journal_read_storms, files_that_are_none)
{
	struct journal_storms which = { .all = true, .to = UINT64_MAX };
	struct seen s = { .n = 0 };
	sqlite3 *db;

	cr_expect_eq(journal_each_storm(path, &which, see, &s, why, sizeof(why)), ERR_NOENT);
	cr_expect_not_null(strstr(why, "No such file"), "%s", why);
	journal_close(must_open(), LONG);
	db = reader();
	must(db, "PRAGMA user_version = 1000");
	sqlite3_close(db);
	cr_expect_eq(journal_each_storm(path, &which, see, &s, why, sizeof(why)), ERR_VERSION);
	db = reader();
	must(db, "PRAGMA application_id = 3");
	sqlite3_close(db);
	cr_expect_eq(journal_each_storm(path, &which, see, &s, why, sizeof(why)), ERR_CORRUPT);
	cr_expect_eq(s.n, 0);
}
