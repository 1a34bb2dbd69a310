/* SPDX-License-Identifier: ISC */
/* The keys of the main file: one table, from which -t, stormctl config, the man page and the sample
 * are made or proved. */
#include "config.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/xalloc.h"

/* --- values of a kind of their own ------------------------------------------------------------ */

static void
addresses_fini(struct addresses *a)
{
	for (unsigned i = 0; i < a->n; i++)
		xfree(a->v[i]);
	xfree(a->v);
	*a = (struct addresses){ NULL, 0 };
}

void
config_doors_fini(struct serve_conf *c)
{
	addresses_fini(&c->policy);
	addresses_fini(&c->milter);
	xfree(c->control);
	c->control = NULL;
}

/* The address as the server takes it, owned; NULL with a phrase in `why`. */
static char *
listen_address(struct str word, char *why, size_t why_len)
{
	static const char local[] = "inet:localhost:";
	char *spec = xstr(word), *numeric, reason[CONF_WHY_MAX];
	size_t len = word.n + sizeof("inet:127.0.0.1:");

	if (str_starts(word, str_of(local))) {
		numeric = xmalloc(len);
		snprintf(numeric, len, "inet:127.0.0.1:%s", spec + sizeof(local) - 1);
		xfree(spec);
		spec = numeric;
	}
	if (server_check_address(spec, reason, sizeof(reason)) == 0)
		return spec;
	snprintf(why, why_len, "%s: %s", CONFQ(word), reason);
	xfree(spec);
	return NULL;
}

static int
set_addresses(void *at, struct str value, char *why, size_t why_len)
{
	struct addresses *a = at;
	struct str word;
	char *spec;

	addresses_fini(a);
	while (conf_word(&value, &word)) {
		spec = listen_address(word, why, why_len);
		if (!spec) {
			addresses_fini(a);
			return ERR_SYNTAX;
		}
		a->v = xgrow(a->v, a->n, sizeof(*a->v));
		a->v[a->n++] = spec;
	}
	return 0;
}

static int
set_control(void *at, struct str value, char *why, size_t why_len)
{
	char **control = at;
	struct str word, more;

	xfree(*control);
	*control = NULL;
	if (!conf_word(&value, &word))
		return 0;
	if (conf_word(&value, &more))
		return err_why(ERR_SYNTAX, why, why_len, "one address only");
	if (!str_starts(word, STR("unix:")))
		return err_why(ERR_SYNTAX, why, why_len,
		    "%s: expected unix:/PATH, for only a unix socket tells who asks", CONFQ(word));
	*control = listen_address(word, why, why_len);
	return *control ? 0 : ERR_SYNTAX;
}

static int
set_octal(void *at, struct str value, char *why, size_t why_len)
{
	uint32_t mode = 0;
	bool ok = value.n >= 1 && value.n <= 4;

	for (size_t i = 0; ok && i < value.n; i++) {
		ok = value.p[i] >= '0' && value.p[i] <= '7';
		mode = mode * 8 + (uint32_t)(value.p[i] - '0');
	}
	if (!ok || mode > 0777)
		return err_why(ERR_SYNTAX, why, why_len, "%s is not an octal mode (0 to 0777)", CONFQ(value));
	*(uint32_t *)at = mode;
	return 0;
}

static int
set_hostname(void *at, struct str value, char *why, size_t why_len)
{
	char **hostname = at;

	if (!conf_domain(value) || value.p[0] == '.')
		return err_why(ERR_SYNTAX, why, why_len, "%s is not a host name", CONFQ(value));
	xfree(*hostname);
	*hostname = xstr_lower(value);
	return 0;
}

static int
set_nets(void *at, struct str value, char *why, size_t why_len)
{
	struct netset *set = at;
	struct str word;
	struct net net;

	netset_fini(set);
	while (conf_word(&value, &word)) {
		if (net_parse(word, &net))
			return err_why(ERR_SYNTAX, why, why_len,
			    "%s is not a network (such as 192.0.2.0/24 or 2001:db8::/32)", CONFQ(word));
		netset_add(set, &net);
	}
	return 0;
}

static int
set_domains(void *at, struct str value, char *why, size_t why_len)
{
	struct strset *set = at;
	struct str word;

	strset_fini(set);
	while (conf_word(&value, &word)) {
		if (!conf_domain(word))
			return err_why(ERR_SYNTAX, why, why_len, "%s is not a domain", CONFQ(word));
		strset_add(set, word);
	}
	return 0;
}

static int
set_words(void *at, struct str value, char *why, size_t why_len)
{
	struct strset *set = at;
	struct str word;

	(void)why;
	(void)why_len;
	strset_fini(set);
	while (conf_word(&value, &word))
		strset_add(set, word);
	return 0;
}

/* --- the keys --------------------------------------------------------------------------------- */

static const struct conf_name mode_names[] = { { "shadow", false }, { "enforce", true }, { NULL, 0 } };
static const struct conf_name failure_names[] = { { "pass", false }, { "defer", true }, { NULL, 0 } };
static const struct conf_name privacy_names[] = { { "plain", false }, { "hashed", true }, { NULL, 0 } };
static const struct conf_name log_names[] = {
	{ "syslog", LOG_TO_SYSLOG },
	{ "stderr", LOG_TO_STDERR },
	{ NULL, 0 },
};

#define DAYS(n) ((n) * (int64_t)MS_DAY)
#define KEY(in, key, kind, ...)                                       \
	{                                                             \
		.section = in, .name = key, .type = kind, __VA_ARGS__ \
	}
#define AT(member, ctype) .offset = CONF_AT(struct config, member, ctype)

const struct conf_key config_key_table[] = {
	KEY("server", "mode", CONF_FLAG, AT(enforce, bool), .names = mode_names, .def = "shadow",
	    .help = "The master switch: with shadow no rule acts, each logs what it would have done."),
	KEY("server", "policy", CONF_CALL, AT(serve.policy, struct addresses), .call = set_addresses,
	    .form = "addresses", .def = "",
	    .help = "Where the policy door listens, for Postfix check_policy_service and for Exim."),
	KEY("server", "milter", CONF_CALL, AT(serve.milter, struct addresses), .call = set_addresses,
	    .form = "addresses", .def = "",
	    .help = "Where the milter door listens, for Postfix smtpd_milters and for Sendmail."),
	KEY("server", "control", CONF_CALL, AT(serve.control, char *), .call = set_control, .form = "address",
	    .def = "",
	    .help = "Where stormctl reaches the running daemon: a unix socket with the mode 0660."),
	KEY("server", "socket_mode", CONF_CALL, AT(serve.socket_mode, uint32_t), .call = set_octal,
	    .form = "octal mode", .def = "0666",
	    .help = "File mode of unix sockets; the MTA's processes are another user and must be able to "
		    "connect."),
	KEY("server", "user", CONF_STR, AT(user, char *), .def = "", .no_reload = true,
	    .help =
		"The user that the daemon becomes when it was started as root; empty: it stays who it is."),
	KEY("server", "rules", CONF_STR, AT(rules_path, char *), .def = "rules.conf",
	    .help = "The file with the rules, looked for beside this one."),
	KEY("server", "log", CONF_ENUM, AT(log, enum log_target), .names = log_names, .def = "syslog",
	    .no_reload = true, .help = "Where log lines go."),
	KEY("server", "max_connections", CONF_UINT, AT(serve.max_connections, uint32_t), .def = "4096",
	    .min = 1, .max = 1000000,
	    .help = "Connections of all doors together; each smtpd process of Postfix keeps its own."),
	KEY("server", "idle_timeout", CONF_MSEC, AT(serve.idle_timeout, int64_t), .def = "20m",
	    .min = 10 * MS_SEC, .max = SERVE_IDLE_MAX,
	    .help = "A connection that asks nothing is closed after this time, longer than an MTA keeps it;"
		    " a milter connection in the middle of a message not before two hours."),
	KEY("server", "request_timeout", CONF_MSEC, AT(serve.request_timeout, int64_t), .def = "30s",
	    .min = MS_SEC, .max = MS_HOUR,
	    .help =
		"A request that has begun must be complete within this time; at the milter door that holds"
		" from the header on."),
	KEY("server", "drain", CONF_MSEC, AT(serve.drain, int64_t), .def = "5s", .min = 0, .max = 10 * MS_MIN,
	    .help = "How long a stopping daemon waits for requests that are under way."),
	KEY("store", "path", CONF_STR, AT(store.path, char *), .def = "/var/lib/policyd-storm/storm.db",
	    .no_reload = true,
	    .help = "The SQLite database with journal and storms, of one daemon; :memory: keeps nothing."
		    " Give it from / on: the daemon and stormctl may be started in other folders."),
	KEY("store", "retention", CONF_MSEC, AT(store.retention, int64_t), .def = "45d", .min = MS_HOUR,
	    .max = DAYS(3650), .no_reload = true, .help = "How long messages stay in the journal."),
	KEY("store", "max_journal", CONF_SIZE, AT(store.max_journal, uint64_t), .def = "10G", .min = 16 << 20,
	    .max = (int64_t)1 << 40, .no_reload = true,
	    .help = "Bytes that the database may use; beyond it the oldest messages go before their time."),
	KEY("store", "on_store_failure", CONF_FLAG, AT(store.defer_on_failure, bool), .names = failure_names,
	    .def = "pass", .help = "What happens to mail while the database cannot be written."),
	KEY("store", "max_counters", CONF_UINT, AT(store.max_counters, uint32_t), .def = "1000000",
	    .min = 1000, .max = 100000000, .no_reload = true,
	    .help = "Counters kept in memory; beyond it the oldest goes."),
	KEY("store", "max_queue", CONF_SIZE, AT(store.max_queue, uint64_t), .def = "64M", .min = 64 << 10,
	    .max = (int64_t)16 << 30, .no_reload = true,
	    .help = "What may wait in memory for a slow database; beyond it rows are fetched from the spool "
		    "later."),
	KEY("store", "spool", CONF_STR, AT(spool_dir, char *), .def = "", .no_reload = true,
	    .help = "The folder of what was answered and is not in the database yet; by default path with "
		    ".spool behind it."),
	KEY("store", "max_spool", CONF_SIZE, AT(max_spool, uint64_t), .def = "1G", .min = 1 << 20,
	    .max = (int64_t)1 << 40, .no_reload = true,
	    .help = "Bytes of the spool; beyond it answers go out without being safe from a crash."),
	KEY("store", "ring_dir", CONF_STR, AT(ring_dir, char *), .def = "/dev/shm", .none = true,
	    .no_reload = true,
	    .help = "A folder that the system keeps in memory: what was just answered waits there for the "
		    "spool, so that no answer waits for a disk."),
	KEY("store", "ring", CONF_SIZE, AT(ring, uint64_t), .def = "32M", .min = 64 << 10, .max = 1 << 30,
	    .no_reload = true,
	    .help = "Bytes that may wait there while the spool's disk hangs; one message has at most half."),
	KEY("store", "sync", CONF_MSEC, AT(sync, int64_t), .def = "1s", .min = 0, .max = MS_MIN,
	    .no_reload = true,
	    .help = "How often the spool is forced to the disk: what a power cut may take; a "
		    "killed daemon loses nothing."),
	KEY("store", "privacy", CONF_FLAG, AT(hashed, bool), .names = privacy_names, .def = "plain",
	    .no_reload = true,
	    .help = "How mail addresses stand in journal, storms and spool: as they are, or as keyed "
		    "hashes."),
	KEY("mail", "hostname", CONF_CALL, AT(site.hostname, char *), .call = set_hostname,
	    .form = "host name", .help = "The name under which this machine writes Received lines."),
	KEY("mail", "own_hosts", CONF_CALL, AT(site.own_hosts, struct strset), .call = set_domains,
	    .form = "host names", .def = "",
	    .help = "Further names of our own that stand in Received lines: other MX hosts, filters, the "
		    "mailbox server."),
	KEY("mail", "trusted", CONF_CALL, AT(site.trusted, struct netset), .call = set_nets,
	    .form = "networks", .def = "127.0.0.0/8, ::1",
	    .help = "Own networks: mail from there is outbound."),
	KEY("mail", "relays", CONF_CALL, AT(site.relays, struct netset), .call = set_nets, .form = "networks",
	    .def = "",
	    .help = "Backup MX and forwarders: the client is the one in the Received line that they wrote."),
	KEY("mail", "local_domains", CONF_CALL, AT(site.local_domains, struct strset), .call = set_domains,
	    .form = "domains", .def = "",
	    .help = "Mail to these domains is inbound; .example.org means all that lies below example.org."),
	KEY("mail", "lists", CONF_STR, AT(lists_files, char *), .def = "",
	    .help = "Files that name the mailing lists, looked for beside this one; aliases:FILE reads an "
		    "alias map."),
	KEY("mail", "gateway_markers", CONF_CALL, AT(site.gateway_markers, struct strset), .call = set_words,
	    .form = "words", .def = "mspop3connector.",
	    .help = "What mail gateways that replicate put in front of recipient addresses; storms name "
		    "their hosts."),
};
const unsigned config_key_count = ARRAY_LEN(config_key_table);
