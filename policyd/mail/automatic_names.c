/* SPDX-License-Identifier: ISC */
/* The names by which mail systems and their masters call themselves, in From and in the envelope. */
#include "mail/automatic_names.h"

#include "mail/addr.h"
#include "mail/automatic.h"
#include "mail/words.h"

/* What a From may carry, whole, lower-case. */
struct names {
	const struct str *v;
	size_t n;
	uint32_t begins; /* their first letters: most of what is looked for begins with another one */
};

/* Of either case; what is no letter has the bit of one. */
#define LETTER(c) (1U << ((c)&31))
#define NAMES(rows, letters)                     \
	{                                        \
		rows, ARRAY_LEN(rows), (letters) \
	}

static const struct str daemon_display[] = {
	STR("mail delivery system"),
	STR("mail delivery subsystem"),
	STR("mail delivery service"),
	STR("mail delivery agent"),
	STR("mail deliver system"),
	STR("mail.delivery.system"),
	STR("mailer-daemon"),
	STR("mailer daemon"),
	STR("mail daemon"),
	STR("internet mail delivery"),
	STR("delivery subsystem"),
	STR("email delivery system"),
	STR("e-mail delivery system"),
	STR("pmdf e-mail interconnect"),
};
static const struct names daemon_names =
    NAMES(daemon_display, LETTER('d') | LETTER('e') | LETTER('i') | LETTER('m') | LETTER('p'));

static const struct str daemon_local[] = {
	STR("mailer-daemon"),
	STR("mailer_daemon"),
	STR("mailerdaemon"),
	STR("mail-daemon"),
	STR("maildaemon"),
	STR("mail.delivery.system"),
	STR("double-bounce"),
};
static const struct names daemon_locals = NAMES(daemon_local, LETTER('d') | LETTER('m'));

static const struct str postmaster_display[] = {
	STR("postmaster"),
	STR("electronic postmaster"),
	STR("mail administrator"),
	STR("system administrator"),
	STR("systemadministrator"),
	STR("mail system"),
	STR("microsoft exchange"),
	STR("mail router"),
	STR("interscan mss"),
	STR("interscan notification"),
	STR("interscan messaging security suite"),
};
static const struct names postmaster_names =
    NAMES(postmaster_display, LETTER('e') | LETTER('i') | LETTER('m') | LETTER('p') | LETTER('s'));

static const struct str postmaster_local[] = {
	STR("postmaster"), STR("post_master"), STR("post-master"), STR("mailadmin"), STR("mail-admin"),
	STR("sysadmin"), STR("ndr"), STR("mdaemon"), STR("mailmarshal"),
	STR("symantec_antivirus_for_smtp_gateways"), STR("symantec_mail_security_for_smtp"),
	STR("microsoftexchange329e71ec88ae4615bbc36ab6ce41109e"), /* that of every Exchange since 2007 */
};
static const struct names postmaster_locals =
    NAMES(postmaster_local, LETTER('m') | LETTER('n') | LETTER('p') | LETTER('s'));

static bool
begins(const struct names *names, struct str s)
{
	return s.n && (names->begins & LETTER(s.p[0]));
}

static bool
is_name(const struct names *names, struct str s)
{
	return begins(names, s) && str_ieq_any(s, names->v, names->n);
}

static bool
is_local(const struct names *names, struct str addr)
{
	struct str local, domain;

	if (!begins(names, addr))
		return false;
	addr_split(addr, &local, &domain);
	return is_name(names, local);
}

static inline bool
is_wrapping(char c)
{
	return c == '"' || c == '\'' || str_is_space(c);
}

struct str
automatic_unquote(struct str s)
{
	while (s.n && is_wrapping(s.p[0]))
		s = str_sub(s, 1, s.n);
	while (s.n && is_wrapping(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* "System Administrator"@host: the name as a local part in quotes. */
static bool
is_quoted_local(const struct names *names, struct str addr)
{
	struct str local, domain;

	if (addr.n == 0 || addr.p[0] != '"')
		return false;
	addr_split(addr, &local, &domain);
	return is_name(names, automatic_unquote(local));
}

/* Whether From carries one of the names: in front of "<", or in a comment as Postfix writes it. */
static bool
display_name(struct str from, const struct names *names)
{
	char text[400];
	struct str s = str_find(from, '=') < from.n ? words_decode(from, text, sizeof(text))
						    : str_sub(from, 0, sizeof(text));
	size_t open = str_find(s, '(');

	if (is_name(names, automatic_unquote(str_sub(s, 0, str_find(s, '<')))))
		return true;
	if (open == s.n)
		return false;
	s = str_sub(s, open + 1, s.n);
	return is_name(names, automatic_unquote(str_sub(s, 0, str_find(s, ')'))));
}

bool
automatic_daemon_local(struct str addr)
{
	return is_local(&daemon_locals, addr);
}

bool
automatic_postmaster_local(struct str addr)
{
	return is_local(&postmaster_locals, addr);
}

bool
automatic_daemon_from(struct str from, struct str addr)
{
	return is_local(&daemon_locals, addr) || display_name(from, &daemon_names) ||
	    is_quoted_local(&daemon_names, addr);
}

bool
automatic_postmaster_from(struct str from, struct str addr)
{
	return is_local(&postmaster_locals, addr) || display_name(from, &postmaster_names) ||
	    is_quoted_local(&postmaster_names, addr);
}

bool
automatic_daemon_addr(struct str key)
{
	return str_istarts(key, STR("mail")) && automatic_daemon_from(STR_NONE, key);
}

bool
automatic_mail_system(struct str key)
{
	char first = key.n ? str_lower(key.p[0]) : '\0';

	if (first == 'm')
		return automatic_daemon_addr(key);
	return first == 'p' && str_istarts(key, STR("postmaster@"));
}
