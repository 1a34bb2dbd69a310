/* SPDX-License-Identifier: ISC */
/* A verdict as the input has it, its texts the peer's own bytes. */
#ifndef TEST_FUZZ_VERDICT_H
#define TEST_FUZZ_VERDICT_H

#include "fuzz.h"
#include "mail/msg.h"
#include "mail/verdict.h"

/* What the verdict points to, beside the message. */
struct verdict_parts {
	uint32_t drop[2];
	struct str add[2];
};

static inline struct verdict
choose_verdict(
    struct verdict_parts *parts, const struct msg *m, const enum action *finals, uint32_t n, struct choice *c)
{
	const struct str texts[] = { m->sender, m->helo, m->client_name, m->header.f.subject,
		m->header.f.from, m->header.f.message_id, STR("To"), STR("Cc"), STR_NONE };
	struct verdict v = { .what = finals[choose(c, n)] };

	*parts = (struct verdict_parts){ { 0, 1 }, { m->sender, m->header.f.from_addr } };
	v.dsn = v.what == ACT_DEFER ? STR("4.2.1") : STR("5.7.28");
	v.text = texts[choose(c, ARRAY_LEN(texts))];
	v.redirect = texts[choose(c, ARRAY_LEN(texts))];
	v.drop = parts->drop;
	v.n_drop = m->n_rcpts < 2 ? m->n_rcpts : 2;
	v.add = parts->add;
	v.n_add = choose(c, 3);
	v.sender = texts[choose(c, ARRAY_LEN(texts))];
	v.n_edits = 2;
	for (int i = 0; i < 2; i++) {
		v.edits[i].name = texts[choose(c, ARRAY_LEN(texts))];
		v.edits[i].value = texts[choose(c, ARRAY_LEN(texts))];
		v.edits[i].change = choose(c, 2);
	}
	return v;
}

#endif
