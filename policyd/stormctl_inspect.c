/* SPDX-License-Identifier: ISC */
/* stormctl inspect: reads message files and shows their header facts and traits, without a daemon. */
#include "stormctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "config.h"
#include "mail/msg.h"
#include "mail/site.h"
#include "mail/traits.h"
#include "stormctl_text.h"

enum { FILE_MAX = 64 << 20, PIECE = 65536 };

static void
json_key(struct json *j, const char *name, struct key128 key)
{
	char hex[33];

	key_hex(key, hex);
	json_str(j, name, str_of(hex));
}

static void
json_received(struct json *j, const struct header_facts *f)
{
	json_array(j, "received");
	for (uint32_t i = 0; i < f->n_hops; i++) {
		json_object(j, NULL);
		json_str(j, "from", f->hops[i].from);
		json_str(j, "ip", f->hops[i].from_ip);
		json_str(j, "by", f->hops[i].by);
		json_str(j, "id", f->hops[i].id);
		json_object_end(j);
	}
	json_array_end(j);
}

/* What a bounce or report says of the message that it is about. */
static void
json_returned(struct json *j, const struct msg *m, const struct traits *t)
{
	const struct dsn_facts *d = &m->dsn.f;

	if (t->automatic != AUTO_BOUNCE && t->automatic != AUTO_REPORT)
		return;
	json_str(j, "returned_message_id", t->returned_id);
	if (t->automatic == AUTO_REPORT)
		return;
	json_array(j, "failed_recipients");
	for (uint32_t i = 0; i < d->rcpt_count; i++)
		if (dsn_rcpt_failed(&d->rcpts[i]))
			json_str(j, NULL, dsn_rcpt_addr(&d->rcpts[i]));
	json_array_end(j);
	json_str(j, "reporting_mta", d->reporting_mta);
}

static void
print_json(const char *file, const struct msg *m, const struct traits *t)
{
	const struct header_facts *f = &m->header.f;
	struct json_line l;
	struct json *j = json_line_begin(&l);

	json_str(j, "file", str_of(file));
	json_str(j, "message_id", f->message_id);
	json_u64(j, "to_count", f->to_count);
	json_u64(j, "cc_count", f->cc_count);
	json_u64(j, "header_recipients", t->header_recipients);
	json_bool(j, "truncated", f->flags & HDR_TRUNCATED);
	json_str(j, "automatic", str_of(automatic_name(t->automatic)));
	json_bool(j, "is_list", t->is_list);
	json_str(j, "list_id", f->list_id);
	json_str(j, "thread", t->thread);
	json_bool(j, "thread_reply", t->thread_reply);
	json_u64(j, "hops", f->hop_count);
	json_array(j, "delivered_to");
	for (uint32_t i = 0; i < f->n_delivered_to; i++)
		json_str(j, NULL, f->delivered_to[i]);
	json_array_end(j);
	json_hex64(j, "trace", t->trace);
	json_str(j, "gateway_marker", f->gateway_marker);
	json_key(j, "fingerprint", t->fingerprint);
	json_str(j, "sender", f->return_path);
	json_str(j, "from", f->from);
	json_str(j, "subject", f->subject);
	json_str(j, "date", f->date);
	json_key(j, "origin", t->origin);
	json_received(j, f);
	json_returned(j, m, t);
	json_line_put(&l);
}

static void
print_text(const char *name, struct str s)
{
	if (!s.p)
		return;
	printf("  %-18s ", name);
	text_put_str(s);
	putchar('\n');
}

static void
print_readable(const char *file, const struct msg *m, const struct traits *t)
{
	const struct header_facts *f = &m->header.f;
	const struct dsn_facts *d = &m->dsn.f;
	char hex[33];

	key_hex(t->fingerprint, hex);
	text_put(file);
	putchar('\n');
	print_text("message-id", f->message_id);
	print_text("from", f->from);
	print_text("sender", f->return_path);
	print_text("subject", f->subject);
	print_text("date", f->date);
	printf("  %-18s %s%" PRIu32 " to, %" PRIu32 " cc\n", "recipients",
	    f->flags & HDR_TRUNCATED ? "at least " : "", f->to_count, f->cc_count);
	printf("  %-18s %s\n", "automatic", automatic_name(t->automatic));
	printf("  %-18s %s\n", "list", t->is_list ? "yes" : "no");
	print_text("list-id", f->list_id);
	print_text("returned", t->returned_id);
	for (uint32_t i = 0; i < d->rcpt_count; i++)
		if (dsn_rcpt_failed(&d->rcpts[i]))
			print_text("failed recipient", dsn_rcpt_addr(&d->rcpts[i]));
	print_text("reporting mta", d->reporting_mta);
	print_text(t->thread_reply ? "thread (reply)" : "thread (start)", t->thread);
	print_text("gateway marker", f->gateway_marker);
	for (uint32_t i = 0; i < f->n_delivered_to; i++)
		print_text("delivered-to", f->delivered_to[i]);
	printf("  %-18s %" PRIu32 "\n", "hops", f->hop_count);
	printf("  %-18s %016" PRIx64 "\n  %-18s %s\n", "trace", t->trace, "fingerprint", hex);
}

/* "From MAILER-DAEMON Thu Jan  1 00:00:00 2026": so mailbox files note the null sender. */
static void
take_mbox_line(struct msg *m, struct str file)
{
	if (!str_starts(file, STR("From MAILER-DAEMON ")))
		return;
	m->sender = STR("");
	m->have_sender = true;
}

/* A piece of the file: of the header, and behind that of the body, if that can tell anything. false:
 * enough. */
static bool
take_piece(struct msg *m, const char *p, size_t n)
{
	size_t took = header_feed(&m->header, p, n);

	if (!m->header.done)
		return true;
	header_end(&m->header);
	m->have_header = true;
	return msg_body(m, p + took, n - took);
}

/* Reads the message of an open file. 0, or an errno. */
static int
read_message(int fd, struct msg *m)
{
	static char piece[PIECE];
	size_t total = 0;
	bool more = true;

	while (more && total < FILE_MAX) {
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			break;
		if (total == 0)
			take_mbox_line(m, (struct str){ piece, (size_t)n });
		total += (size_t)n;
		more = take_piece(m, piece, (size_t)n);
	}
	header_end(&m->header);
	m->have_header = true;
	msg_body_end(m, true);
	return 0;
}

static int
open_file(const char *file)
{
	struct stat st;
	int fd;

	if (strcmp(file, "-") == 0)
		return STDIN_FILENO;
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return -EISDIR;
	}
	return fd;
}

static int
inspect_file(const char *file, struct msg *m, const struct site *site, bool json)
{
	int fd = open_file(file), err = fd < 0 ? -fd : 0;
	struct traits t;

	if (!err)
		err = read_message(fd, m);
	if (fd > STDIN_FILENO)
		close(fd);
	if (!err) {
		traits_compute(&t, m, site);
		if (json)
			print_json(file, m, &t);
		else
			print_readable(file, m, &t);
	}
	if (err)
		fprintf(stderr, "stormctl: %s: %s\n", file, strerror(err));
	msg_reset(m);
	return err;
}

int
stormctl_inspect(const struct stormctl *ctl, int argc, char **argv)
{
	bool json = false;
	const struct stormctl_option options[] = { { "json", .flag = &json }, { .name = NULL } };
	struct config conf;
	struct arena arena;
	struct msg m;
	int status = stormctl_options(argc, argv, options, 1, argc);

	if (status == 0)
		status = stormctl_conf_load(ctl->config, &conf);
	if (status)
		return status;
	arena_init(&arena, MSG_ARENA_MAX);
	msg_init(&m, &arena, &conf.site.gateway_markers);
	for (int i = optind; i < argc; i++)
		if (inspect_file(argv[i], &m, &conf.site, json))
			status = EX_NOINPUT;
	msg_fini(&m);
	arena_fini(&arena);
	config_fini(&conf);
	return status;
}
