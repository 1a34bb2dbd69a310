/* SPDX-License-Identifier: ISC */
/*
 * A bounce in whatever words and language names few addresses: whose message it was, whom to ask, and who did
 * not get it. Where no form that is known tells the last, it is the only one whom nothing else explains.
 */
#include "base/utf8.h"
#include "mail/addr.h"
#include "mail/dsn_scan.h"

/* --- addresses anywhere in a line --------------------------------------------------------------------- */

static bool
local_char(char c)
{
	return str_alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

/* What no address begins with, though it might. */
static bool
is_ornament(char c)
{
	return c && strchr("'*-./=?|~`#", c);
}

static bool
domain_char(char c)
{
	return str_alnum(c) || c == '-' || c == '.';
}

/* What stands in front of `at` belongs to the same word. In Shift_JIS, Big5 and GBK the second byte of a
 * letter may look like one of an address: an odd number of bytes, unless they are UTF-8, ends with a first
 * one. In UTF-8 the letters of two bytes are those of Europe, which words go on with. */
static bool
splits_word(struct str line, size_t at)
{
	size_t from = at, odd, n = 1;

	while (from && (unsigned char)line.p[from - 1] >= 0x80)
		from--;
	odd = (at - from) % 2;
	for (; from < at; from += n) {
		n = utf8_len(str_sub(line, from, at));
		if (n == 0)
			return odd;
	}
	return n == 2 && (unsigned char)line.p[at - 2] >= 0xc3;
}

bool
dsn_is_glued(struct str word)
{
	for (size_t i = 0, n; i < word.n; i += n) {
		n = utf8_len(str_sub(word, i, word.n));
		if (n == 0 || n > 2)
			return true;
	}
	return false;
}

/* Behind the escape sequence at `at`; one that begins letters of two bytes (ISO 2022) goes up to the next. */
static size_t
skip_escape(struct str line, size_t at)
{
	enum { ESCAPE = 3 };

	if (at + 1 < line.n && line.p[at + 1] == '$') {
		at++;
		at += str_find(str_sub(line, at, line.n), '\x1b');
	}
	return at + ESCAPE < line.n ? at + ESCAPE : line.n;
}

/* The next address in the line at or behind *at, which goes on behind it; empty: none that can be told. */
static struct str
next_addr(struct str line, size_t *at)
{
	size_t start = *at, mid = *at, end;

	while (mid < line.n && line.p[mid] != '@') {
		bool escape = line.p[mid] == '\x1b', within = local_char(line.p[mid]);

		mid = escape ? skip_escape(line, mid) : mid + 1;
		if (escape || !within)
			start = mid;
	}
	for (end = mid < line.n ? mid + 1 : mid; end < line.n && domain_char(line.p[end]); end++)
		;
	*at = end;
	if (mid == line.n || (start < mid && splits_word(line, start)))
		return STR_NONE;
	while (start < mid && is_ornament(line.p[start]))
		start++;
	while (end > mid && !str_alnum(line.p[end - 1]))
		end--;
	return start < mid ? str_sub(line, start, end) : STR_NONE;
}

struct str
dsn_only_addr(struct str line)
{
	struct str only = STR_NONE;

	for (size_t at = str_find(line, '@') < line.n ? 0 : line.n; at < line.n;) {
		struct str addr = next_addr(line, &at);

		if (addr.n == 0)
			continue;
		if (only.n && !str_ieq(only, addr))
			return STR_NONE;
		only = addr;
	}
	return only;
}

/* --- strangers ---------------------------------------------------------------------------------------- */

/* In front of a word of its own: no "described", "beschreibt" or "verwenden". */
static bool
begins_word(struct str line, const char *word)
{
	struct str w = str_of(word);

	for (size_t at = str_ifind(line, w); at < line.n;
	     at += 1 + str_ifind(str_sub(line, at + 1, line.n), w))
		if (at == 0 || !(str_letter(line.p[at - 1]) || (unsigned char)line.p[at - 1] >= 0x80))
			return true;
	return false;
}

/* Whom to ask, or to write to now, or who knows of it. Words without their letters that are not ASCII, as far
 * as that leaves enough of them; or of which the first may be a capital one. What also tells that a message
 * was lost is no such word: "informamos que", "hiba fordult", "for your information", "bitte antworten",
 * "the mail in question". */
static bool
tells_whom_else(struct str line)
{
	static const char *const words[] = { "contact", "questions", "a question", "any question",
		"e question", "support", "help", "assist", "abuse", "unsubscribe", "delist", "forward it",
		"forward this", "wrote", "admin", "instead", "successor", "taken over", "moved to ",
		"new address", "new e-mail", "new email", "forwarding address", "alternat", "copy of this",
		"powered by", "reported to", "please e-mail", "please email", "please mail", "please call",
		"please notify", "reach us", "can be reached at", "can be reached by", "can be reached under",
		"can be reached via", "in case of", "in doubt", "of doubt", "more inf", "further inf",
		"additional inf", "let us know", "report this", "report it", "postmaster:", "hostmaster",
		"://",
		/* German, Dutch */
		"kontakt", "kontact", "nachfolg", "neue adresse", "hilfe", "fragen", "ansprechpartner",
		"auskunft", "informationen", "bei problem", "bitte an ", "melden sie", "melden an ",
		"melden bei", "melden.", "melde dich", "terecht bij", "meer inf", "meld u ", "meld dit",
		/* French, Spanish, Portuguese, Italian */
		"nouvelle adresse", "renseignement", "d'informat", "d\xe2\x80\x99informat", "en cas de ",
		"nueva direcci", "ayuda", "jase a ", "consulte", "fale com", "contat", "em caso de d",
		"nuovo indirizzo", "aiuto", "in caso di",
		/* the North */
		"v\xc3\xa4nd dig", "v\xe4nd dig", "rgsm\xc3\xa5l", "rgsm\xe5l", "vid fr\xc3\xa5",
		"vid fr\xe5", "r av dig", "mer inf", "mere inf", "lis\xc3\xa4tie", "lis\xe4tie", "yhteystie",
		"ota yhtey", "taa yhtey", "kaa yhtey",
		/* Polish, Czech, Slovak, of the Balkans, Turkish */
		"pomoc", "pyta", "dotaz", "napisz", "napi\xc5\xa1t", "te se na", "te sa na", "obratite",
		"sorular", "fazla bilgi", "g\xc5\x82os", "\xc3\xa1\xc5\xa5te", "obra\xc5\xa5te",
		"ileti\xc5\x9fim",
		/* Greek, Cyrillic */
		"\xcf\x80\xce\xb9\xce\xba\xce\xbf\xce\xb9\xce\xbd\xcf\x89\xce\xbd",
		"\xd0\xb1\xd1\x80\xd0\xb0\xd1\x82\xd0\xb8", "\xd0\xb1\xd1\x80\xd0\xb0\xd1\x89\xd0\xb0",
		"\xd0\xb2\xd1\x8f\xd0\xb6\xd0\xb8\xd1\x82",
		"\xd0\xbe\xd0\xb4\xd0\xb4\xd0\xb5\xd1\x80\xd0\xb6\xd0\xba",
		"\xd0\xbe\xd0\xbf\xd1\x80\xd0\xbe\xd1\x81", "\xd0\xb8\xd1\x88\xd0\xb8\xd1\x82\xd0\xb5",
		"\xd0\xb8\xd1\x88\xd0\xb5\xd1\x82\xd0\xb5", "\xd0\xb8\xd1\x88\xd1\x96\xd1\x82\xd1\x8c",
		"\xd0\xb2\xd0\xb5\xd1\x80\xd1\x82\xd0\xb0\xd0\xb9",
		"\xd0\xb2\xd0\xb5\xd1\x80\xd0\xbd\xd1\x96\xd1\x82\xd1\x8c",
		/* Chinese, Japanese, Korean */
		"\xe8\x81\x94\xe7\xb3\xbb", "\xe8\x81\xaf", "\xe5\x92\xa8\xe8\xaf\xa2",
		"\xe8\xab\xae\xe8\xa9\xa2", "\xe6\xb4\xbd", "\xe5\x95\x8f\xe3\x81\x84",
		"\xe9\x80\xa3\xe7\xb5\xa1", "\xe4\xb8\x8d\xe6\x98\x8e\xe3\x81\xaa\xe7\x82\xb9",
		"\xeb\xac\xb8\xec\x9d\x98", "\xec\x97\xb0\xeb\x9d\xbd" };
	static const char *const begin[] = { "ask ", "write", "informac", "informaz", "informa\xc3\xa7",
		"informa\xe7", "wenden", "schreib", "schrijf", "aide", "adressez", "adresser ",
		"\xc3\xa9"
		"cri",
		"\xc3\x89"
		"cri",
		"\xe9"
		"cri",
		"\xc9"
		"cri",
		"ecriv", "escrib", "dirija", "scriv", "rivolg", "skriv", "henvend", "fordulj" };

	if (HAS_ANY(line, words))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(begin); i++)
		if (begins_word(line, begin[i]))
			return true;
	return false;
}

/* "Von: a@b" and the like. */
static bool
labels_sender(struct str line)
{
	static const struct str names[] = { STR("von"), STR("de"), STR("da"), STR("van"), STR("od"),
		STR("fra"), STR("fr\xc3\xa5n"), STR("fr\xe5n"), STR("\xd0\xbe\xd1\x82"),
		STR("\xd0\x9e\xd1\x82"), STR("kimden") };

	return STR_IEQ_ANY(str_trim(str_sub(line, 0, str_find(line, ':'))), names);
}

bool
dsn_is_aside(struct str line)
{
	static const char *const words[] = { "mail from", "from:", "message-id", "message id", "return-path",
		"sender", "reply", "afzender", "expediteur",
		"exp\xc3\xa9"
		"diteur",
		"exp\xe9"
		"diteur",
		"mittente", "remitente", "remetente", "nadawca", "odes\xc3\xadlatel",
		"\xd1\x82\xd0\xbf\xd1\x80\xd0\xb0\xd0\xb2\xd0\xb8\xd1\x82\xd0\xb5\xd0\xbb",
		"\xe5\x8f\x91\xe4\xbb\xb6\xe4\xba\xba", "\xe5\xaf\x84\xe4\xbb\xb6",
		"\xe5\xb7\xae\xe5\x87\xba\xe4\xba\xba", "\xe9\x80\x81\xe4\xbf\xa1\xe8\x80\x85",
		"\xeb\xb3\xb4\xeb\x82\xb8 \xec\x82\xac\xeb\x9e\x8c",
		"\xeb\xb3\xb4\xeb\x82\xb8\xec\x82\xac\xeb\x9e\x8c" };

	return labels_sender(line) || HAS_ANY(line, words) || tells_whom_else(line);
}

/* Without its addresses, whose names and domains may look like such words. */
static bool
is_aside(struct str line)
{
	char text[MIME_LINE_MAX];
	struct str rest = { text, 0 };

	line = str_sub(line, 0, sizeof(text));
	for (size_t from = 0, at = 0; from < line.n; from = at) {
		struct str addr = next_addr(line, &at);
		size_t to = addr.n ? (size_t)(addr.p - line.p) : at;

		memcpy(text + rest.n, line.p + from, to - from);
		rest.n += to - from;
	}
	return dsn_is_aside(rest);
}

/* "If you need assistance, please call us or send mail to": it goes on below, maybe. */
static bool
breaks_off(struct str line)
{
	enum { FROM = 30 };

	return line.n >= FROM && line.n <= DSN_BEFORE_MAX && str_find(line, '@') == line.n &&
	    !strchr(".:!?-", line.p[line.n - 1]);
}

bool
dsn_goes_on(struct dsn_scan *s, struct str line)
{
	struct str before = { s->before, s->before_n };
	bool begins = (line.p[0] >= 'A' && line.p[0] <= 'Z') || line.p[str_find(line, ' ') - 1] == ':' ||
	    strchr(":-", line.p[line.n - 1]);
	bool asked = before.n && !begins && str_find(line, '@') < line.n && tells_whom_else(before);

	s->before_n = 0;
	if (breaks_off(line)) { /* a line end is a space */
		memcpy(s->before, line.p, line.n);
		s->before[line.n] = ' ';
		s->before_n = line.n + 1;
	}
	return asked;
}

/* "... from <a@b>", "message <1@b>" */
static bool
behind_other(struct str line, struct str addr)
{
	static const struct str words[] = { STR(" from"), STR(" by"), STR("message"), STR(" id") };
	struct str before = str_sub(line, 0, (size_t)(addr.p - line.p));

	while (before.n && strchr(" \t<\"'(=#:", before.p[before.n - 1]))
		before.n--;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_iends(before, words[i]))
			return true;
	return false;
}

static const struct str helpers[] = { STR("abuse"), STR("admin"), STR("administrator"), STR("contact"),
	STR("delist"), STR("edv"), STR("help"), STR("helpdesk"), STR("hostmaster"), STR("hotline"),
	STR("mailadmin"), STR("it"), STR("noc"), STR("noreply"), STR("no-reply"), STR("donotreply"),
	STR("security"), STR("service"), STR("servicedesk"), STR("spam"), STR("support"), STR("webmaster") };

enum { HELPER_MIN = 4 }; /* letters, to be told from what a name happens to end with */

/* "support2@b", "it-team@b", "kundenservice@b"; but not "spampinato@b" nor "judit@b". */
static bool
has_helper(struct str local, struct str helper)
{
	if (str_istarts(local, helper) && (local.n == helper.n || !str_letter(local.p[helper.n])))
		return true;
	return str_iends(local, helper) &&
	    (helper.n >= HELPER_MIN || !str_letter(local.p[local.n - helper.n - 1]));
}

/* "cases@support.b.example"; but not "ann@bag.admin.ch" nor "ann@it.b.example". */
static bool
is_helpers(struct str domain)
{
	size_t dot = str_find(domain, '.');

	return dot >= HELPER_MIN && dot < str_rfind(domain, '.') &&
	    STR_IEQ_ANY(str_sub(domain, 0, dot), helpers);
}

/* Whom a mail system names for questions, and what is no address of a person's. */
static bool
is_help(struct str addr)
{
	struct str local, domain;

	if (!addr_split(addr, &local, &domain) || str_find(local, '=') < local.n ||
	    str_find(local, '/') < local.n)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(helpers); i++)
		if (has_helper(local, helpers[i]))
			return true;
	return is_helpers(domain);
}

static void
keep(struct dsn_scan *s, struct str addr)
{
	struct dsn_strangers *seen = &s->strangers;
	struct str kept;

	seen->more |= seen->n == DSN_STRANGERS_MAX;
	if (seen->more)
		return;
	kept = arena_str(s->arena, addr);
	if (kept.p)
		seen->v[seen->n++] = kept;
}

void
dsn_stranger_line(struct dsn *d, struct str line)
{
	struct dsn_strangers *seen = &d->scan->strangers;
	bool looked = false;

	for (size_t at = str_find(line, '@') < line.n ? 0 : line.n; at < line.n && !seen->more;) {
		struct str addr = next_addr(line, &at);

		if (addr.n == 0 || str_ieq_any(addr, seen->v, seen->n) || !dsn_addr_like(addr) ||
		    is_help(addr) || behind_other(line, addr))
			continue;
		if (!looked && is_aside(line))
			return;
		looked = true;
		keep(d->scan, addr);
	}
}

bool
dsn_is_quoted(struct str line)
{
	return line.p[0] == '>' && !str_starts(line, STR(">>>"));
}

/* What is quoted, or stands below the mark of a signature, is of the message. */
void
dsn_stranger_text(struct dsn *d, struct str line)
{
	struct dsn_scan *s = d->scan;

	s->text_signed |= str_eq(line, STR("--"));
	if (!s->text_signed && !dsn_is_quoted(line))
		dsn_stranger_line(d, line);
}

/* Somebody whose message it was, or who sends the bounce. */
static bool
is_explained(const struct dsn_scan *s, const struct header_facts *h, struct str addr)
{
	const struct str others[] = { h->from_addr, h->reply_to, h->sender_addr, h->return_path,
		s->returned_from, addr_unbracket(h->message_id) };

	return dsn_is_addressee(h, addr) || STR_IEQ_ANY(addr, others);
}

struct str
dsn_only_stranger(const struct dsn *d, const struct header_facts *h)
{
	const struct dsn_scan *s = d->scan;
	struct str only = STR_NONE;

	if (s->strangers.more)
		return STR_NONE;
	for (unsigned i = 0; i < s->strangers.n; i++) {
		if (is_explained(s, h, s->strangers.v[i]) ||
		    str_eq(s->strangers.v[i], addr_unbracket(d->f.returned_id)))
			continue;
		if (only.n)
			return STR_NONE;
		only = s->strangers.v[i];
	}
	return only;
}
