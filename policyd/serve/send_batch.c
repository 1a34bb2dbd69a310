/* SPDX-License-Identifier: ISC */
#include "serve/send_batch.h"

#ifdef __linux__
#include <errno.h>
#include <linux/aio_abi.h> /* the calls have no other header: glibc leaves them to libaio, for files */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#endif

void
send_batch_init(struct send_batch *b)
{
	*b = (struct send_batch){ 0 };
}

#ifdef __linux__

void
send_batch_fini(struct send_batch *b)
{
	if (b->context)
		syscall(SYS_io_destroy, b->context);
	b->context = 0;
}

static void
give_up(struct send_batch *b, const char *call)
{
	b->off = true;
	log_debug("answers go one by one call=%s reason=\"%s\"", call, strerror(errno));
}

static bool
ready(struct send_batch *b)
{
	aio_context_t context = 0;

	if (!b->context && !b->off) {
		if (syscall(SYS_io_setup, SEND_BATCH_MAX, &context) == 0)
			b->context = context;
		else
			give_up(b, "io_setup");
	}
	return !b->off;
}

/* All that was taken is done: the kernel writes to a socket within the call. */
static void
learn(struct send_batch *b, struct outgoing *v, long n)
{
	struct io_event events[SEND_BATCH_MAX];
	struct timespec none = { 0 };
	long got = syscall(SYS_io_getevents, b->context, n, n, events, &none);

	for (long i = 0; i < n; i++)
		v[i].sent = SEND_NOT_KNOWN;
	for (long i = 0; i < got; i++)
		v[events[i].data].sent = events[i].res > 0 ? (ssize_t)events[i].res : 0;
	if (got != n)
		give_up(b, "io_getevents");
}

void
send_batch_go(struct send_batch *b, struct outgoing *v, unsigned n)
{
	struct iocb calls[SEND_BATCH_MAX], *list[SEND_BATCH_MAX];
	long taken;

	for (unsigned i = 0; i < n; i++)
		v[i].sent = 0;
	if (n < 2 || !ready(b))
		return;
	for (unsigned i = 0; i < n; i++) {
		calls[i] = (struct iocb){
			.aio_data = i,
			.aio_lio_opcode = IOCB_CMD_PWRITE,
			.aio_fildes = (uint32_t)v[i].fd,
			.aio_buf = (uintptr_t)v[i].bytes.p,
			.aio_nbytes = v[i].bytes.n,
		};
		list[i] = &calls[i];
	}
	taken = syscall(SYS_io_submit, b->context, (long)n, list);
	if (taken > 0)
		learn(b, v, taken);
	else
		give_up(b, "io_submit");
}

#else

void
send_batch_fini(struct send_batch *b)
{
	(void)b;
}

void
send_batch_go(struct send_batch *b, struct outgoing *v, unsigned n)
{
	(void)b;
	for (unsigned i = 0; i < n; i++)
		v[i].sent = 0;
}

#endif
