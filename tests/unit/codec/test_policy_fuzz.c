/* SPDX-License-Identifier: ISC */
/*
 * Soups of attributes from a fixed seed, cut at random places: never a crash, every request that ended gets
 * its answer, and what comes out does not depend on where the bytes were cut.
 */
#include "policy_rig.h"

static uint64_t seed = 4711;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

static struct str
pick(const char *const *from, size_t n)
{
	return str_of(from[rnd((uint32_t)n)]);
}

static void
value(struct buf *b)
{
	static const char *const words[] = { "smtpd_access_policy", "RCPT", "DATA", "END-OF-MESSAGE",
		"repairs", "0", "3", "4294967296", "a@x.example", "<>", "<b@x.example>", ", ",
		"\"q,r\"@x.example", "\"", "\\", "=", "<id@x>", " ", "\t", "\r", "\x01", "\xff",
		"VG86IGFAeCxiQHgK", "U3ViamVjdDogeAo=", "QQ", "Re: x", "auto-replied", ";", ":", "(" };

	for (uint32_t n = rnd(4); n > 0; n--)
		buf_str_append(b, pick(words, ARRAY_LEN(words)));
	if (rnd(400) == 0)
		buf_append(b, "", 1);
}

static void
soup(struct buf *b)
{
	static const char *const names[] = { "request", "protocol_state", "protocol_name", "client_address",
		"client_port", "client_name", "reverse_client_name", "server_address", "helo_name",
		"queue_id", "instance", "sasl_username", "policy_context", "sender", "recipients",
		"recipient", "recipient_count", "size", "stress", "tls_sni", "header", "message_id", "date",
		"header_from", "subject", "references", "in_reply_to", "auto_submitted", "list_id",
		"header_recipients", "to_count", "cc_count", "want", "new_name", "" };

	if (rnd(8))
		buf_str_append(b, STR(REQUEST));
	for (uint32_t n = rnd(20); n > 0; n--) {
		struct str name = pick(names, ARRAY_LEN(names) - (rnd(30) != 0));

		buf_str_append(b, name);
		if (rnd(60))
			buf_append(b, "=", 1);
		value(b);
		buf_str_append(b, rnd(4) ? STR("\n") : STR("\r\n"));
	}
	if (rnd(20))
		buf_str_append(b, rnd(4) ? STR("\n") : STR("\r\n"));
}

/* Feeds `in` in parts of up to `most` bytes; all that is understood, and said, goes to `log`. */
static void
run(struct rig *r, struct str in, uint32_t most, struct buf *log)
{
	static const struct verdict hold = { .what = ACT_HOLD, .text = { "x", 1 } };
	enum feed f = FEED_MORE;

	while (f != FEED_BAD && (in.n || r->in.len)) {
		size_t n = most < in.n ? 1 + rnd(most) : in.n;
		bool last = n == in.n;

		buf_append(&r->in, in.p, n);
		in = str_sub(in, n, in.n);
		for (;;) {
			size_t before = r->in.len;

			f = policy_feed(&r->p, &r->in, last, &r->m);
			if (f != FEED_MSG)
				break;
			cr_assert_lt(r->in.len, before);
			cr_assert_eq(r->p.broken, r->p.why != NULL);
			buf_printf(log, "%s\n", r->p.broken ? r->p.why : "fine");
			rig_dump(&r->m, log);
			policy_reply(&r->p, &r->m, &hold, log);
			msg_reset(&r->m);
		}
		cr_assert(f == FEED_MORE || f == FEED_BAD);
		if (f == FEED_BAD)
			buf_printf(log, "bad: %s\n", r->p.why);
		if (last && f == FEED_MORE)
			cr_assert_eq(r->in.len, 0);
	}
}

Test(policy_fuzz, soups_cut_at_random)
{
	unsigned fine = 0;

	for (int round = 0; round < 3000; round++) {
		static const uint32_t most[] = { 1, 7, 100 };
		struct buf in, whole;
		struct rig r;

		buf_init(&in, 0);
		buf_init(&whole, 0);
		for (uint32_t n = 1 + rnd(3); n > 0; n--)
			soup(&in);
		rig_init(&r);
		run(&r, buf_str(&in), UINT32_MAX, &whole);
		rig_fini(&r);
		fine += str_ifind(buf_str(&whole), STR("fine\n")) < whole.len;
		for (size_t i = 0; i < ARRAY_LEN(most); i++) {
			struct buf parts;

			buf_init(&parts, 0);
			rig_init(&r);
			run(&r, buf_str(&in), most[i], &parts);
			cr_assert(str_eq(buf_str(&parts), buf_str(&whole)), "round %d, parts of %u", round,
			    most[i]);
			rig_fini(&r);
			buf_fini(&parts);
		}
		buf_fini(&in);
		buf_fini(&whole);
	}
	cr_assert_gt(fine, 1000, "the soups are too thin: %u of 3000 hold a request that can be used", fine);
}

Test(policy_fuzz, plain_noise)
{
	for (int round = 0; round < 2000; round++) {
		static const char likely[] = "\n\r=a\0,\"<>request";
		struct buf in, log;
		struct rig r;

		buf_init(&in, 0);
		buf_init(&log, 0);
		for (uint32_t n = rnd(400); n > 0; n--) {
			char c = rnd(3) ? likely[rnd(sizeof(likely))] : (char)rnd(256);

			buf_append(&in, &c, 1);
		}
		rig_init(&r);
		run(&r, buf_str(&in), 1 + rnd(50), &log);
		rig_fini(&r);
		buf_fini(&in);
		buf_fini(&log);
	}
}
