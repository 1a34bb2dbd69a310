/* SPDX-License-Identifier: ISC */
/* What may be handed on as a queue id, and what never. */
#include <criterion/criterion.h>

#include "mail/queue_id.h"

static const struct {
	const char *text;
	bool ok;
} cases[] = {
	{ "3F2A91C0D4", true },
	{ "BAFECDEFAB", true },
	{ "012345", true },
	{ "4fTRSJ1jZqz3kX9", true },
	{ "64L9fhGk012345", true },
	{ "1pQ7iN-0004Xe-2k", true },
	{ "1pQ7iN-00000004XeP-2k9Z", true },
	{ "", false },
	{ "01234", false },
	{ "ALL", false },
	{ "NOQUEUE", false },
	{ "deferred", false },
	{ "DEFERRED", false },
	{ "faded0", true },
	{ "fadeda", false },
	{ "-h1234567", false },
	{ "--123456", false },
	{ "-", false },
	{ "3F2A91C0D4 ", false },
	{ " 3F2A91C0D4", false },
	{ "3F2A91C0D4\n4A4A4A4A", false },
	{ "3F2A91C0D4;reboot", false },
	{ "$(reboot)1", false },
	{ "../../1234", false },
	{ "3F2A91\xc3\xa9", false },
	{ "3F2A_1C0D4", false },
	{ "1pQ7iN-0004Xe-2k-", false },
	{ "1pQ7iN-0004Xe--k", false },
	{ "-pQ7iN-0004Xe-2k", false },
	{ "1pQ7iN-0004Xe-2kk", false },
	{ "1pQ7i-00004Xe-2k", false },
	{ "1pQ7iN-0004X;-2k", false },
	{ "1pQ7iN-00000004Xe;-2k9Z", false },
	{ "1pQ7iN", true },
};

Test(queue_id, forms)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(queue_id_ok(str_of(cases[i].text)), cases[i].ok, "\"%s\"", cases[i].text);
	cr_expect(!queue_id_ok(STR_NONE));
	cr_expect(!queue_id_ok((struct str){ "123456\0", 7 }), "a NUL is no part of one");
}

Test(queue_id, at_its_lengths_and_one_beyond)
{
	char text[QUEUE_ID_MAX + 2];

	for (size_t n = 0; n <= QUEUE_ID_MAX + 1; n++) {
		for (size_t i = 0; i < n; i++)
			text[i] = (char)('0' + i % 10);
		cr_expect_eq(queue_id_ok((struct str){ text, n }), n >= QUEUE_ID_MIN && n <= QUEUE_ID_MAX,
		    "%zu characters", n);
	}
}

/* Every byte at every place of an id: only letters and digits may take a place. */
Test(queue_id, no_other_byte_at_any_place)
{
	static const char *const good[] = { "3F2A91C0D4", "1pQ7iN-0004Xe-2k", "1pQ7iN-00000004XeP-2k9Z" };

	for (size_t k = 0; k < sizeof(good) / sizeof(good[0]); k++)
		for (size_t at = 0; good[k][at]; at++)
			for (int c = 0; c < 256; c++) {
				char text[32];
				size_t n = strlen(good[k]);
				bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				    (c >= 'a' && c <= 'z');

				memcpy(text, good[k], n);
				text[at] = (char)c;
				if (queue_id_ok((struct str){ text, n }))
					cr_expect(good[k][at] == '-' ? c == '-' : letter,
					    "byte %d at %zu of %s", c, at, good[k]);
				else
					cr_expect(!letter || good[k][at] == '-', "byte %d at %zu of %s", c,
					    at, good[k]);
			}
}
