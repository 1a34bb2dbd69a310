/* SPDX-License-Identifier: ISC */
/* A line of a .jsonl file: what is read here, and what cJSON makes of it, must be the same. */
#include "fuzz.h"

#include "stormctl_event_json.h"

static void
say(const struct event *ev, bool good, struct buf *b)
{
	const struct str texts[] = { ev->client_address, ev->helo, ev->sasl_username, ev->sender,
		ev->queue_id, ev->instance, ev->header, ev->body };

	buf_printf(b, "good=%d\n", good);
	if (!good)
		return;
	buf_printf(b, "time=%lld size=%llu sender=%d rcpts=%u\n", (long long)ev->time,
	    (unsigned long long)ev->size, ev->have_sender, ev->n_rcpts);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		buf_printf(b, "%d %zu %.*s\n", texts[i].p != NULL, texts[i].n, STR_FMT(texts[i]));
	for (uint32_t i = 0; i < ev->n_rcpts; i++)
		buf_printf(b, "%d %zu %.*s\n", ev->rcpts[i].p != NULL, ev->rcpts[i].n, STR_FMT(ev->rcpts[i]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str line = { copy_of((struct str){ (const char *)data, size }), size };
	struct buf here, there;
	struct event ev;
	struct arena a;
	bool good;

	arena_init(&a, 0);
	buf_init(&here, 0);
	buf_init(&there, 0);
	good = event_from_json(&ev, line, &a);
	say(&ev, good, &here);
	good = event_by_cjson(&ev, line, &a);
	say(&ev, good, &there);
	need_same("cJSON", &here, &there);
	buf_fini(&here);
	buf_fini(&there);
	arena_fini(&a);
	xfree((char *)(uintptr_t)line.p);
	return 0;
}
