/* SPDX-License-Identifier: ISC */
/* Records in line: order, sizes, nothing borrowed, over the ends of blocks. */
#include "store/journal_queue.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(journal_queue, .timeout = 60);

/* A message of n bytes, made up from its number. Nothing of it lives beyond the call. */
static size_t
add(struct queue *q, uint64_t seq, size_t n)
{
	char *bytes = malloc(n ? n : 1);
	struct given g = given_message(seq, (struct str){ bytes, n });

	memset(bytes, (int)(seq & 0xff), n);
	queue_add(q, &g);
	free(bytes);
	return g.size;
}

static void
expect_first(struct queue *q, uint64_t seq, size_t n)
{
	const struct packed *p = q->first;

	cr_assert(p);
	cr_assert_eq(p->seq, seq);
	cr_assert_null(p->storm);
	cr_assert_eq(p->bytes.n, n);
	for (size_t k = 0; k < n; k++)
		cr_assert_eq((unsigned char)p->bytes.p[k], seq & 0xff);
	queue_drop(q);
}

/* From nothing to three blocks at once. */
static size_t
length_of(uint64_t seq)
{
	return seq % 50 == 49 ? 200000 : seq * 7919 % 2000;
}

Test(journal_queue, comes_out_as_it_went_in)
{
	struct queue q = { 0 };
	size_t bytes = 0;

	for (uint64_t seq = 1; seq <= 1000; seq++)
		bytes += add(&q, seq, length_of(seq));
	cr_expect_eq(q.n, 1000);
	cr_expect_eq(q.bytes, bytes);
	for (uint64_t seq = 1; seq <= 1000; seq++)
		expect_first(&q, seq, length_of(seq));
	cr_expect_null(q.first);
	cr_expect_null(q.last);
	cr_expect_eq(q.bytes, 0);
	cr_expect_eq(q.n, 0);
}

Test(journal_queue, in_and_out_by_turns)
{
	struct queue q = { 0 };
	uint64_t in = 0, out = 0;

	for (unsigned round = 0; round < 400; round++) {
		for (unsigned k = 0; k < round % 17; k++, in++)
			add(&q, in, length_of(in));
		for (unsigned k = 0; k < round % 13 && out < in; k++, out++)
			expect_first(&q, out, length_of(out));
	}
	for (; out < in; out++)
		expect_first(&q, out, length_of(out));
	cr_expect_null(q.first);
	queue_fini(&q);
}

Test(journal_queue, one_behind_the_other)
{
	static const unsigned rows[][2] = { { 0, 0 }, { 3, 0 }, { 0, 3 }, { 300, 300 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct queue to = { 0 }, from = { 0 };
		unsigned n = rows[i][0] + rows[i][1];
		size_t bytes = 0;

		for (unsigned seq = 0; seq < n; seq++)
			bytes += add(seq < rows[i][0] ? &to : &from, seq, length_of(seq));
		queue_move(&to, &from);
		cr_expect_null(from.first);
		cr_expect_eq(from.bytes + from.n, 0);
		cr_expect_eq(to.bytes, bytes);
		cr_expect_eq(to.n, n);
		bytes += add(&to, n, 10);
		for (unsigned seq = 0; seq < n; seq++)
			expect_first(&to, seq, length_of(seq));
		expect_first(&to, n, 10);
		add(&from, 1, 1);
		queue_fini(&from);
		queue_fini(&to);
	}
}

Test(journal_queue, a_storm_is_copied_with_all_its_strings)
{
	char name[2][8] = { "mx1", "mx2" }, how[] = "received", state[] = "open", *rule = malloc(5000);
	struct record_host hosts[2] = { { str_of(name[0]), how, 7 }, { str_of(name[1]), NULL, 3 } };
	struct record_storm s = { .seq = 5,
		.id = 9,
		.rule = { rule, 5000 },
		.state = state,
		.subject = STR("Minutes"),
		.hosts = hosts,
		.n_hosts = 2 };
	struct given g;
	struct queue q = { 0 };
	const struct record_storm *got;

	memset(rule, 'r', 5000);
	g = given_storm(&s);
	queue_add(&q, &g);
	memset(name, 0, sizeof(name));
	memset(how, 0, sizeof(how));
	memset(state, 0, sizeof(state));
	memset(rule, 0, 5000);
	memset(hosts, 0, sizeof(hosts));
	free(rule);
	cr_assert(q.first && q.first->storm);
	got = q.first->storm;
	cr_expect_eq(q.first->seq, 5);
	cr_expect_eq(got->id, 9);
	cr_expect_eq(got->rule.n, JOURNAL_TEXT_MAX);
	cr_expect_eq(got->rule.p[JOURNAL_TEXT_MAX - 1], 'r');
	cr_expect(str_eq(got->subject, STR("Minutes")));
	cr_expect_eq(got->sender.n, 0);
	cr_expect_str_eq(got->state, "open");
	cr_assert_eq(got->n_hosts, 2);
	cr_expect(str_eq(got->hosts[0].name, STR("mx1")));
	cr_expect(str_eq(got->hosts[1].name, STR("mx2")));
	cr_expect_str_eq(got->hosts[0].how, "received");
	cr_expect_str_eq(got->hosts[1].how, "");
	cr_expect_eq(got->hosts[1].copies, 3);
	queue_fini(&q);
}

/* What one thread allocated is not for another one to free. */
Test(journal_queue, blocks_go_back_to_where_they_were_made)
{
	struct queue q = { 0 }, other = { 0 };
	const struct queue_block *first, *second;

	add(&q, 1, 120000);
	add(&q, 2, 120000);
	add(&q, 3, 200000);
	first = q.blocks;
	second = q.last_block;
	queue_move(&other, &q);
	add(&other, 4, 1000); /* in the last block, or in one of its own */
	for (uint64_t seq = 1; seq <= 3; seq++)
		expect_first(&other, seq, seq == 3 ? 200000 : 120000);
	expect_first(&other, 4, 1000);
	cr_expect_eq(other.n_spare, 3, "%u", other.n_spare);
	cr_expect_eq(q.n_spare, 0);
	queue_return(&q, &other);
	cr_expect_eq(q.n_spare, 3);
	cr_expect_eq(other.n_spare, 0);
	cr_expect_null(other.spare);
	queue_free(queue_surplus(&q, 2)); /* the large one goes */
	cr_expect_eq(q.n_spare, 2);
	add(&q, 5, 120000);
	cr_expect_eq(q.n_spare, 1, "one is used again");
	cr_expect(q.blocks == first || q.blocks == second || q.spare == first || q.spare == second);
	expect_first(&q, 5, 120000);
	queue_fini(&q);
	queue_fini(&other);
	cr_expect_eq(q.n_spare, 0);
}
