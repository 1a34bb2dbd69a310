/* SPDX-License-Identifier: ISC */
/* One address taken apart: split, brackets, null and system senders. */
#include <criterion/criterion.h>

#include "mail/addr.h"

static void
eq(struct str got, const char *want, const char *what)
{
	cr_expect(str_eq(got, str_of(want)), "%s: got \"%.*s\", want \"%s\"", what, STR_FMT(got), want);
}

Test(addr, split)
{
	static const struct {
		const char *addr, *local, *domain;
	} rows[] = {
		{ "a@b", "a", "b" },
		{ "a@b@c", "a@b", "c" },
		{ "\"a@b\"@c", "\"a@b\"", "c" },
		{ "\"a\\\"@b\"@c", "\"a\\\"@b\"", "c" },
		{ "a@\"b@c\"", "a", "\"b@c\"" },
		{ "\"a@b", "\"a", "b" }, /* quotes that do not close are plain */
		{ "a@[IPv6:::1]", "a", "[IPv6:::1]" },
		{ "@b", "", "b" },
	};
	static const char *const without[] = { "", "a", "a@", "\"a@b\"", "\"a\\\"@b\"", "@", "\"", "\"\\" };
	struct str local, domain;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cr_expect(addr_split(str_of(rows[i].addr), &local, &domain), "%s", rows[i].addr);
		eq(local, rows[i].local, rows[i].addr);
		eq(domain, rows[i].domain, rows[i].addr);
	}
	for (size_t i = 0; i < ARRAY_LEN(without); i++) {
		cr_expect_not(addr_split(str_of(without[i]), &local, &domain), "%s", without[i]);
		eq(local, without[i], without[i]);
		cr_expect_null(domain.p);
	}
	cr_expect_not(addr_split(STR_NONE, &local, &domain));
}

Test(addr, unbracket)
{
	static const char *const rows[][2] = {
		{ "<a@b>", "a@b" },
		{ " < a@b > ", "a@b" },
		{ "a@b", "a@b" },
		{ "<>", "" },
		{ "< >", "" },
		{ "", "" },
		{ "<<a@b>>", "<a@b>" },
		{ "<a@b", "<a@b" },
		{ "a@b>", "a@b>" },
		{ "<", "<" },
		{ "<@x,@y:a@b>", "a@b" },
		{ "@x:a@b", "a@b" },
		{ "<@[IPv6:::1],@y: a@b>", "a@b" },
		{ "<@x>", "@x" },
		{ "<@x,\"a:b\"@c>", "@x,\"a:b\"@c" },
		{ "<a:b@c>", "a:b@c" },
		{ "\r\n\t<a@b>\r\n", "a@b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		eq(addr_unbracket(str_of(rows[i][0])), rows[i][1], rows[i][0]);
	cr_expect_eq(addr_unbracket(STR_NONE).n, 0);
}

Test(addr, null)
{
	static const char *const yes[] = { "", "<>", " <> ", "#@[]", "<#@[]>", "-@[]", "<-@[]>",
		"double-bounce", "double-bounce@mx.example.org", "<Double-Bounce@mx.example.org>" };
	static const char *const no[] = { "a@b", "#@[1]", "double-bounces@x", "x-double-bounce@x",
		"mailer-daemon@x", "postmaster@x", "@", "<<>>" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		cr_expect(addr_is_null(str_of(yes[i])), "%s", yes[i]);
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		cr_expect_not(addr_is_null(str_of(no[i])), "%s", no[i]);
	cr_expect(addr_is_null(STR_NONE));
}

Test(addr, system)
{
	static const char *const yes[] = { "MAILER-DAEMON", "mailer-daemon@mx.example.org", "Postmaster@x",
		"<postmaster@x>", "\"postmaster\"@x", "double-bounce@x", "LISTSERV@x", "majordomo@x",
		"owner-staff@x", "Owner-Staff@x", "staff-request@x", "staff-bounces@x", "staff-owner@x",
		"root@x", "daemon", "bounce-1234-abc@x", "bounces+77-a=b.org@x" };
	static const char *const no[] = { "", "@x", "joe@x", "rooter@x", "-request@x", "joe@owner-list.x",
		"requests@x", "downer-x@x", "daemon.joe@x", "postmaster.joe@x", "mailer-daemons@x",
		"x@mailer-daemon" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		cr_expect(addr_is_system(str_of(yes[i])), "%s", yes[i]);
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		cr_expect_not(addr_is_system(str_of(no[i])), "%s", no[i]);
	cr_expect_not(addr_is_system(STR_NONE));
}
