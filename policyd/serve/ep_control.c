/* SPDX-License-Identifier: ISC */
/* The control socket: who may ask, and one question at a time to the console. The mode of the socket's file
 * keeps others out; who comes in all the same, because somebody changed it, is looked at here. */
#include "serve/endpoint.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "codec/control.h"
#include "serve/conn.h"
#include "serve/console.h"

enum { GROUPS_MAX = 256, CONTROL_MODE = 0660 };

/* The group of the socket's file. */
static bool
socket_group(int fd, gid_t *gid)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(un) - 1;
	struct stat st;

	if (getsockname(fd, (struct sockaddr *)&un, &len) < 0 || un.sun_path[0] != '/' ||
	    stat(un.sun_path, &st) < 0)
		return false;
	*gid = st.st_gid;
	return true;
}

static bool
in_group(int fd, gid_t gid, gid_t primary)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (primary == gid)
		return true;
#ifdef SO_PEERGROUPS
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (socklen_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == gid)
			return true;
#else
	(void)fd;
	(void)groups;
	(void)len;
#endif
	return false;
}

static enum console_right
right_of(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	gid_t gid;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return CONSOLE_NOTHING;
	if (cred.uid == 0 || cred.uid == geteuid())
		return CONSOLE_READ;
	return socket_group(fd, &gid) && in_group(fd, gid, cred.gid) ? CONSOLE_READ : CONSOLE_NOTHING;
}

static void
open_control(struct conn *c)
{
	struct control_door *d = &c->door.control;

	control_init(&d->codec);
	d->answer = (struct console_answer){ .keys = NULL };
	d->right = right_of(c->fd);
	d->crowded = ++c->pool->console.peers > CONSOLE_PEERS_MAX;
	/* Who is to be sent away is told so at once, whether he asks or not. */
	if (d->crowded || d->right == CONSOLE_NOTHING)
		list_add_tail(&c->pool->waiting[SHARE_LAST], &c->again);
}

static enum feed
send_away(struct conn *c, enum control_code code, const char *what)
{
	char peer[CONN_PEER_MAX];

	conn_warn(c, control_code_name(code), "refused door=%s peer=%s reason=%s", c->ep->name,
	    conn_peer(c, peer), control_code_name(code));
	control_error(&c->out, code, "%s", what);
	return FEED_CLOSE;
}

static enum feed
feed_control(struct conn *c)
{
	struct control_door *d = &c->door.control;
	enum feed f;

	if (d->right == CONSOLE_NOTHING)
		return send_away(c, CONTROL_DENIED, "not permitted");
	if (d->crowded)
		return send_away(c, CONTROL_BUSY, "too many ask at once");
	if (console_pending(&d->answer)) {
		console_more(&c->pool->console, &d->answer, &c->out);
		return FEED_REPLY;
	}
	f = control_feed(&d->codec, &c->in, &c->arena);
	if (f == FEED_BAD)
		c->why = d->codec.why;
	return f;
}

static void
reply_control(struct conn *c)
{
	struct control_door *d = &c->door.control;
	struct console *con = &c->pool->console;

	engine_say(c->pool->engine); /* operators see what is, not what is about to be */
	con->connections = c->pool->live;
	con->accepted = c->pool->opened;
	console_ask(con, &d->answer, d->right, d->codec.words, d->codec.n_words, c->pool->now, &c->out);
	msg_reset(&c->msg);
	conn_said(c);
}

static bool
busy_control(const struct conn *c)
{
	return console_pending(&c->door.control.answer);
}

static void
close_control(struct conn *c)
{
	console_answer_fini(&c->door.control.answer);
	c->pool->console.peers--;
}

const struct endpoint ep_control = {
	.name = "control",
	.in_max = CONTROL_LINE_MAX + CONN_CHUNK_MAX,
	.out_max = CONSOLE_ANSWER,
	.mode = CONTROL_MODE,
	.always = true,
	.open = open_control,
	.feed = feed_control,
	.reply = reply_control,
	.busy = busy_control,
	.close = close_control,
};
