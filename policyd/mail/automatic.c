/* SPDX-License-Identifier: ISC */
/*
 * Classes of automatic mail. First what a standard states outright (report types, Auto-Submitted); then,
 * since many real bounces follow no standard, points for signs: few suffice alone, most want another.
 */
#include "mail/automatic.h"

#include "mail/addr.h"
#include "mail/automatic_names.h"
#include "mail/words.h"

const char *
automatic_name(enum automatic a)
{
	static const char *const names[] = {
		[AUTO_NONE] = "none",
		[AUTO_BOUNCE] = "bounce",
		[AUTO_REPORT] = "report",
		[AUTO_REPLY] = "auto-reply",
		[AUTO_GENERATED] = "auto-generated",
	};

	return (unsigned)a < ARRAY_LEN(names) ? names[a] : "?";
}

/*
 * Points towards a bounce; enough is BOUNCE_ENOUGH. So: the mail system's own name suffices; postmaster needs
 * the subject of a bounce or a null return path, an ordinary sender both; a subject alone never suffices.
 * Nor does postmaster's name where a person writes.
 */
enum {
	BOUNCE_ENOUGH = 5,
	SIGN_DAEMON_FROM = 5,  /* MAILER-DAEMON@, Mail Delivery Subsystem */
	SIGN_AUTO_FAILURE = 5, /* Auto-Submitted: auto-generated (failure), auto-replied (rejected) */
	SIGN_NDR_MARK = 4,     /* X-MS-Exchange-Message-Is-Ndr and such */
	SIGN_FAILED_RCPTS = 4, /* X-Failed-Recipients */
	SIGN_REPORT_PART = 3,  /* multipart/report that does not say of what */
	SIGN_DAEMON_PATH = 3,  /* Return-Path: <MAILER-DAEMON@...> */
	SIGN_SUBJECT = 3,
	SIGN_SUBJECT_MAYBE = 2,
	SIGN_POSTMASTER = 2,      /* From postmaster@, or without an address */
	SIGN_POSTMASTER_PATH = 2, /* Return-Path: <postmaster@...> */
	SIGN_NULL = 2,            /* null return path; forwarders and vacation programs use it too */
	SIGN_NULL_POSTMASTER = 1, /* on top of both: subjects are in many languages */
	SIGN_LIST_SERVER = 2,     /* a list server's own Message-ID: it gives back what it will not take */
	SIGN_MAILER = 3,          /* X-Mailer of a program that sends such notices only */
	SIGN_REPLIED = 1,         /* Auto-Submitted: auto-replied */
};

/* Fronts of X-Mailer. */
static const struct str notice_mailers[] = {
	STR("surfcontrol e-mail filter"),
	STR("<smtp32 v"),
	STR("m-filter"),
};

/* Fronts of X-Mailer or User-Agent of programs in which people write. */
static const struct str mail_programs[] = {
	STR("mozilla"),
	STR("thunderbird"),
	STR("microsoft outlook"),
	STR("microsoft-macoutlook"),
	STR("apple mail"),
	STR("iphone mail"),
	STR("ipad mail"),
	STR("evolution"),
	STR("mutt"),
	STR("neomutt"),
	STR("kmail"),
	STR("k-9 mail"),
	STR("claws mail"),
	STR("sylpheed"),
	STR("the bat!"),
	STR("alpine"),
	STR("gnus"),
	STR("mu4e"),
	STR("roundcube"),
	STR("squirrelmail"),
	STR("horde"),
	STR("internet messaging program (imp)"),
	STR("zimbra"),
	STR("open-xchange"),
	STR("sogo"),
	STR("cyrus-jmap"),  /* Fastmail */
	STR("webservice/"), /* Yahoo */
	STR("zoho mail"),
	STR("snappymail"),
	STR("rainloop"),
	STR("foxmail "),
	STR("em_client"),
	STR("becky!"),
	STR("mailmate"),
	STR("airmail"),
	STR("geary"),
	STR("mailbird"),
	STR("eudora"),
	STR("qualcomm windows eudora"),
	STR("pegasus mail"),
};

static bool
is_report_part(const struct header_facts *f)
{
	return str_eq(f->content_type, STR("multipart/report"));
}

/* What RFC 3464 and 6533 call a delivery status, in full or as a type of its own. */
static bool
is_dsn(const struct header_facts *f)
{
	return (is_report_part(f) &&
		   (str_eq(f->report_type, STR("delivery-status")) ||
		       str_eq(f->report_type, STR("global-delivery-status")))) ||
	    str_eq(f->content_type, STR("message/delivery-status")) ||
	    str_eq(f->content_type, STR("message/global-delivery-status"));
}

static bool
is_null_path(const struct header_facts *f, bool null_sender)
{
	return null_sender || (f->flags & HDR_NULL_PATH) ||
	    (f->return_path.p && addr_is_null(f->return_path));
}

/* Or of no type, which is the same (RFC 2045 5.2), where all of the header is known. */
static bool
is_text(const struct header_facts *f)
{
	if (f->content_type.n == 0)
		return !(f->flags & (HDR_TRUNCATED | HDR_VALUES));
	return str_starts(f->content_type, STR("text")) ||
	    str_eq(f->content_type, STR("multipart/alternative")) ||
	    str_eq(f->content_type, STR("multipart/related"));
}

/* Called a report. A desk that answers one keeps its subject, with a tag of its own or as it is, and so may
 * who gives one back. But reports answer nothing, and are no text alone; and who answers from the null sender
 * is not answered. */
static bool
is_named_report(const struct header_facts *f, enum subject_kind subject, bool null_sender)
{
	if (is_dsn(f) || f->flags & (HDR_AUTO_FAILURE | HDR_NDR_MARK | HDR_FAILED_RCPTS))
		return false;
	if (subject != SUBJECT_REPORT || f->in_reply_to.p || f->references.p ||
	    str_eq(f->auto_submitted, STR("auto-replied")))
		return false;
	return is_null_path(f, null_sender) || !is_text(f);
}

static bool
is_report(const struct header_facts *f, enum subject_kind subject, bool null_sender)
{
	static const struct str types[] = {
		STR("disposition-notification"),
		STR("global-disposition-notification"),
		STR("feedback-report"),
		STR("tlsrpt"),
	};
	static const struct str parts[] = {
		STR("message/disposition-notification"),
		STR("message/global-disposition-notification"),
		STR("message/feedback-report"),
	};

	if (is_report_part(f) && STR_IEQ_ANY(f->report_type, types))
		return true;
	if (STR_IEQ_ANY(f->content_type, parts) || (f->flags & HDR_TLS_REPORT))
		return true;
	return is_named_report(f, subject, null_sender) || f->flags & HDR_OPT_OUT;
}

/* A message given back by the filter of its recipient has the form of a receipt (RFC 5429 2.2). */
static bool
is_refusal(const struct header_facts *f)
{
	return (f->flags & HDR_AUTO_FAILURE) &&
	    (str_eq(f->report_type, STR("disposition-notification")) ||
		str_eq(f->report_type, STR("global-disposition-notification")));
}

static bool
says_automatic(const struct header_facts *f)
{
	return f->auto_submitted.n && !str_eq(f->auto_submitted, STR("no"));
}

/* In a program for people. Outlook behind Exchange and Gmail do not name themselves: the one numbers its
 * talks, as Exchange's own bounces and Windows' library for scripts do too, the other has a host for such
 * mail alone. What says itself that a machine wrote it may have kept the fields of what it is about. */
static bool
is_written(const struct header_facts *f)
{
	if (says_automatic(f) || is_report_part(f) || f->flags & (HDR_NDR_MARK | HDR_FAILED_RCPTS))
		return false;
	return (f->mailer.n && STR_ISTARTS_ANY(f->mailer, mail_programs)) ||
	    (f->thread_index.n && !str_istarts(f->mailer, STR("Microsoft CDO "))) ||
	    str_iends(f->message_id, STR("@mail.gmail.com>"));
}

/* Whoever is postmaster tells all the others of problems with the mail. */
static bool
is_person(const struct header_facts *f, bool null_sender, bool authenticated)
{
	return !is_null_path(f, null_sender) && !automatic_daemon_local(f->return_path) &&
	    (authenticated || is_written(f));
}

static unsigned
path_points(const struct header_facts *f, bool null_sender)
{
	if (is_null_path(f, null_sender))
		return SIGN_NULL;
	if (!f->return_path.p)
		return 0;
	if (automatic_daemon_local(f->return_path))
		return SIGN_DAEMON_PATH;
	return automatic_postmaster_local(f->return_path) ? SIGN_POSTMASTER_PATH : 0;
}

/* "<20240101.FMLAB12@lists.example>": fml writes it on its own notices only. */
static bool
is_list_server(const struct header_facts *f)
{
	struct str left = str_sub(f->message_id, 0, str_rfind(f->message_id, '@'));
	size_t dot = str_find(left, '.');

	while (dot < left.n) {
		left = str_sub(left, dot + 1, left.n);
		if (str_istarts(left, STR("FML")))
			return true;
		dot = str_find(left, '.');
	}
	return false;
}

/* "", "<>", "Jetmail System <>": it names nobody who could be answered. */
static bool
is_empty_from(const struct header_facts *f)
{
	return f->from.p && f->from_addr.n == 0 && (f->from.n == 0 || str_iends(f->from, STR("<>")));
}

/* "replyTo-Mail1700000000000-1", without brackets: Apache James gives back "Minutes" as "Re: Minutes". */
static bool
is_about_another(const struct header_facts *f, enum subject_kind subject)
{
	return subject == SUBJECT_ANSWER && !str_starts(f->message_id, STR("replyTo-Mail"));
}

/* Last of all: most mail has no other sign, and then this one is none either. */
static unsigned
postmaster_points(const struct header_facts *f, enum subject_kind subject, bool null_sender, unsigned others)
{
	if (others + SIGN_POSTMASTER + SIGN_NULL_POSTMASTER < BOUNCE_ENOUGH || others >= BOUNCE_ENOUGH)
		return 0;
	if (!is_empty_from(f) && !automatic_postmaster_from(f->from, f->from_addr))
		return 0;
	return SIGN_POSTMASTER +
	    (!is_about_another(f, subject) && is_null_path(f, null_sender) ? SIGN_NULL_POSTMASTER : 0);
}

static unsigned
bounce_points(const struct header_facts *f, enum subject_kind subject, bool null_sender, bool person)
{
	static const struct {
		unsigned flag, points;
	} marks[] = {
		{ HDR_MAILER_DAEMON_FROM, SIGN_DAEMON_FROM },
		{ HDR_AUTO_FAILURE, SIGN_AUTO_FAILURE },
		{ HDR_NDR_MARK, SIGN_NDR_MARK },
		{ HDR_FAILED_RCPTS, SIGN_FAILED_RCPTS },
	};
	unsigned points = person ? 0 : path_points(f, null_sender);

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		points += f->flags & marks[i].flag ? marks[i].points : 0;
	if (is_report_part(f) && f->report_type.n == 0)
		points += SIGN_REPORT_PART;
	if (subject == SUBJECT_BOUNCE)
		points += SIGN_SUBJECT;
	if (subject == SUBJECT_BOUNCE_MAYBE)
		points += SIGN_SUBJECT_MAYBE;
	if (is_list_server(f))
		points += SIGN_LIST_SERVER;
	if (str_eq(f->auto_submitted, STR("auto-replied")) && !is_about_another(f, subject))
		points += SIGN_REPLIED;
	if (points && f->mailer.n && STR_ISTARTS_ANY(f->mailer, notice_mailers))
		points += SIGN_MAILER;
	return points + (person ? 0 : postmaster_points(f, subject, null_sender, points));
}

/* Whether something that a person's mail has not speaks for an autoresponder, beside the subject. */
static bool
reply_sign(const struct header_facts *f, bool null_sender)
{
	return path_points(f, null_sender) || f->auto_suppress.n || (f->flags & HDR_INBOX_RULE) ||
	    str_ieq(f->precedence, STR("bulk")) || str_ieq(f->precedence, STR("junk")) || says_automatic(f) ||
	    f->x_loop.n;
}

/* Signs that a person's answer has as well. */
static bool
answer_sign(const struct header_facts *f)
{
	return f->in_reply_to.p || f->references.p || (f->flags & HDR_THREAD_INDEX_REPLY) ||
	    addr_is_system(f->from_addr);
}

/* "joe@mail.example.net" is joe@example.net, whom a recipe names the one way and his host the other. */
static bool
same_person(struct str a, struct str b)
{
	struct str local, domain, local_b, domain_b, longer, shorter;
	size_t more;

	if (!addr_split(a, &local, &domain) || !addr_split(b, &local_b, &domain_b) ||
	    !str_ieq(local, local_b))
		return false;
	longer = domain.n > domain_b.n ? domain : domain_b;
	shorter = domain.n > domain_b.n ? domain_b : domain;
	more = longer.n - shorter.n;
	return shorter.n && str_iends(longer, shorter) && (more == 0 || longer.p[more - 1] == '.');
}

/* procmailex(5): formail -r, "Precedence: junk", and its own address in X-Loop, which keeps it from answering
 * itself. Its subject is the sender's. */
static bool
is_procmail_answer(const struct header_facts *f)
{
	return f->x_loop.n && str_ieq(f->precedence, STR("junk")) && same_person(f->x_loop, f->from_addr) &&
	    (f->in_reply_to.p || f->references.p) && f->mailer.n == 0;
}

/* By what PostfixAdmin's Virtual Vacation and GNARWL know their own answers, which have no other sign. */
static bool
is_marked_answer(const struct header_facts *f)
{
	return str_ieq(f->x_loop, STR("Postfix Admin Virtual Vacation")) || str_ieq(f->mailer, STR("GNARWL"));
}

/* Exchange's out-of-office in whatever language: the rule's mark, and a null path, which mail that a rule
 * forwards has not. qmail's autorespond leaves its name as the address that it was delivered to. */
static bool
is_responder(const struct header_facts *f, enum subject_kind subject, bool null_sender)
{
	if (f->flags & HDR_AUTO_RESPONDER || str_ieq(f->precedence, STR("auto_reply")) ||
	    is_procmail_answer(f) || is_marked_answer(f))
		return true;
	if (f->flags & HDR_INBOX_RULE)
		return subject != SUBJECT_ANSWER && is_null_path(f, null_sender);
	return f->n_delivered_to && str_ieq(f->delivered_to[0], STR("autoresponder"));
}

/* "(Rueckkehr am 04.01.2027)" at the end of a line: three numbers, written as a date is. */
static bool
ends_in_date(struct str line)
{
	enum { DIGITS = 4, MARKS = 2 };
	unsigned digits = 0, marks = 0;

	if (line.n == 0 || line.p[line.n - 1] != ')')
		return false;
	for (size_t i = str_rfind(line, '('); i + 1 < line.n; i++) {
		bool mark = line.p[i] == '.' || line.p[i] == '/' || line.p[i] == '-';

		digits += str_digit(line.p[i]);
		marks += mark && str_digit(line.p[i - 1]) && str_digit(line.p[i + 1]);
	}
	return digits >= DIGITS && marks >= MARKS;
}

/* "AUTO: Joe Bee ist ausser Haus. (Rueckkehr am 04.01.2027)" from Joe Bee: Notes since its release 8, in the
 * language of its user. */
static bool
names_himself(struct str line, struct str name)
{
	static const struct str front = STR("AUTO: ");
	size_t at = str_ifind(line, front);

	if (at == line.n || !str_starts(str_sub(line, at, line.n), front))
		return false;
	line = str_sub(line, at + front.n, line.n);
	return line.n > name.n && str_istarts(line, name) &&
	    (line.p[name.n] == ' ' || line.p[name.n] == '/') && ends_in_date(line);
}

/* "Joe Bee is out of the office." from Joe Bee: Notes before its release 8, whose agent need not leave
 * another sign. Nobody speaks of himself like that. */
static bool
is_own_absence(const struct header_facts *f)
{
	enum { NAME_MIN = 3, LOOK_AT = 400 };
	static const struct str says = STR(" is out of the office.");
	char subject[LOOK_AT], from[LOOK_AT];
	struct str line = str_trim(words_text(str_sub(f->subject, 0, LOOK_AT), subject, sizeof(subject)));
	struct str name = words_text(str_sub(f->from, 0, LOOK_AT), from, sizeof(from));

	name = automatic_unquote(str_sub(name, 0, str_find(name, '<')));
	if (name.n < NAME_MIN)
		return false;
	if (names_himself(line, name))
		return true;
	if (!str_iends(line, says))
		return false;
	line.n -= says.n;
	return str_iends(line, name) && (line.n == name.n || line.p[line.n - name.n - 1] == ' ');
}

/* Something that a bounce writer puts anywhere but in From and envelope. */
static bool
has_bounce_mark(const struct header_facts *f)
{
	enum { MARKS = HDR_MAILER_DAEMON_FROM | HDR_AUTO_FAILURE | HDR_NDR_MARK | HDR_FAILED_RCPTS };

	return (f->flags & MARKS) || is_report_part(f) || is_list_server(f);
}

/* An autoresponder's own mark: the postmaster takes holidays, too. */
static bool
is_marked_reply(const struct header_facts *f, enum subject_kind subject, bool null_sender)
{
	return subject != SUBJECT_BOUNCE && subject != SUBJECT_BOUNCE_MAYBE && !has_bounce_mark(f) &&
	    is_responder(f, subject, null_sender);
}

/* Exchange tells the owners of a mailbox that it is full by the name, and from the null sender, of its
 * bounces. */
static bool
is_quota_notice(const struct header_facts *f, enum subject_kind subject, bool null_sender)
{
	return subject == SUBJECT_QUOTA && !has_bounce_mark(f) && is_null_path(f, null_sender) &&
	    automatic_postmaster_from(f->from, f->from_addr);
}

/* It answers, says that it is of no importance, and wants none: old programs that ask who writes to confirm
 * that say no more. "(Joe Bee via the vacation program)" is that of Solaris. */
static bool
is_unimportant_answer(const struct header_facts *f, bool null_sender)
{
	if (!str_ieq(f->precedence, STR("bulk")) && !str_ieq(f->precedence, STR("junk")))
		return false;
	return ((f->in_reply_to.p || f->references.p) && is_null_path(f, null_sender)) ||
	    str_iends(f->from, STR("via the vacation program)"));
}

static bool
is_auto_reply(const struct header_facts *f, enum subject_kind subject, bool null_sender)
{
	if (is_responder(f, subject, null_sender))
		return true;
	/* A newsletter, an appointment in which somebody will be away: whatever they are called. */
	if (f->flags & (HDR_LIST_UNSUBSCRIBE | HDR_CALENDAR))
		return false;
	if (!says_automatic(f) && is_unimportant_answer(f, null_sender))
		return true;
	if (subject == SUBJECT_AUTO_REPLY_MAYBE)
		return reply_sign(f, null_sender);
	return subject == SUBJECT_AUTO_REPLY_SURE ||
	    (subject == SUBJECT_AUTO_REPLY &&
		(reply_sign(f, null_sender) || answer_sign(f) || is_own_absence(f)));
}

/* Majordomo has no field of its own; these two it writes into each post. */
static bool
is_majordomo(const struct header_facts *f)
{
	return str_ieq(f->precedence, STR("bulk")) && str_istarts(f->sender_addr, STR("owner-"));
}

bool
automatic_is_list(const struct header_facts *f)
{
	return f->list_id.p || (f->flags & (HDR_LIST_POST | HDR_LIST_OTHER)) ||
	    str_ieq(f->precedence, STR("list")) || is_majordomo(f);
}

/* Some mail systems (Domino) leave the fields of the message that they give back in the bounce, and so those
 * of the list. Its return path is none that a list would write. */
static bool
kept_list_fields(const struct header_facts *f, enum subject_kind subject, bool null_sender)
{
	if (subject != SUBJECT_BOUNCE)
		return false;
	if (!is_null_path(f, null_sender) && !automatic_daemon_local(f->return_path))
		return false;
	return is_empty_from(f) || automatic_postmaster_from(f->from, f->from_addr);
}

/* Signs that no person's mail has, whatever list it came through. */
static bool
states_bounce(const struct header_facts *f, enum subject_kind subject, bool null_sender)
{
	return (f->flags & (HDR_MAILER_DAEMON_FROM | HDR_NDR_MARK)) || is_report_part(f) ||
	    is_list_server(f) || kept_list_fields(f, subject, null_sender);
}

enum automatic
automatic_classify(
    const struct header_facts *f, enum subject_kind subject, bool null_sender, bool authenticated)
{
	bool submitted = says_automatic(f);

	if (is_refusal(f))
		return AUTO_BOUNCE;
	/* From Exchange's own name and the null sender, with the subject of whatever it is a copy of. */
	if ((f->flags & HDR_JOURNAL) || is_quota_notice(f, subject, null_sender))
		return AUTO_GENERATED;
	if (is_report(f, subject, null_sender))
		return AUTO_REPORT;
	if (is_dsn(f))
		return AUTO_BOUNCE;
	/* A list's copy is a person's post, whatever it is called; only what it states itself counts. */
	if (automatic_is_list(f) && !submitted && !states_bounce(f, subject, null_sender))
		return AUTO_NONE;
	if (subject != SUBJECT_AUTO_REPLY && subject != SUBJECT_AUTO_REPLY_SURE &&
	    bounce_points(f, subject, null_sender, is_person(f, null_sender, authenticated)) >=
		BOUNCE_ENOUGH &&
	    !is_marked_reply(f, subject, null_sender))
		return AUTO_BOUNCE;
	if (is_report_part(f)) /* of what, its body may tell; nobody writes one by hand */
		return AUTO_REPORT;
	if (str_eq(f->auto_submitted, STR("auto-replied")) || is_auto_reply(f, subject, null_sender))
		return AUTO_REPLY;
	if (submitted || (f->flags & HDR_CRON))
		return AUTO_GENERATED;
	return AUTO_NONE;
}
