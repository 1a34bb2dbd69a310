/* SPDX-License-Identifier: ISC */
/* The console by itself, and the control socket over socket pairs with a clock of our own. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "codec/control.h"
#include "serve/conn.h"
#include "serve/console.h"

static struct ev_loop *loop;
static struct pool pool;
static struct engine engine;
static struct site site;
static struct rule rule;
static struct ruleset rules = { .v = &rule, .n = 1 };
static struct msg msg;
static struct arena arena;
static struct traits traits;
static struct addr_norm norm;
static struct view view;
static struct console_answer answer;
static struct buf out;
static int peer = -1;
static unsigned n_warn;
static char last_warn[600];
static char received[16 << 20];
static const struct now t0 = { MS_DAY, 1700000000123 };

static void
keep_line(const char *level, const char *line)
{
	if (strcmp(level, "warn") != 0)
		return;
	n_warn++;
	snprintf(last_warn, sizeof(last_warn), "%s", line);
}

static void
setup(void)
{
	log_capture(keep_line);
	site_init(&site);
	rule_init(&rule, detector_find(STR("replication")));
	rule.name = xstrdup("a \"rule\"");
	rule.mode = MODE_SHADOW;
	rule.quiet = MS_HOUR;
	rule.remember = MS_DAY;
	arena_init(&arena, 0);
	msg_init(&msg, &arena, NULL);
	traits = (struct traits){ .client_text = STR("203.0.113.1") };
	norm = (struct addr_norm){ .key = STR("a@x.test"), .plain = STR("a@x.test") };
	view = (struct view){ .msg = &msg, .traits = &traits, .site = &site, .rcpts = &norm };
	engine_init(&engine, 1000);
	engine.rules = &rules;
	engine.site = &site;
	loop = ev_loop_new(EVFLAG_AUTO);
	pool_init(&pool, loop, &engine);
	pool.now = t0;
	pool.idle_timeout = 60000;
	pool.request_timeout = 5000;
	console_init(&pool.console, &engine, t0);
	buf_init(&out, CONSOLE_ANSWER);
}

static void
teardown(void)
{
	pool_fini(&pool, "end of test");
	cr_assert_eq(pool.console.peers, 0);
	if (peer >= 0)
		close(peer);
	ev_loop_destroy(loop);
	console_answer_fini(&answer);
	buf_fini(&out);
	engine_fini(&engine);
	msg_fini(&msg);
	arena_fini(&arena);
	rule_fini(&rule);
	site_fini(&site);
}

TestSuite(console, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(control, .init = setup, .fini = teardown, .timeout = 60);

static struct storm *
storm(uint64_t id, const char *message_id, int64_t age)
{
	struct now then = { t0.mono - age, t0.wall - age };
	struct storm *st;

	msg.header.f.message_id = str_of(message_id);
	st = storms_open(engine.storms, (struct key128){ id, 7 }, &rule, &view, then);
	st->id = id;
	return st;
}

static const char *
ask_as(enum console_right right, const char *line)
{
	struct str words[CONTROL_WORDS_MAX], rest = str_of(line);
	uint32_t n = 0;

	buf_reset(&out);
	while (str_split(&rest, ' ', &words[n]))
		n++;
	console_ask(&pool.console, &answer, right, words, n, t0, &out);
	buf_append(&out, "", 1);
	return buf_str(&out).p;
}

static const char *
ask(const char *line)
{
	return ask_as(CONSOLE_READ, line);
}

Test(console, which_command)
{
	static const char unknown[] = "{\"error\":\"unknown-command\"";
	static const struct {
		const char *line, *begins;
	} t[] = {
		{ "help", "{\"command\":\"help\",\"help\":\"" },
		{ "status", "{\"version\":\"" },
		{ "storms", "\n" },
		{ "storms all", "\n" },
		{ "storm 1", "{\"error\":\"no-such-storm\",\"what\":\"no storm 1\"}\n\n" },
		{ "", unknown },
		{ "Status", unknown },
		{ "statu", unknown },
		{ "status now", unknown },
		{ "storms some", unknown },
		{ "storms all now", unknown },
		{ "storm", unknown },
		{ "storm 1 2", unknown },
		{ "storm ID 2", unknown },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *got = ask(t[i].line);

		cr_expect_eq(strncmp(got, t[i].begins, strlen(t[i].begins)), 0, "%s: %s", t[i].line, got);
		cr_expect_eq(got[out.len - 2], '\n', "%s: ends with an empty line", t[i].line);
	}
}

Test(console, help_tells_every_command)
{
	const char *got = ask("help");

	cr_expect(strstr(got, "\"command\":\"status\""));
	cr_expect(strstr(got, "\"command\":\"storm ID\""));
	cr_expect(strstr(got, "\"command\":\"storms\""));
	cr_expect(strstr(got, "\"command\":\"storms all\""));
}

Test(console, rights)
{
	static const char *const lines[] = { "help", "status", "storms", "storms all", "storm 1" };

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		cr_expect_str_eq(ask_as(CONSOLE_NOTHING, lines[i]),
		    "{\"error\":\"not-permitted\",\"what\":\"not permitted\"}\n\n");
	cr_expect_not(console_pending(&answer));
}

Test(console, status)
{
	const char *got;

	storm(1, "<a>", 0);
	storm(2, "<b>", 2 * MS_HOUR);
	storms_tick(engine.storms, t0, NULL, NULL);
	engine.stats = (struct engine_stats){ 1, 2, 3, 4, 5, 6 };
	pool.console.config = "/etc/main.conf";
	pool.console.started.mono -= 90061001;
	pool.console.started.wall -= 90061001;
	pool.console.connections = 17;
	pool.console.max_connections = 4096;
	pool.console.accepted = pool.console.full = pool.console.broken = 99;
	got = ask("status");
	cr_expect(strstr(got, "\"uptime\":90061.001,\"config\":\"/etc/main.conf\""), "%s", got);
	cr_expect(strstr(got, "\"time\":1700000000.123,\"started\":1699909939.122,"), "%s", got);
	cr_expect(
	    strstr(got,
		"\"mode\":\"shadow\",\"rules_in_force\":1,\"rules\":[{\"name\":\"a \\\"rule\\\"\",\"detect\":"
		"\"replication\",\"mode\":\"shadow\",\"action\":\"discard\"}],"),
	    "%s", got);
	cr_expect(strstr(got,
		      "\"connections\":17,\"max_connections\":4096,\"accepted\":99,\"full\":99,\"broken\":99,"
		      "\"requests\":1,\"messages\":2,"
		      "\"passed\":3,\"stopped\":4,\"degraded\":5,"),
	    "%s", got);
	cr_expect(strstr(got, "\"open\":1,\"cooling\":0,\"remembered\":1,\"opened\":6,"), "%s", got);
	cr_expect(strstr(got, "\"max\":10000,\"displaced\":0}"));
	cr_expect(strstr(got, "\"counters\":{\"entries\":0,\"max\":1000,"));
	cr_expect(strstr(got, "\"journal\":null,\"spool\":null}\n\n"), "%s", got);
	pool.console.enforce = true;
	cr_expect(strstr(ask("status"), "\"mode\":\"enforce\""));
}

Test(console, rules_beyond_the_cap_are_counted)
{
	struct rule *many = xcalloc(CONSOLE_RULES + 1, sizeof(*many));
	struct ruleset rs = { .v = many, .n = CONSOLE_RULES };

	for (unsigned i = 0; i <= CONSOLE_RULES; i++)
		many[i] = rule;
	many[CONSOLE_RULES].name = many[CONSOLE_RULES - 1].name = (char *)"last";
	many[CONSOLE_RULES].action = ACT_REJECT;
	engine.rules = &rs;
	cr_expect(strstr(ask("status"), "\"rules_in_force\":1000,"));
	cr_expect(strstr(buf_str(&out).p, "\"last\"") && rs.n++ == CONSOLE_RULES);
	cr_expect(strstr(ask("status"), "\"rules_in_force\":1001,"));
	cr_expect_not(strstr(buf_str(&out).p, "\"reject\""), "not named");
	many[0].mode = many[1].mode = MODE_OFF;
	cr_expect(strstr(ask("status"), "\"rules_in_force\":999,"));
	xfree(many);
}

Test(console, one_storm)
{
	struct storm *st;

	msg.sender = STR("s@x");
	msg.header.f.subject = STR("\xff\x1b[2J \"q\" \xc3\xa9");
	st = storm(0x0123456789abcdef, "<a@b>", 1000);
	st->offered = 5;
	st->passed = 2;
	st->stopped = 3;
	st->messages = 4;
	st->n_hosts = 2;
	st->hosts = xcalloc(2, sizeof(*st->hosts));
	st->hosts[0] = (struct storm_host){ "pop.x\n", "received", 3 };
	st->hosts[1] = (struct storm_host){ "203.0.113.1", "client", 1 };
	cr_expect_str_eq(ask("storm 0123456789abcdef"),
	    "{\"id\":\"0123456789abcdef\",\"rule\":\"a "
	    "\\\"rule\\\"\",\"state\":\"open\",\"message_id\":\"<a@b>\","
	    "\"subject\":\"\xef\xbf\xbd\\u001b[2J \\\"q\\\" "
	    "\xc3\xa9\",\"sender\":\"s@x\",\"first\":1699999999.123,"
	    "\"last\":1699999999.123,\"offered\":5,\"passed\":2,\"stopped\":3,\"messages\":4,"
	    "\"recipients\":0,\"recipients_at_least\":false,\"key\":\"00000000000000070123456789abcdef\","
	    "\"mode\":\"shadow\",\"closes\":1700003599.123,\"quiet\":3600.000,"
	    "\"remember\":86400.000,\"hosts\":[{\"name\":\"pop.x\\u000a\",\"how\":\"received\",\"copies\":3},"
	    "{\"name\":\"203.0.113.1\",\"how\":\"client\",\"copies\":1}]}\n\n");
	cr_expect(strstr(ask("storms"), "\"host\":\"pop.x\\u000a\"}\n\n"));
	st->n_hosts = 0;
	cr_expect(strstr(ask("storms"), "\"host\":null}\n\n"));
	st->n_rcpts = STORM_RCPTS_MAX - 1;
	cr_expect(strstr(ask("storms"), "\"recipients\":4095,\"recipients_at_least\":false"));
	st->n_rcpts = STORM_RCPTS_MAX;
	cr_expect(strstr(ask("storms"), "\"recipients\":4096,\"recipients_at_least\":true"));
}

Test(console, ids)
{
	static const struct {
		const char *line, *has;
	} t[] = {
		{ "storm 1234000000000001", "<one>" },
		{ "storm 1234000000000002", "<two>" },
		{ "storm 1234", "2 storms have an id that begins with 1234" },
		{ "storm 1", "\"ambiguous\"" },
		{ "storm 7", "<three>" },
		{ "storm 7ABC", "<three>" },
		{ "storm 7abcdef", "<three>" },
		{ "storm 7abd", "\"no-such-storm\"" },
		{ "storm 0", "\"no-such-storm\"" },
		{ "storm 12340000000000010", "\"syntax\"" },
		{ "storm 12g", "\"syntax\"" },
		{ "storm 0x1", "\"syntax\"" },
		{ "storm -1", "\"syntax\"" },
	};

	storm(0x1234000000000001, "<one>", 0);
	storm(0x1234000000000002, "<two>", 0);
	storm(0x7abcdef000000000, "<three>", 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		cr_expect(strstr(ask(t[i].line), t[i].has), "%s: %s", t[i].line, buf_str(&out).p);
}

Test(console, open_ones_or_all_of_them)
{
	const char *got, *one, *two;

	storm(1, "<oldest>", 3 * MS_HOUR);
	storm(2, "<older>", MS_MIN);
	storm(3, "<newest>", 0);
	storms_tick(engine.storms, t0, NULL, NULL);
	got = ask("storms");
	one = strstr(got, "<newest>");
	two = strstr(got, "<older>");
	cr_expect(one && two && one < two, "seen last first: %s", got);
	cr_expect_not(strstr(got, "<oldest>"));
	got = ask("storms all");
	cr_expect(strstr(got, "<oldest>") > strstr(got, "<older>"), "%s", got);
	cr_expect(strstr(strstr(got, "<older>"), "\"state\":\"remembered\""));
	cr_expect_not(console_pending(&answer));
}

/* As large as they can be: in portions, each within the room; those that go meanwhile are left out. */
Test(console, ten_thousand_storms_in_portions)
{
	static char name[STORM_TEXT_LEN], seen[STORMS_MAX];
	size_t most = 0, portions = 0;
	unsigned n = 0;

	memset(name, '\x01', sizeof(name) - 1);
	msg.header.f.subject = msg.sender = str_of(name);
	for (unsigned i = 0; i < STORMS_MAX; i++)
		storm(i, name, 0);
	for (ask("storms"); out.len; portions++) {
		struct str rest = buf_str(&out), line;

		cr_assert_not(out.failed);
		most = out.len > most ? out.len : most;
		while (str_split(&rest, '\n', &line)) {
			size_t id = 0;

			if (line.n < 20 || line.p[0] != '{')
				continue;
			for (int k = 7; k < 23; k++)
				id = id * 16 +
				    (size_t)(line.p[k] <= '9' ? line.p[k] - '0' : line.p[k] - 'a' + 10);
			cr_assert(id < STORMS_MAX && !seen[id]);
			seen[id] = 1;
			n++;
		}
		if (portions == 1) /* the ten that were to come last make room for others */
			for (unsigned i = 0; i < 10; i++)
				storm(STORMS_MAX + i, "<new>", 0);
		buf_reset(&out);
		if (console_pending(&answer))
			console_more(&pool.console, &answer, &out);
	}
	cr_assert_eq(n, STORMS_MAX - 10);
	cr_assert_leq(most, CONSOLE_PORTION + 6 * 4 * STORM_TEXT_LEN + 1024);
	cr_assert_gt(portions, 1000);
}

Test(console, the_largest_storm_fits)
{
	static char name[STORM_HOST_LEN];
	struct storm *st = storm(1, "<a>", 0);

	memset(name, '\x01', sizeof(name) - 1);
	memset(st->message_id, '\x01', sizeof(st->message_id) - 1);
	memset(st->subject, '\x01', sizeof(st->subject) - 1);
	memset(st->sender, '\x01', sizeof(st->sender) - 1);
	st->n_hosts = STORM_HOSTS_MAX;
	st->hosts = xcalloc(STORM_HOSTS_MAX, sizeof(*st->hosts));
	for (unsigned i = 0; i < STORM_HOSTS_MAX; i++) {
		memcpy(st->hosts[i].name, name, sizeof(name));
		st->hosts[i].how = "gateway-marker";
		st->hosts[i].copies = UINT64_MAX;
	}
	ask("storm 0000000000000001");
	cr_assert_not(out.failed);
	cr_assert(out.len > 50000 && out.len < CONSOLE_ANSWER / 2, "%zu", out.len);
}

/* --- over a socket -------------------------------------------------------------------------------------- */

static int
dial(void)
{
	int fd[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	conn_new(&pool, &ep_control, fd[1], NULL, 0);
	return fd[0];
}

static void
turn(void)
{
	for (int i = 0; i < 6; i++) {
		ev_run(loop, EVRUN_NOWAIT);
		while (pool_turn(&pool))
			;
	}
}

static void
say(const void *p, size_t n)
{
	cr_assert_eq(write(peer, p, n), (ssize_t)n);
	turn();
}

#define SAY(text) say(text, sizeof(text) - 1)

/* All there is; -1: closed. */
static ssize_t
hear(int fd)
{
	ssize_t n = 0, got;

	for (;;) {
		got = read(fd, received + n, sizeof(received) - 1 - (size_t)n);
		if (got <= 0)
			break;
		n += got;
		turn();
	}
	received[n] = '\0';
	return n ? n : got == 0 ? -1 : 0;
}

static void
later(int64_t ms)
{
	pool.now.mono += ms;
	pool.now.wall += ms;
	pool_tick(&pool);
	turn();
}

Test(control, questions_one_after_the_other)
{
	peer = dial();
	SAY("status\nstorms\nno\n");
	hear(peer);
	cr_assert(
	    strstr(received, "\"connections\":1,\"max_connections\":0,\"accepted\":1,"), "%s", received);
	cr_assert(strstr(received, "\"journal\":null,\"spool\":null}\n\n\n{\"error\":\"unknown-command\""),
	    "%s", received);
	SAY("he");
	cr_assert_eq(hear(peer), 0);
	SAY("lp\r\n");
	cr_assert_gt(hear(peer), 100);
	shutdown(peer, SHUT_WR);
	turn();
	cr_assert_eq(hear(peer), -1);
	cr_assert_eq(n_warn, 0);
}

Test(control, half_close_gets_the_whole_answer)
{
	for (unsigned i = 0; i < 2000; i++)
		storm(i, "<a>", 0);
	peer = dial();
	cr_assert_eq(write(peer, "storms\n", 7), 7);
	shutdown(peer, SHUT_WR);
	turn();
	cr_assert_gt(hear(peer), 2000 * 200);
	cr_assert_str_eq(received + strlen(received) - 3, "}\n\n");
	cr_assert_eq(hear(peer), -1);
}

Test(control, hostile_lines)
{
	static char long_line[CONTROL_LINE_MAX + 1];
	static const struct {
		struct str bytes;
		bool end;
		const char *what;
	} t[] = {
		{ { long_line, sizeof(long_line) }, false, "reason=broken" },
		{ STR("sta\0tus\n"), false, "reason=broken" },
		{ STR("1 2 3 4 5 6 7 8 9\n"), false, "reason=broken" },
		{ STR("status"), true, "reason=cut" },
	};

	memset(long_line, 'x', sizeof(long_line));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		n_warn = 0;
		peer = dial();
		say(t[i].bytes.p, t[i].bytes.n);
		if (t[i].end)
			shutdown(peer, SHUT_WR);
		turn();
		cr_expect_eq(hear(peer), -1, "row %zu: closed without an answer", i);
		cr_expect_eq(n_warn, 1, "row %zu: one line in the log", i);
		cr_expect(strstr(last_warn, "closed door=control peer=unix:") && strstr(last_warn, t[i].what),
		    "row %zu: %s", i, last_warn);
		close(peer);
	}
	peer = dial();
	long_line[CONTROL_LINE_MAX] = '\n';
	say(long_line, sizeof(long_line));
	hear(peer);
	cr_expect(strstr(received, "unknown-command"), "a line at the cap is a line");
}

Test(control, a_line_that_does_not_end)
{
	peer = dial();
	SAY("stat");
	later(4999);
	cr_assert_eq(n_warn, 0);
	later(1);
	cr_assert_eq(hear(peer), -1);
	cr_assert(strstr(last_warn, "reason=slow"), "%s", last_warn);
}

/* Holds a portion and the kernel's buffer, not the storms; goes after request_timeout. */
Test(control, a_reader_that_never_reads)
{
	const struct conn *c;

	for (unsigned i = 0; i < STORMS_MAX; i++)
		storm(i, "<a>", 0);
	peer = dial();
	SAY("storms\n");
	c = container_of(pool.states[CONN_FLUSH].next, struct conn, node);
	cr_assert(!list_empty(&pool.states[CONN_FLUSH]));
	cr_assert_leq(c->out.len, CONSOLE_PORTION + 4096);
	later(4999);
	cr_assert_eq(n_warn, 0);
	later(1);
	cr_assert_eq(n_warn, 1);
	cr_assert(strstr(last_warn, "closed door=control peer=unix:") && strstr(last_warn, "reason=stuck"),
	    "%s", last_warn);
	cr_assert_eq(pool.live, 0);
}

Test(control, a_slow_reader_gets_all)
{
	size_t all = 0;
	ssize_t n;

	for (unsigned i = 0; i < STORMS_MAX; i++)
		storm(i, "<a>", 0);
	peer = dial();
	SAY("storms\n");
	do {
		later(100);
		n = read(peer, received, 50000);
		all += n > 0 ? (size_t)n : 0;
	} while (n > 0 && !(received[n - 1] == '\n' && (n == 1 || received[n - 2] == '\n')));
	cr_assert_eq(n_warn, 0, "%s", last_warn);
	cr_assert_gt(all, (size_t)STORMS_MAX * 200);
	SAY("storm 0\n");
	hear(peer);
	cr_assert(strstr(received, "\"ambiguous\""));
}

Test(control, goes_away_in_the_middle)
{
	for (unsigned i = 0; i < STORMS_MAX; i++)
		storm(i, "<a>", 0);
	peer = dial();
	SAY("storms\n");
	close(peer);
	peer = -1;
	turn();
	cr_assert_eq(pool.live, 0);
	cr_assert_eq(n_warn, 0, "%s", last_warn);
}

Test(control, so_many_operators_and_no_more)
{
	int fds[CONSOLE_PEERS_MAX];

	for (int i = 0; i < CONSOLE_PEERS_MAX; i++)
		fds[i] = dial();
	turn();
	cr_assert_eq(pool.live, CONSOLE_PEERS_MAX);
	peer = dial();
	turn();
	hear(peer);
	cr_assert_str_eq(received, "{\"error\":\"busy\",\"what\":\"too many ask at once\"}\n\n");
	cr_assert_eq(hear(peer), -1);
	cr_assert_eq(n_warn, 1);
	cr_assert(strstr(last_warn, "refused door=control peer=unix:"), "%s", last_warn);
	close(peer);
	close(fds[0]);
	turn();
	peer = dial();
	SAY("help\n");
	cr_assert_gt(hear(peer), 100, "there is room again");
	for (int i = 1; i < CONSOLE_PEERS_MAX; i++)
		close(fds[i]);
	turn();
}

Test(control, a_drain_ends_what_is_under_way)
{
	for (unsigned i = 0; i < STORMS_MAX; i++)
		storm(i, "<a>", 0);
	peer = dial();
	SAY("storms\n");
	pool_drain(&pool);
	turn();
	cr_assert_gt(hear(peer), STORMS_MAX * 200);
	cr_assert_str_eq(received + strlen(received) - 3, "}\n\n");
	cr_assert_eq(hear(peer), -1);
	cr_assert_eq(n_warn, 0, "%s", last_warn);
}
