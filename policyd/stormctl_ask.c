/* SPDX-License-Identifier: ISC */
#include "stormctl_ask.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "codec/control.h"
#include "config.h"

enum { PIECE = 65536 };

/* --- where ---------------------------------------------------------------------------------------------- */

/* Only this one key is read: the daemon runs on, and can be asked, while somebody edits the rest. */
static int
find_socket(struct ask *a, const char *config)
{
	const char *file = config ? config : CONFIG_DEFAULT_PATH;
	struct str rest, word;
	char *value;

	if (access(file, R_OK) < 0) {
		fprintf(stderr, "stormctl: %s: %s; --socket PATH names the daemon's control socket\n", file,
		    strerror(errno));
		return EX_CONFIG;
	}
	value = conf_value(file, "server", "control", NULL);
	rest = str_of(value);
	if (conf_word(&rest, &word))
		snprintf(a->path, sizeof(a->path), "%.*s", STR_FMT(word));
	xfree(value);
	if (a->path[0])
		return 0;
	fprintf(stderr, "stormctl: %s: [server] control names no socket\n", file);
	return EX_CONFIG;
}

static int
no_path(const char *path, int rc)
{
	fprintf(stderr, "stormctl: %s: a unix socket wants an absolute path of at most %zu bytes\n", path,
	    sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	return rc;
}

static int
socket_address(struct ask *a, bool given, struct sockaddr_un *un)
{
	const char *path = str_starts(str_of(a->path), STR("unix:")) ? a->path + 5 : a->path;
	size_t n = strlen(path);

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (path[0] != '/' || n >= sizeof(un->sun_path))
		return no_path(path, given ? EX_USAGE : EX_CONFIG);
	memcpy(un->sun_path, path, n);
	memmove(a->path, path, n + 1);
	return 0;
}

/* --- there and back ------------------------------------------------------------------------------------- */

static int
dial(struct ask *a, bool given)
{
	struct timeval wait = { .tv_sec = ASK_WAIT };
	struct sockaddr_un un;
	int rc = socket_address(a, given, &un);

	if (rc != 0)
		return rc;
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a->fd < 0) {
		fprintf(stderr, "stormctl: cannot make a socket: %s\n", strerror(errno));
		return EX_OSERR;
	}
	(void)setsockopt(a->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)setsockopt(a->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(a->fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return 0;
	if (errno == EACCES || errno == EPERM) {
		fprintf(stderr,
		    "stormctl: not permitted to use %s: root, the daemon's user and the socket's group are\n",
		    a->path);
		return EX_NOPERM;
	}
	a->absent = errno;
	return EX_UNAVAILABLE;
}

void
ask_absent(const struct ask *a)
{
	fprintf(stderr, "stormctl: the daemon does not run: nobody answers at %s: %s\n", a->path,
	    strerror(a->absent));
}

int
ask_open(struct ask *a, const struct stormctl *ctl, const char *socket, const char *line)
{
	int rc = 0;

	*a = (struct ask){ .fd = -1 };
	buf_init(&a->in, ASK_DOCUMENT_MAX);
	if (socket && strlen(socket) >= sizeof(a->path))
		return no_path(socket, EX_USAGE);
	if (socket)
		memcpy(a->path, socket, strlen(socket) + 1);
	else
		rc = find_socket(a, ctl->config);
	if (rc == 0)
		rc = dial(a, socket != NULL);
	/* A daemon that turns us away may have closed already: its answer tells why. */
	if (rc == 0)
		(void)!send(a->fd, line, strlen(line), MSG_NOSIGNAL);
	return rc;
}

static const char *
cut_why(ssize_t got)
{
	if (got == 0)
		return "the daemon closed the connection";
	return errno == EAGAIN || errno == EWOULDBLOCK ? "the daemon is silent" : strerror(errno);
}

/* Until a line is there; its length without LF in *n. */
static int
read_line(struct ask *a, size_t *n)
{
	for (;;) {
		struct str s = buf_str(&a->in);
		char *to;
		ssize_t got;

		*n = a->scanned + str_find(str_sub(s, a->scanned, s.n), '\n');
		if (*n < s.n)
			break;
		a->scanned = s.n;
		to = buf_reserve(&a->in, PIECE);
		if (!to) {
			fprintf(stderr, "stormctl: the answer of %s is no answer: a line without an end\n",
			    a->path);
			return EX_UNAVAILABLE;
		}
		do
			got = recv(a->fd, to, PIECE, 0);
		while (got < 0 && errno == EINTR);
		if (got <= 0) {
			fprintf(
			    stderr, "stormctl: the answer of %s was cut off: %s\n", a->path, cut_why(got));
			return EX_UNAVAILABLE;
		}
		buf_commit(&a->in, (size_t)got);
	}
	a->scanned = 0;
	return 0;
}

static int
refused(const char *document)
{
	static const int status[CONTROL_CODES] = {
		[CONTROL_UNKNOWN] = EX_UNAVAILABLE,
		[CONTROL_SYNTAX] = EX_DATAERR,
		[CONTROL_DENIED] = EX_NOPERM,
		[CONTROL_BUSY] = EX_UNAVAILABLE,
		[CONTROL_NO_STORM] = EX_DATAERR,
		[CONTROL_AMBIGUOUS] = EX_DATAERR,
	};
	cJSON *o = cJSON_Parse(document);
	const char *error = cJSON_GetStringValue(cJSON_GetObjectItem(o, "error"));
	const char *what = cJSON_GetStringValue(cJSON_GetObjectItem(o, "what"));
	enum control_code code;
	int rc = 0;

	if (error) {
		code = control_code_find(error);
		rc = code < CONTROL_CODES ? status[code] : EX_UNAVAILABLE;
		fprintf(stderr, "stormctl: %s\n", what ? what : error);
	}
	cJSON_Delete(o);
	return rc;
}

int
ask_next(struct ask *a, const char **document)
{
	static const char error_head[] = "{\"error\":";
	char *line;
	size_t n;
	int rc = read_line(a, &n);

	if (rc != 0)
		return rc;
	line = a->in.data + a->in.start;
	line[n] = '\0';
	buf_consume(&a->in, n + 1); /* its bytes stay where they are until more is read */
	*document = n ? line : NULL;
	return n && strncmp(line, error_head, sizeof(error_head) - 1) == 0 ? refused(line) : 0;
}

void
ask_close(struct ask *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	buf_fini(&a->in);
}
