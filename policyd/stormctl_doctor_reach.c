/* SPDX-License-Identifier: ISC */
/* What all MTAs have in common: whose an address is, whether a user can get there, lists of words, and
 * whether both sides mean the same by "us". */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "judge/detect.h"
#include "stormctl_doctor.h"

/* --- words -------------------------------------------------------------------------------------------- */

static bool
between(char c)
{
	return c == ',' || str_is_space(c);
}

bool
doctor_word(struct str *rest, struct str *word, bool *braced)
{
	size_t i = 0, end, depth = 0;
	bool group;

	while (i < rest->n && between(rest->p[i]))
		i++;
	if (i == rest->n)
		return false;
	group = rest->p[i] == '{';
	for (end = i; end < rest->n && (depth || !between(rest->p[end])); end++) {
		depth += rest->p[end] == '{';
		depth -= depth && rest->p[end] == '}';
		if (group && depth == 0)
			break;
	}
	*word = group ? str_trim(str_sub(*rest, i + 1, end)) : str_sub(*rest, i, end);
	*rest = str_sub(*rest, end + group, rest->n);
	if (braced)
		*braced = group;
	return true;
}

bool
doctor_has_word(struct str list, const char *word)
{
	struct str w;

	while (doctor_word(&list, &w, NULL))
		if (str_ieq(w, str_of(word)))
			return true;
	return false;
}

bool
doctor_has_macro(struct str list, const char *name)
{
	struct str word;

	while (doctor_word(&list, &word, NULL))
		if (str_eq(word, str_of(name)))
			return true;
	return false;
}

bool
doctor_has(struct str s, const char *part)
{
	return str_ifind(s, str_of(part)) < s.n;
}

int64_t
doctor_seconds(struct str s)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	int64_t unit = 1;
	uint64_t n;

	for (size_t i = 0; s.n && i < ARRAY_LEN(units); i++)
		if (str_lower(s.p[s.n - 1]) == units[i].letter) {
			unit = units[i].seconds;
			s.n--;
			break;
		}
	return str_u64(s, &n) == 0 && n < INT32_MAX ? (int64_t)n * unit : -1;
}

enum filter_kind
doctor_filter_kind(struct str spec)
{
	/* a scanner that signs too, such as rspamd, may refuse all the same: it comes first */
	static const struct {
		const char *part;
		enum filter_kind kind;
	} known[] = {
		{ "rspamd", FILTER_REFUSES },
		{ ":11332", FILTER_REFUSES },
		{ "clam", FILTER_REFUSES },
		{ "spamass", FILTER_REFUSES },
		{ "spamd", FILTER_REFUSES },
		{ "amavis", FILTER_REFUSES },
		{ "mimedefang", FILTER_REFUSES },
		{ "greylist", FILTER_REFUSES },
		{ "dmarc", FILTER_READS },
		{ ":8893", FILTER_READS },
		{ "spf", FILTER_REFUSES },
		{ "dkim", FILTER_SIGNS },
		{ ":8891", FILTER_SIGNS },
		{ "openarc", FILTER_SIGNS },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (doctor_has(spec, known[i].part))
			return known[i].kind;
	return FILTER_OTHER;
}

/* --- addresses ---------------------------------------------------------------------------------------- */

struct address {
	bool unix_path;
	struct str host; /* or the path */
	struct str port;
};

static bool
address_split(struct str spec, struct address *a)
{
	size_t colon;
	bool six;

	*a = (struct address){ .unix_path = false };
	if (str_cut_front(&spec, STR("unix:")) || str_cut_front(&spec, STR("local:"))) {
		a->unix_path = true;
		a->host = spec;
		return a->host.n > 0;
	}
	six = str_cut_front(&spec, STR("inet6:"));
	if (!six && !str_cut_front(&spec, STR("inet:")))
		return false;
	colon = str_rfind(spec, ':');
	a->host = str_sub(spec, 0, colon);
	a->port = str_sub(spec, colon + 1, spec.n);
	if (str_find(spec, '@') < spec.n) { /* Sendmail: port@host */
		a->port = str_sub(spec, 0, str_find(spec, '@'));
		a->host = str_sub(spec, a->port.n + 1, spec.n);
		if (str_ieq(a->host, STR("localhost"))) /* it looks for an address of that family only */
			a->host = six ? STR("::1") : STR("127.0.0.1");
	}
	return a->port.n > 0;
}

/* Double slashes count as one. */
static bool
path_eq(struct str a, struct str b)
{
	size_t i = 0, j = 0;

	while (i < a.n && j < b.n && a.p[i] == b.p[j]) {
		char c = a.p[i];

		for (i++; c == '/' && i < a.n && a.p[i] == '/';)
			i++;
		for (j++; c == '/' && j < b.n && b.p[j] == '/';)
			j++;
	}
	return i == a.n && j == b.n;
}

static bool
same_file(struct str a, struct str b)
{
	struct stat sa, sb;
	char pa[4096], pb[4096];

	snprintf(pa, sizeof(pa), "%.*s", STR_FMT(a));
	snprintf(pb, sizeof(pb), "%.*s", STR_FMT(b));
	return stat(pa, &sa) == 0 && stat(pb, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* Where our daemon listens; `any`: at all addresses of that family. */
static bool
listens_at(struct str host, struct ip *ip, bool *any)
{
	static const uint8_t zero[sizeof(ip->b)];

	if (ip_parse(str_eq(host, STR("*")) ? STR("0.0.0.0") : host, ip) != 0)
		return false;
	*any = memcmp(ip->b, zero, sizeof(zero)) == 0;
	return true;
}

static bool
same_host(struct str ours, struct str theirs)
{
	struct ip a, b;
	bool any;

	if (!listens_at(ours, &a, &any))
		return false;
	if (str_ieq(theirs, STR("localhost"))) /* of either family: one after the other is tried */
		return any || ip_loopback(&a);
	if (ip_parse(theirs, &b) != 0)
		return true; /* what a name stands for the MTA's resolver knows */
	return a.family == b.family && (any || memcmp(a.b, b.b, sizeof(a.b)) == 0);
}

static bool
address_eq(const struct address *ours, const struct address *theirs)
{
	if (ours->unix_path != theirs->unix_path)
		return false;
	if (ours->unix_path)
		return path_eq(ours->host, theirs->host) || same_file(ours->host, theirs->host);
	return str_eq(ours->port, theirs->port) && same_host(ours->host, theirs->host);
}

static const struct addresses *
addresses_of(const struct doctor *d, enum door_kind door)
{
	return door == POLICY_DOOR ? &d->conf->serve.policy : &d->conf->serve.milter;
}

/* 2: there; 1: the port is ours, the host is not; 0: no */
static int
at_door(const struct addresses *specs, const struct address *theirs)
{
	struct address ours;
	int best = 0;

	for (unsigned i = 0; i < specs->n; i++) {
		if (!address_split(str_of(specs->v[i]), &ours))
			continue;
		if (address_eq(&ours, theirs))
			return 2;
		if (!ours.unix_path && !theirs->unix_path && str_eq(ours.port, theirs->port))
			best = 1;
	}
	return best;
}

/* Is it called like us, the file or the folder that it is in? */
static bool
our_name(const struct address *a)
{
	size_t file = str_rfind(a->host, '/');
	size_t folder = file < a->host.n ? str_rfind(str_sub(a->host, 0, file), '/') : 0;

	return a->unix_path && doctor_has(str_sub(a->host, folder < file ? folder : 0, a->host.n), "storm");
}

enum whose
doctor_whose(const struct doctor *d, enum door_kind door, struct str spec)
{
	enum door_kind other = door == POLICY_DOOR ? MILTER_DOOR : POLICY_DOOR;
	struct address theirs;
	int here;

	if (!address_split(spec, &theirs))
		return NOT_OURS;
	here = at_door(addresses_of(d, door), &theirs);
	if (here == 2)
		return OURS;
	if (at_door(addresses_of(d, other), &theirs) == 2)
		return OURS_OTHER_DOOR;
	return here || our_name(&theirs) ? OURS_MISSED : NOT_OURS;
}

struct str
doctor_unix_path(struct str address)
{
	return str_cut_front(&address, STR("unix:")) ? address : STR_NONE;
}

const char *
doctor_connect_to(struct doctor *d, const char *ours)
{
	struct address a;
	struct ip ip;
	bool any;

	if (!address_split(str_of(ours), &a) || a.unix_path || !listens_at(a.host, &ip, &any) || !any)
		return ours;
	return doctor_text(d, "inet:%s:%.*s", ip.family == 6 ? "[::1]" : "127.0.0.1", STR_FMT(a.port));
}

/* Seen from a chroot in that folder? */
static bool
seen_below(struct str path, struct str folder)
{
	return str_starts(path, folder) && path.n > folder.n && path.p[folder.n] == '/';
}

const char *
doctor_address_in(const struct doctor *d, enum door_kind door, struct str chroot)
{
	const struct addresses *specs = addresses_of(d, door);
	const char *first = NULL;

	/* A socket that is there, rather than one in the spool of an MTA that is not. */
	for (unsigned i = 0; i < specs->n; i++) {
		const char *spec = specs->v[i];
		struct str path = doctor_unix_path(str_of(spec));

		if (path.p && chroot.n && !seen_below(path, chroot))
			continue;
		if (!path.p || access(path.p, F_OK) == 0)
			return spec;
		first = first ? first : spec;
	}
	return first;
}

const char *
doctor_address(const struct doctor *d, enum door_kind door)
{
	return doctor_address_in(d, door, STR_NONE);
}

void
doctor_find_door(struct doctor *d, const char *where, enum door_kind door, const char *more)
{
	const struct addresses *specs = addresses_of(d, door);
	const char *text = door == POLICY_DOOR ? "policy = " : "milter = ";

	for (unsigned i = 0; i < specs->n; i++)
		text = doctor_text(d, "%s%s, ", text, specs->v[i]);
	doctor_find_ours(d, where, "server", doctor_text(d, "%s%s", text, more));
}

/* --- users -------------------------------------------------------------------------------------------- */

bool
doctor_user_find(struct doctor_user *u, const char *name)
{
	const struct passwd *pw = getpwnam(name);

	*u = (struct doctor_user){ .name = name };
	if (!pw)
		return false;
	u->uid = pw->pw_uid;
	u->n_groups = ARRAY_LEN(u->groups);
	if (getgrouplist(name, pw->pw_gid, u->groups, &u->n_groups) < 0)
		u->n_groups = ARRAY_LEN(u->groups); /* the first ones are there */
	return true;
}

/* `want`: permission bits as for others, such as 2 for writing */
static bool
permits(const struct stat *st, const struct doctor_user *u, unsigned want)
{
	if (u->uid == 0)
		return true;
	if (st->st_uid == u->uid)
		return (st->st_mode >> 6 & want) == want;
	for (int i = 0; i < u->n_groups; i++)
		if (u->groups[i] == st->st_gid)
			return (st->st_mode >> 3 & want) == want;
	return (st->st_mode & want) == want;
}

/* The socket, or the folder on the way, that hinders him; NULL: nothing, or it cannot be seen. */
static const char *
hindered(struct doctor *d, const char *path, size_t from, const struct doctor_user *u, bool *missing)
{
	size_t n = strlen(path);
	struct stat st;

	*missing = false;
	for (size_t i = from ? from + 1 : 1; i <= n; i++) {
		const char *part = doctor_text(d, "%.*s", (int)i, path);

		if (path[i] != '/' && path[i] != '\0')
			continue;
		if (stat(part, &st) < 0) {
			*missing = errno == ENOENT || errno == ENOTDIR;
			return *missing ? part : NULL;
		}
		if (path[i] == '/' && !permits(&st, u, 1))
			return part;
		if (path[i] == '\0' && !permits(&st, u, 2))
			return part;
	}
	return NULL;
}

void
doctor_find_socket(struct doctor *d, const char *path, size_t from, const struct doctor_user *u, bool absent)
{
	bool missing;
	const char *at = hindered(d, path, from, u, &missing);
	const char *who = doctor_text(d, "%s: user %s", at ? at : "", u->name);

	if (!at || missing != absent)
		return;
	if (missing)
		doctor_find(d, path, "a shell", "systemctl restart policyd-storm");
	else if (strcmp(at, path) == 0)
		doctor_find_ours(d, who, "server", "socket_mode = 0666");
	else
		doctor_find(d, who, "a shell", doctor_text(d, "chmod o+x %s", at));
}

/* --- who we are --------------------------------------------------------------------------------------- */

void
doctor_hostname(struct doctor *d, struct str name, const char *where)
{
	if (name.n == 0 || site_own_host(&d->conf->site, name))
		return;
	doctor_find_ours(d, doctor_text(d, "%s = %.*s", where, STR_FMT(name)), "mail",
	    doctor_text(d, "hostname = %.*s", STR_FMT(name)));
}

void
doctor_idle(struct doctor *d, const char *where, int64_t seconds)
{
	enum { MOST = SERVE_IDLE_MAX / MS_SEC };

	if (seconds * MS_SEC >= d->conf->serve.idle_timeout)
		doctor_find_ours(d, where, "server",
		    doctor_text(
			d, "idle_timeout = %llds", (long long)(seconds < MOST / 4 ? seconds * 4 : MOST)));
}

const char *
doctor_with_more(struct doctor *d, const char *key, const struct strset *have, const char *more)
{
	const char *text = doctor_text(d, "%s = ", key);

	for (unsigned i = 0; i < have->n; i++)
		text = doctor_text(d, "%s%s, ", text, have->v[i]);
	return doctor_text(d, "%s%s", text, more);
}

/* Names of this machine that no mail from outside is sent to, tables, and other things without a domain. */
static bool
no_domain(struct str word)
{
	return !conf_domain(word) || str_istarts(word, STR("localhost")) ||
	    str_iends(word, STR(".localdomain")) || str_find(word, ':') < word.n ||
	    str_find(word, '/') < word.n || str_find(word, '.') == word.n;
}

void
doctor_domains(struct doctor *d, struct str domains, const char *where)
{
	struct str word;
	const char *more = NULL, *also;
	bool braced;

	while (doctor_word(&domains, &word, &braced)) {
		if (braced || no_domain(word) || site_local_domain(&d->conf->site, word) ||
		    site_own_host(&d->conf->site, word))
			continue;
		also = doctor_copy(d, word);
		if (!more || !doctor_has_word(str_of(more), also))
			more = more ? doctor_text(d, "%s, %s", more, also) : also;
	}
	if (more)
		doctor_find_ours(d, doctor_text(d, "%s: %s", where, more), "mail",
		    doctor_with_more(d, "local_domains", &d->conf->site.local_domains, more));
}

static bool
net_within(const struct netset *set, const struct net *net)
{
	for (unsigned i = 0; i < set->n; i++)
		if (set->nets[i].bits <= net->bits && net_has(&set->nets[i], &net->ip))
			return true;
	return false;
}

/* Loopback and link-local addresses of the machine come by themselves. */
static bool
own_machine(const struct net *net)
{
	const struct ip *ip = &net->ip;

	return ip_loopback(ip) || (ip->family == 6 && ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80);
}

const char *
doctor_net_list(struct doctor *d, const struct netset *t)
{
	const char *text = "";

	for (unsigned i = 0; i < t->n; i++) {
		const uint8_t *b = t->nets[i].ip.b;

		if (t->nets[i].ip.family == 4)
			text = doctor_text(
			    d, "%s%u.%u.%u.%u/%u, ", text, b[0], b[1], b[2], b[3], t->nets[i].bits);
		else
			text = doctor_text(d, "%s%x:%x:%x:%x:%x:%x:%x:%x/%u, ", text, b[0] << 8 | b[1],
			    b[2] << 8 | b[3], b[4] << 8 | b[5], b[6] << 8 | b[7], b[8] << 8 | b[9],
			    b[10] << 8 | b[11], b[12] << 8 | b[13], b[14] << 8 | b[15], t->nets[i].bits);
	}
	return text;
}

/* Ours of Postfix's "[address]/bits", as text. */
static const char *
unbracketed(struct doctor *d, struct str word)
{
	size_t close = str_find(word, ']');

	if (word.n == 0 || word.p[0] != '[' || close >= word.n)
		return doctor_copy(d, word);
	return doctor_text(
	    d, "%.*s%.*s", STR_FMT(str_sub(word, 1, close)), STR_FMT(str_sub(word, close + 1, word.n)));
}

/* "!192.0.2.7, 192.0.2.0/24": ours knows no exceptions, so no network that has one can be named to us. */
static bool
net_has_hole(struct doctor *d, struct str networks, const struct net *net)
{
	struct str word;
	struct net hole;
	bool braced;

	while (doctor_word(&networks, &word, &braced))
		if (!braced && word.n && word.p[0] == '!' &&
		    net_parse(str_of(unbracketed(d, str_sub(word, 1, word.n))), &hole) == 0 &&
		    hole.bits >= net->bits && net_has(net, &hole.ip))
			return true;
	return false;
}

void
doctor_networks(struct doctor *d, struct str networks, const char *where)
{
	const char *more = NULL, *also;
	struct str all = networks, word;
	struct net net;
	bool braced;

	while (doctor_word(&networks, &word, &braced)) {
		also = unbracketed(d, word);
		if (braced || net_parse(str_of(also), &net) != 0 || own_machine(&net) ||
		    net_within(&d->conf->site.trusted, &net) || net_has_hole(d, all, &net))
			continue;
		more = more ? doctor_text(d, "%s, %s", more, also) : also;
	}
	if (more)
		doctor_find_ours(d, doctor_text(d, "%s: %s", where, more), "mail",
		    doctor_text(d, "trusted = %s%s", doctor_net_list(d, &d->conf->site.trusted), more));
}

/* --- rules -------------------------------------------------------------------------------------------- */

bool
doctor_has_rule(const struct doctor *d, const char *detector)
{
	EACH_RULE(d, r)
	if (r->mode != MODE_OFF && strcmp(r->detector->name, detector) == 0)
		return true;
	return false;
}

bool
doctor_does(const struct doctor *d, enum action action)
{
	EACH_RULE(d, r)
	if (r->mode != MODE_OFF && r->action == action)
		return true;
	return false;
}

bool
doctor_brakes(const struct doctor *d)
{
	EACH_RULE(d, r)
	if (r->mode != MODE_OFF && r->brake != BRAKE_OFF)
		return true;
	return false;
}
