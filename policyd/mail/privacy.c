/* SPDX-License-Identifier: ISC */
#include "mail/privacy.h"

#include <nettle/hmac.h>
#include <nettle/version.h>
#include <stdio.h>

#include "base/xalloc.h"
#include "mail/addr.h"

struct privacy {
	struct hmac_sha256_ctx keyed; /* never updated itself: each MAC works on a copy */
};

static const char prefix[] = "h:";

struct privacy *
privacy_new(const unsigned char key[PRIVACY_KEY_SIZE])
{
	struct privacy *p = xcalloc(1, sizeof(*p));

	hmac_sha256_set_key(&p->keyed, PRIVACY_KEY_SIZE, key);
	return p;
}

void
privacy_free(struct privacy *p)
{
	if (p)
		explicit_bzero(p, sizeof(*p));
	xfree(p);
}

void
privacy_library(char *out, size_t size)
{
	snprintf(out, size, "nettle %d.%d", nettle_version_major(), nettle_version_minor());
}

void
privacy_mac(const struct privacy *p, struct str data, unsigned char out[PRIVACY_MAC_SIZE])
{
	struct hmac_sha256_ctx ctx = p->keyed;

	hmac_sha256_update(&ctx, data.n, (const uint8_t *)(data.p ? data.p : ""));
#if NETTLE_VERSION_MAJOR >= 4
	hmac_sha256_digest(&ctx, out);
#else
	hmac_sha256_digest(&ctx, PRIVACY_MAC_SIZE, out);
#endif
}

static struct str
mac_text(const struct privacy *p, struct arena *a, struct str key)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char mac[PRIVACY_MAC_SIZE];
	char text[PRIVACY_TEXT_LEN];
	struct str copy;
	size_t n = 0;

	privacy_mac(p, key, mac);
	for (; prefix[n]; n++)
		text[n] = prefix[n];
	for (size_t i = 0; n < sizeof(text); i++) {
		text[n++] = digits[mac[i] >> 4];
		text[n++] = digits[mac[i] & 15];
	}
	copy = arena_str(a, (struct str){ text, n });
	return copy.p ? copy : str_of(prefix);
}

/* The normal form needs room for some copies, which `scratch` has, without a bound. */
static struct str
hide(const struct privacy *p, struct arena *scratch, struct arena *a, struct str addr)
{
	struct addr_norm norm;

	if (addr.n == 0 || privacy_hidden(addr))
		return addr;
	arena_reset(scratch);
	addr_normalise(scratch, addr, &norm);
	return norm.key.n ? mac_text(p, a, norm.key) : STR("");
}

struct str
privacy_address(const struct privacy *p, struct arena *a, struct str addr)
{
	struct arena scratch;

	if (!p)
		return addr;
	arena_init(&scratch, 0);
	addr = hide(p, &scratch, a, addr);
	arena_fini(&scratch);
	return addr;
}

struct str
privacy_subject(const struct privacy *p, struct str subject)
{
	return p ? STR("") : subject;
}

struct str
privacy_mailbox_host(const struct privacy *p, struct arena *a, struct str mailbox)
{
	size_t at = str_rfind(mailbox, '@');

	if (p && at < mailbox.n)
		return str_sub(mailbox, at, mailbox.n);
	return privacy_address(p, a, mailbox);
}

bool
privacy_hidden(struct str text)
{
	if (text.n != PRIVACY_TEXT_LEN || !str_starts(text, str_of(prefix)))
		return false;
	for (size_t i = sizeof(prefix) - 1; i < text.n; i++)
		if (!strchr("0123456789abcdef", text.p[i]) || !text.p[i])
			return false;
	return true;
}

void
privacy_record(const struct privacy *p, struct arena *a, struct record *r)
{
	struct str *const addresses[] = { &r->sender, &r->header_from, &r->sasl_username };
	struct record_rcpt *rcpts;
	struct arena scratch;

	if (!p)
		return;
	arena_init(&scratch, 0);
	for (unsigned i = 0; i < ARRAY_LEN(addresses); i++)
		*addresses[i] = hide(p, &scratch, a, *addresses[i]);
	rcpts = arena_alloc(a, r->n_rcpts * sizeof(*rcpts));
	if (!rcpts)
		r->n_rcpts = 0;
	for (uint32_t i = 0; i < r->n_rcpts; i++) {
		rcpts[i] = r->rcpts[i];
		rcpts[i].addr = hide(p, &scratch, a, rcpts[i].addr);
	}
	arena_fini(&scratch);
	r->rcpts = rcpts;
	r->subject = privacy_subject(p, r->subject);
}

uint64_t
privacy_seed(const struct privacy *p, uint64_t seed)
{
	char data[5 + sizeof(seed)] = { '\0', 's', 'e', 'e', 'd' }; /* no address has a NUL */
	unsigned char mac[PRIVACY_MAC_SIZE];
	uint64_t made = 0;

	if (!p)
		return seed;
	for (size_t i = 0; i < sizeof(seed); i++)
		data[5 + i] = (char)(seed >> (8 * i));
	privacy_mac(p, (struct str){ data, sizeof(data) }, mac);
	for (size_t i = 0; i < sizeof(made); i++)
		made = made << 8 | mac[i];
	return made ? made : 1;
}
