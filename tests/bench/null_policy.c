/* SPDX-License-Identifier: ISC */
/* The least that a policy server on libev can do: finds the empty line that ends a request, answers DUNNO. */
#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

struct client {
	ev_io io;
	bool line_end; /* the byte before was one */
};

enum { CHUNK = 65536 };

/* Empty lines in the chunk. */
static unsigned
count_ends(struct client *c, const char *p, size_t n)
{
	const char *end = p + n;
	unsigned found = 0;

	while (p < end) {
		const char *lf;

		if (c->line_end && *p == '\n')
			found++;
		lf = memchr(p, '\n', (size_t)(end - p));
		c->line_end = lf && lf + 1 == end;
		if (!lf)
			break;
		c->line_end = true;
		p = lf + 1;
	}
	return found;
}

static void
on_request(struct ev_loop *loop, ev_io *w, int events)
{
	static const char answer[] = "action=DUNNO\n\n";
	static char chunk[CHUNK];
	struct client *c = (struct client *)w;
	ssize_t n = read(w->fd, chunk, sizeof(chunk));
	unsigned ends;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		ev_io_stop(loop, w);
		close(w->fd);
		free(c);
		return;
	}
	for (ends = count_ends(c, chunk, (size_t)n); ends; ends--)
		if (write(w->fd, answer, sizeof(answer) - 1) < 0)
			return;
}

static void
on_client(struct ev_loop *loop, ev_io *w, int events)
{
	int fd = accept(w->fd, NULL, NULL);
	struct client *c;

	(void)events;
	if (fd < 0)
		return;
	bench_nonblocking(fd, true);
	c = bench_memory(NULL, sizeof(*c));
	memset(c, 0, sizeof(*c));
	ev_io_init(&c->io, on_request, fd, EV_READ);
	ev_io_start(loop, &c->io);
}

int
main(int argc, char **argv)
{
	struct ev_loop *loop = ev_default_loop(0);
	ev_io door;

	if (argc != 2)
		bench_fail("usage: null-policy ADDRESS");
	bench_signals();
	ev_io_init(&door, on_client, bench_listen(argv[1]), EV_READ);
	ev_io_start(loop, &door);
	ev_run(loop, 0);
	return 0;
}
