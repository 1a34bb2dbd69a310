/* SPDX-License-Identifier: ISC */
/* The normal form of an address. Each known rewriting is one function that either recognises the local part
 * and replaces it (and the domain, for SRS), or leaves all as it is; they run until none applies. */
#include "mail/addr.h"

#include "base/compiler.h"

/* The address being undone: both parts lie in one buffer of the arena, and only ever get shorter. */
struct undo {
	struct str local, domain;
	enum addr_form form;
};

/* Host name with at least two labels. A single trailing dot is no part of it. */
static bool
is_domain(struct str s)
{
	size_t dots = 0;

	if (s.n < 3 || s.n > 255 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool dot = s.p[i] == '.';

		if (!str_alnum(s.p[i]) && !dot && s.p[i] != '-' && s.p[i] != '_' &&
		    (unsigned char)s.p[i] < 0x80)
			return false;
		if (dot && (i == 0 || i + 1 == s.n || s.p[i - 1] == '.'))
			return false;
		dots += dot;
	}
	return dots > 0;
}

/* What signs an address (BATV). */
static bool
is_tag(struct str s)
{
	if (s.n < 4 || s.n > 64)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!str_alnum(s.p[i]))
			return false;
	return true;
}

/* Cuts the piece in front of '=' off *rest; false, and nothing cut, when there is none. */
static bool
cut(struct str *rest, struct str *piece)
{
	size_t at = str_find(*rest, '=');

	if (at == rest->n)
		return false;
	*piece = str_sub(*rest, 0, at);
	*rest = str_sub(*rest, at + 1, rest->n);
	return true;
}

static bool
is_srs_sep(char c)
{
	return c == '=' || c == '+' || c == '-';
}

/* The hash of SRS: some base64, which may hold '+' and '/'. */
static bool
is_srs_hash(struct str s)
{
	if (s.n < 2 || s.n > 64)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!str_alnum(s.p[i]) && s.p[i] != '+' && s.p[i] != '/')
			return false;
	return true;
}

/* Two letters of base32: the day. */
static bool
is_srs_time(struct str s)
{
	if (s.n != 2)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '2' && s.p[i] <= '7')))
			return false;
	return true;
}

/* hash=tt=domain=local */
static bool
srs0_body(struct undo *u, struct str s)
{
	struct str hash, time, domain;

	if (!cut(&s, &hash) || !cut(&s, &time) || !cut(&s, &domain))
		return false;
	if (!is_srs_hash(hash) || !is_srs_time(time) || !is_domain(domain) || s.n == 0)
		return false;
	u->local = s;
	u->domain = domain;
	u->form = ADDR_SRS;
	return true;
}

static bool
undo_srs(struct undo *u)
{
	struct str s = u->local, hash, forwarder;

	if (str_starts(s, STR("srs0")) && s.n > 5 && is_srs_sep(s.p[4]))
		return srs0_body(u, str_sub(s, 5, s.n));
	if (str_starts(s, STR("srs1")) && s.n > 5 && is_srs_sep(s.p[4])) {
		/* hash=forwarder=, then the first forwarder's SRS0 from its separator on */
		s = str_sub(s, 5, s.n);
		return cut(&s, &hash) && is_srs_hash(hash) && cut(&s, &forwarder) && is_domain(forwarder) &&
		    s.n > 1 && is_srs_sep(s.p[0]) && srs0_body(u, str_sub(s, 1, s.n));
	}
	/* Microsoft 365. With any other name in front it lends a mailbox that takes "+detail" any key. */
	return str_starts(s, STR("bounces+srs=")) && srs0_body(u, str_sub(s, 12, s.n));
}

static bool
undo_batv(struct undo *u)
{
	struct str s = u->local, tag;
	size_t slash;

	if (str_starts(s, STR("btv1=="))) {
		s = str_sub(s, 6, s.n);
		if (!cut(&s, &tag) || !is_tag(tag) || s.n < 2 || s.p[0] != '=')
			return false;
		s = str_sub(s, 1, s.n);
	} else if (str_starts(s, STR("prvs=")) || str_starts(s, STR("msprvs1="))) {
		s = str_sub(s, str_find(s, '=') + 1, s.n);
		slash = str_rfind(s, '/');
		if (cut(&s, &tag)) {
			if (!is_tag(tag) || s.n == 0)
				return false;
		} else if (slash > 0 && slash < s.n && is_tag(str_sub(s, slash + 1, s.n))) {
			s = str_sub(s, 0, slash);
		} else {
			return false;
		}
	} else {
		return false;
	}
	u->local = s;
	u->form = ADDR_BATV;
	return true;
}

static bool
reduce(struct undo *u, struct str local)
{
	if (local.n == 0)
		return false;
	u->local = local;
	u->form = ADDR_VERP;
	return true;
}

/* bounce+user==a==domain==list, and ==list==w or the like: what Sympa itself calls list-owner. */
static bool
undo_sympa(struct undo *u, char *buf)
{
	static const struct str owner = STR("-owner");
	struct str s = u->local;
	size_t at, end;

	if (!str_starts(s, STR("bounce+")))
		return false;
	at = str_ifind(s, STR("==a=="));
	if (at == s.n || at == 7)
		return false;
	s = str_sub(s, at + 5, s.n);
	at = str_ifind(s, STR("=="));
	if (at == s.n || !is_domain(str_sub(s, 0, at)))
		return false;
	s = str_sub(s, at + 2, s.n);
	end = str_ifind(s, STR("=="));
	if (end == 0)
		return false;
	/* "bounce+" that goes is longer than "-owner" that comes */
	memmove(buf, s.p, end);
	memcpy(buf + end, owner.p, owner.n);
	return reduce(u, (struct str){ buf, end + owner.n });
}

/* owner-LIST*user**domain, owner-list*user**domain */
static bool
undo_listserv(struct undo *u)
{
	size_t star = str_find(u->local, '*');
	size_t two = str_ifind(u->local, STR("**"));

	if (!str_starts(u->local, STR("owner-")) || star == u->local.n || two == u->local.n ||
	    two <= star + 1)
		return false;
	if (!is_domain(str_sub(u->local, two + 2, u->local.n)))
		return false;
	return reduce(u, str_sub(u->local, 0, star));
}

/* list-return-N-user=dom, list-return-N-: N is the message, or words such as "sc" and a cookie. */
static bool
undo_ezmlm(struct undo *u)
{
	size_t at = str_ifind(u->local, STR("-return-"));

	if (at == 0 || at == u->local.n || at + 8 == u->local.n || !str_digit(u->local.p[at + 8]))
		return false;
	return reduce(u, str_sub(u->local, 0, at + 7));
}

/* list+bnc and a long token: Google Groups. */
static bool
undo_google(struct undo *u)
{
	size_t at = str_ifind(u->local, STR("+bnc"));

	if (at == 0 || at == u->local.n || u->local.n - at < 12)
		return false;
	return reduce(u, str_sub(u->local, 0, at));
}

/* base+user=domain and base-user=domain. The user may hold '-', so it is cut at a word that ends such a base,
 * else at the first '-'. */
static bool
undo_verp(struct undo *u)
{
	static const char *const marks[] = { "-bounces-", "-bounce-", "-errors-", "-owner-", "-return-" };
	struct str s = u->local;
	size_t eq = str_rfind(s, '='), plus = str_find(s, '+'), dash = str_find(s, '-');

	if (eq == s.n || eq == 0 || !is_domain(str_sub(s, eq + 1, s.n)))
		return false;
	if (plus > 0 && plus + 1 < eq)
		return reduce(u, str_sub(s, 0, plus));
	s = str_sub(s, 0, eq);
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		size_t at = str_ifind(s, str_of(marks[i]));

		if (at > 0 && at < s.n)
			return reduce(u, str_sub(s, 0, at + strlen(marks[i]) - 1));
	}
	if (str_starts(s, STR("owner-")))
		dash = 6 + str_find(str_sub(s, 6, s.n), '-');
	return dash > 0 && dash + 1 < eq && reduce(u, str_sub(s, 0, dash));
}

static bool
is_list_owner(struct str local)
{
	static const char *const ends[] = { "-owner", "-request", "-bounces" };

	if (local.n > 6 && str_istarts(local, STR("owner-")))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (local.n > strlen(ends[i]) && str_iends(local, str_of(ends[i])))
			return true;
	return false;
}

/* What a byte of a local part may mean. Most local parts have nothing of it. */
enum {
	IN_QUOTES = 1 << 0, /* stands there in quotes alone */
	REWRITTEN = 1 << 1, /* no rewriting, and nobody's name, does without one of these */
};

static const uint8_t meanings[256] = {
	[0 ... ' '] = IN_QUOTES,
	[0x7f] = IN_QUOTES,
	['('] = IN_QUOTES,
	[')'] = IN_QUOTES,
	['<'] = IN_QUOTES,
	['>'] = IN_QUOTES,
	['['] = IN_QUOTES,
	[']'] = IN_QUOTES,
	[':'] = IN_QUOTES,
	[';'] = IN_QUOTES,
	['@'] = IN_QUOTES,
	['\\'] = IN_QUOTES,
	[','] = IN_QUOTES,
	['"'] = IN_QUOTES,
	['#'] = REWRITTEN,
	['='] = REWRITTEN,
	['+'] = REWRITTEN,
	['-'] = REWRITTEN,
	['*'] = REWRITTEN,
};

static unsigned
meaning(struct str local)
{
	unsigned all = 0;

	for (size_t i = 0; i < local.n; i++)
		all |= meanings[(unsigned char)local.p[i]];
	return all;
}

static bool
is_quoted(struct str local)
{
	return local.n >= 2 && local.p[0] == '"' && local.p[local.n - 1] == '"';
}

/* Quotes around what needs none hide nothing: "joe"@example.org is joe@example.org. */
static struct str
unquote(struct str local)
{
	struct str s = is_quoted(local) ? str_sub(local, 1, local.n - 1) : local;

	if (s.n == 0 || s.p[0] == '.' || s.p[s.n - 1] == '.')
		return local;
	return meaning(s) & IN_QUOTES ? local : s;
}

static struct str
undot(struct str domain)
{
	return domain.n > 1 && domain.p[domain.n - 1] == '.' ? str_sub(domain, 0, domain.n - 1) : domain;
}

static bool
drops_dots(struct str domain)
{
	return str_eq(domain, STR("gmail.com")) || str_eq(domain, STR("googlemail.com"));
}

static void
undo_detail(struct undo *u, char *buf)
{
	size_t plus = str_find(u->local, '+'), n = 0;

	if (is_quoted(u->local))
		return;
	if (plus > 0 && plus < u->local.n)
		u->local.n = plus;
	if (!drops_dots(u->domain))
		return;
	for (size_t i = 0; i < u->local.n; i++)
		if (u->local.p[i] != '.')
			buf[n++] = u->local.p[i];
	if (n)
		u->local = (struct str){ buf, n };
}

/* `buf` has room for the local part; the parts of `u` may lie in it. */
static void
undo_all(struct undo *u, char *buf)
{
	for (int i = 0; i < ADDR_UNDO_MAX; i++)
		if (!undo_srs(u) && !undo_batv(u))
			break;
	if (!is_quoted(u->local) && !undo_sympa(u, buf) && !undo_listserv(u) && !undo_ezmlm(u) &&
	    !undo_google(u) && !undo_verp(u) && is_list_owner(u->local))
		u->form = ADDR_LIST_OWNER;
	undo_detail(u, buf);
}

/* local@domain in the arena, both of which may be pieces of anything. */
static struct str
join(struct arena *a, const struct undo *u)
{
	size_t n = u->local.n + (u->domain.p ? 1 + u->domain.n : 0);
	char *p = arena_alloc(a, n + 1);

	if (!p)
		return STR_NONE;
	if (u->local.n)
		memcpy(p, u->local.p, u->local.n);
	if (u->domain.p) {
		p[u->local.n] = '@';
		memcpy(p + u->local.n + 1, u->domain.p, u->domain.n);
	}
	p[n] = '\0';
	return (struct str){ p, n };
}

/* The parts as one string: `whole` itself where they are all of it. */
static struct str
together(struct arena *a, const struct undo *u, struct str whole)
{
	size_t n = u->local.n + (u->domain.p ? 1 + u->domain.n : 0);

	return u->local.p == whole.p && n == whole.n ? whole : join(a, u);
}

/* The key where it is another one than `plain`. */
static struct str
make_key(struct arena *a, struct undo *u, struct str lower)
{
	char *buf;

	if (addr_is_null(lower)) {
		*u = (struct undo){ STR(""), STR_NONE, ADDR_NULL };
		return join(a, u);
	}
	buf = arena_alloc(a, lower.n + 1);
	if (!buf)
		return STR_NONE;
	undo_all(u, buf);
	return join(a, u);
}

void
addr_normalise(struct arena *a, struct str addr, struct addr_norm *out)
{
	struct undo u = { .domain = STR_NONE };
	struct str lower = arena_lower(a, addr_unbracket(addr));
	unsigned means;

	*out = (struct addr_norm){ .key = STR_NONE, .plain = STR_NONE };
	if (!lower.p)
		return;
	if (addr_split(lower, &u.local, &u.domain))
		u.domain = undot(u.domain);
	else
		u.domain = STR_NONE;
	means = meaning(u.local);
	if (means & IN_QUOTES)
		u.local = unquote(u.local);
	out->plain = out->key = together(a, &u, lower);
	if (means || u.local.n == 0 || drops_dots(u.domain))
		out->key = make_key(a, &u, lower);
	out->form = u.form;
	if (!out->key.p || !out->plain.p)
		*out = (struct addr_norm){ .key = STR_NONE, .plain = STR_NONE };
}

/* The word alone, or with something behind '-', '+' or '_'. */
static bool
is_box(struct str local, struct str word)
{
	char next = local.n > word.n ? local.p[word.n] : '-';

	return str_istarts(local, word) && (next == '-' || next == '+' || next == '_');
}

static bool
is_bounce_box(struct str local)
{
	return is_box(local, STR("bounce")) || is_box(local, STR("bounces"));
}

bool
addr_takes_bounces(const struct addr_norm *norm)
{
	struct str local, detail, domain;

	addr_split(norm->key, &local, &domain);
	if (is_bounce_box(local) || str_iends(local, STR("-bounce")) || str_iends(local, STR("_bounce")) ||
	    str_iends(local, STR("_bounces")))
		return true;
	addr_split(norm->plain, &local, &domain);
	detail = str_sub(local, str_find(local, '+') + 1, local.n);
	return is_box(detail, STR("bounces"));
}

bool
addr_is_system(struct str addr)
{
	static const struct str names[] = { STR("mailer-daemon"), STR("mailerdaemon"), STR("mailer_daemon"),
		STR("mail-daemon"), STR("postmaster"), STR("double-bounce"), STR("listserv"), STR("listproc"),
		STR("majordomo"), STR("sympa"), STR("mailman"), STR("netserv"), STR("root"), STR("daemon"),
		STR("mailer"), STR("sendmail"), STR("mmdf"), STR("uucp"), STR("nuucp"), STR("autoanswer"),
		STR("owner"), STR("request") };
	static const struct str starts[] = { STR("owner-"), STR("mailer-daemon+") };
	static const struct str ends[] = { STR("-owner"), STR("-request"), STR("-bounces"), STR("-relay"),
		STR("-return") };
	struct str local, domain;

	addr_split(addr_unbracket(addr), &local, &domain);
	local = unquote(local);
	if (is_bounce_box(local) || STR_IEQ_ANY(local, names) || STR_ISTARTS_ANY(local, starts))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (local.n > ends[i].n && str_iends(local, ends[i]))
			return true;
	return false;
}
