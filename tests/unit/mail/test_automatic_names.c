/* SPDX-License-Identifier: ISC */
/* The names by which mail systems are known, and what is like them. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>

#include "header_rig.h"
#include "mail/automatic.h"
#include "mail/subject.h"

TestSuite(automatic_names, .init = setup, .fini = teardown);

static enum automatic
classify(const char *header)
{
	header_reset(&h);
	header_feed(&h, header, strlen(header));
	header_end(&h);
	return automatic_classify(&h.f, subject_classify(h.f.subject), false, false);
}

static bool
daemon_or_postmaster(const char *from, const char *addr)
{
	return automatic_daemon_from(str_of(from), str_of(addr)) ||
	    automatic_postmaster_from(str_of(from), str_of(addr));
}

static void
check_name(const char *name, bool upper, const char *before, const char *behind, bool address)
{
	char text[200];

	snprintf(text, sizeof(text), "%s%s%s", before, name, behind);
	for (char *c = text; upper && *c; c++)
		*c = (char)toupper((unsigned char)*c);
	cr_expect(daemon_or_postmaster(address ? "" : text, address ? text : "x@y.example"), "%s", text);
}

/* Whatever letter they begin with, in either case, and wherever they stand. */
Test(automatic_names, every_one_is_known)
{
	static const char *const names[] = { "mail delivery system", "mail delivery subsystem",
		"mail delivery service", "mail delivery agent", "mail deliver system", "mail.delivery.system",
		"mailer-daemon", "mailer daemon", "mail daemon", "internet mail delivery",
		"delivery subsystem", "email delivery system", "e-mail delivery system",
		"pmdf e-mail interconnect", "postmaster", "electronic postmaster", "mail administrator",
		"system administrator", "systemadministrator", "mail system", "microsoft exchange",
		"mail router", "interscan mss", "interscan notification",
		"interscan messaging security suite" };
	static const char *const locals[] = { "mailer-daemon", "mailer_daemon", "mailerdaemon", "mail-daemon",
		"maildaemon", "mail.delivery.system", "double-bounce", "postmaster", "post_master",
		"post-master", "mailadmin", "mail-admin", "sysadmin", "mdaemon", "mailmarshal",
		"symantec_antivirus_for_smtp_gateways", "symantec_mail_security_for_smtp",
		"microsoftexchange329e71ec88ae4615bbc36ab6ce41109e" };
	static const char *const around[][2] = { { "", " <x@y.example>" }, { "\" ", "\" <x@y.example>" },
		{ "x@y.example (", ")" }, { " 'x' <x@y.example> ( \"", "\" )" }, { "", "" } };

	for (size_t i = 0; i < ARRAY_LEN(names) * 2; i++)
		for (size_t k = 0; k < ARRAY_LEN(around); k++)
			check_name(names[i / 2], i % 2, around[k][0], around[k][1], false);
	for (size_t i = 0; i < ARRAY_LEN(locals) * 2; i++) {
		check_name(locals[i / 2], i % 2, "", "@y.example", true);
		check_name(locals[i / 2], i % 2, "", "", true);
	}
	for (size_t i = 0; i < ARRAY_LEN(names) * 2; i++)
		check_name(names[i / 2], i % 2, "\"", "\"@y.example", true);
}

Test(automatic_names, others_are_none)
{
	static const char *const others[] = { "", " ", "\"", "\"'\" '", "(", "()", "( \" )", "<", "m", "P",
		"-", "\r", "mail daemo", "mail daemons", "a mail daemon", "\x90ostmaster", "0ostmaster",
		"ystem", "@", "@mailer-daemon", "m@mailer-daemon", "\"mail daemons\"@x", "\"@\"",
		"mail daemon@x" };

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		cr_expect_not(daemon_or_postmaster(others[i], others[i]), "%s", others[i]);
	cr_expect_not(automatic_daemon_from(STR_NONE, STR_NONE));
	/* what stands behind the end does not count */
	cr_expect_not(automatic_daemon_from(str_sub(STR("mail daemon"), 0, 10), STR_NONE));
	cr_expect_not(automatic_daemon_from(STR_NONE, str_sub(STR("mailer-daemon"), 0, 12)));
}

/* fml's mark stands behind a dot in front of the last '@'; with the subject it is enough. */
Test(automatic_names, a_list_server_by_its_message_id)
{
	static const struct {
		const char *id;
		enum automatic want;
	} rows[] = {
		{ "<1.FMLAB@x>", AUTO_BOUNCE },
		{ "<.fml@x>", AUTO_BOUNCE },
		{ "<a..b.FML.c@x>", AUTO_BOUNCE },
		{ "<a@b.FML@x>", AUTO_BOUNCE },
		{ "<1.FMLAB", AUTO_BOUNCE },
		{ "<FML@x>", AUTO_NONE },
		{ "<1.FM@x>", AUTO_NONE },
		{ "<1.FM.L@x>", AUTO_NONE },
		{ "<1@a.FML>", AUTO_NONE },
		{ "<.@x>", AUTO_NONE },
		{ ".", AUTO_NONE },
	};
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text),
		    "From: a@lists.example\nSubject: Ignored not ML article from a@b\nMessage-Id: %s\n",
		    rows[i].id);
		cr_expect_eq(classify(text), rows[i].want, "%s", rows[i].id);
	}
}

Test(automatic_names, who_logs_in_is_a_person)
{
	static const struct {
		const char *header;
		bool null_sender;
		enum automatic want;
	} rows[] = {
		{ "From: Postmaster <postmaster@x.example>\nSubject: Undeliverable mail\n", false,
		    AUTO_NONE },
		{ "From: Postmaster <postmaster@x.example>\nSubject: Undeliverable mail\n", true,
		    AUTO_BOUNCE },
		{ "From: MAILER-DAEMON@x.example\nSubject: failure notice\n", false, AUTO_BOUNCE },
		{ "From: a@x.example\nSubject: Away\nAuto-Submitted: auto-replied\n", false, AUTO_REPLY },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		classify(rows[i].header);
		cr_expect_eq(
		    automatic_classify(&h.f, subject_classify(h.f.subject), rows[i].null_sender, true),
		    rows[i].want, "%zu", i);
	}
	cr_expect_eq(classify(rows[0].header), AUTO_BOUNCE, "nobody logged in");
}
