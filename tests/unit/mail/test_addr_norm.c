/* SPDX-License-Identifier: ISC */
/* The normal form: one row for each way in which an address is written, and what must not be undone. */
#include <criterion/criterion.h>

#include "base/buf.h"
#include "mail/addr.h"

struct row {
	const char *addr, *key;
	enum addr_form form;
};

static void
check_rows(const struct row *rows, size_t n)
{
	struct arena a;

	arena_init(&a, 0);
	for (size_t i = 0; i < n; i++) {
		struct addr_norm norm;

		addr_normalise(&a, str_of(rows[i].addr), &norm);
		cr_expect(norm.key.p && str_eq(norm.key, str_of(rows[i].key)), "%s: %.*s, want %s",
		    rows[i].addr, STR_FMT(norm.key), rows[i].key);
		cr_expect_eq(
		    norm.form, rows[i].form, "%s: form %d, want %d", rows[i].addr, norm.form, rows[i].form);
		cr_expect_eq(norm.key.p[norm.key.n], '\0');
		arena_reset(&a);
	}
	arena_fini(&a);
}

Test(addr_norm, plain)
{
	static const struct row rows[] = {
		{ "Ann.Bee@Example.ORG", "ann.bee@example.org", ADDR_PLAIN },
		{ "<ann@example.org.>", "ann@example.org", ADDR_PLAIN },
		{ "\"Ann\"@example.org", "ann@example.org", ADDR_PLAIN },
		{ "\"a b\"@example.org", "\"a b\"@example.org", ADDR_PLAIN },
		{ "\"a@b\"@example.org", "\"a@b\"@example.org", ADDR_PLAIN },
		{ "\"a b+c\"@example.org", "\"a b+c\"@example.org", ADDR_PLAIN },
		{ "\"\"@example.org", "\"\"@example.org", ADDR_PLAIN },
		{ "\".ann\"@example.org", "\".ann\"@example.org", ADDR_PLAIN },
		{ "\"ann.\"@example.org", "\"ann.\"@example.org", ADDR_PLAIN },
		{ "ann+news@example.org", "ann@example.org", ADDR_PLAIN },
		{ "ann+a+b@example.org", "ann@example.org", ADDR_PLAIN },
		{ "ann+@example.org", "ann@example.org", ADDR_PLAIN },
		{ "+ann@example.org", "+ann@example.org", ADDR_PLAIN },
		{ "+@example.org", "+@example.org", ADDR_PLAIN },
		{ "a.n.n@gmail.com", "ann@gmail.com", ADDR_PLAIN },
		{ "A.n.n+x.y@GoogleMail.com", "ann@googlemail.com", ADDR_PLAIN },
		{ "a.n.n@gmail.com.example", "a.n.n@gmail.com.example", ADDR_PLAIN },
		{ "a.n.n@mail.gmail.com", "a.n.n@mail.gmail.com", ADDR_PLAIN },
		{ "...@gmail.com", "...@gmail.com", ADDR_PLAIN },
		{ "root", "root", ADDR_PLAIN },
		{ "a@b@example.org", "a@b@example.org", ADDR_PLAIN },
		{ "@example.org", "@example.org", ADDR_PLAIN },
		{ "a@", "a@", ADDR_PLAIN },
		{ "@r.example:ann@example.org", "ann@example.org", ADDR_PLAIN },
		{ "\xc3\x9c"
		  "x@example.org",
		    "\xc3\x9c"
		    "x@example.org",
		    ADDR_PLAIN },
		{ "0100018f3c2d1e0a-7c1d-4f00-a000-000000@eu.mailer.example",
		    "0100018f3c2d1e0a-7c1d-4f00-a000-000000@eu.mailer.example", ADDR_PLAIN },
		{ "", "", ADDR_NULL },
		{ "<>", "", ADDR_NULL },
		{ "#@[]", "", ADDR_NULL },
		{ "Double-Bounce@mx.example.org", "", ADDR_NULL },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

Test(addr_norm, srs)
{
	static const struct row rows[] = {
		{ "SRS0=HHHH=TT=example.org=Ann@fwd.example", "ann@example.org", ADDR_SRS },
		{ "SRS0+HHHH=TT=example.org=ann@fwd.example", "ann@example.org", ADDR_SRS },
		{ "srs0-hhhh=tt=example.org=ann@fwd.example", "ann@example.org", ADDR_SRS },
		{ "SRS0=aB+/=2X=example.org=ann@fwd.example", "ann@example.org", ADDR_SRS },
		{ "SRS0=HHHH=TT=example.org=ann+x@fwd.example", "ann@example.org", ADDR_SRS },
		{ "SRS0=HHHH=TT=example.org=a=b@fwd.example", "a=b@example.org", ADDR_SRS },
		{ "SRS0=HHHH=TT=gmail.com=a.n.n@fwd.example", "ann@gmail.com", ADDR_SRS },
		{ "SRS1=GGGG=fwd.example==HHHH=TT=example.org=ann@two.example", "ann@example.org", ADDR_SRS },
		{ "SRS1+GGGG=fwd.example=+HHHH=TT=example.org=ann@two.example", "ann@example.org", ADDR_SRS },
		{ "SRS1-GGGG=fwd.example=-HHHH=TT=example.org=ann@two.example", "ann@example.org", ADDR_SRS },
		{ "SRS0=HHHH=TT=fwd.example=SRS0=GGGG=UU=example.org=ann@two.example", "ann@example.org",
		    ADDR_SRS },
		{ "SRS1=FFFF=a.example==GGGG=TT=b.example=SRS1=EEEE=c.example==HHHH=UU=example.org=ann@d."
		  "example",
		    "ann@example.org", ADDR_SRS },
		{ "SRS0=HHHH=TT=example.org=prvs=0123abcdef=ann@fwd.example", "ann@example.org", ADDR_BATV },
		{ "SRS0=HHHH=TT=lists.example=news-bounces+ann=example.org@fwd.example",
		    "news-bounces@lists.example", ADDR_VERP },
		{ "SRS0=HHHH=TT=lists.example=owner-news@fwd.example", "owner-news@lists.example",
		    ADDR_LIST_OWNER },
		{ "bounces+SRS=AbCdE=TT=example.org=ann@tenant.example", "ann@example.org", ADDR_SRS },
		/* not well-formed: the domain stays the one written */
		{ "SRS0=HHHH=TTT=example.org=ann@fwd.example", "srs0=hhhh=ttt=example.org=ann@fwd.example",
		    ADDR_PLAIN },
		{ "SRS0=HHHH=T1=example.org=ann@fwd.example", "srs0=hhhh=t1=example.org=ann@fwd.example",
		    ADDR_PLAIN },
		{ "SRS0=HHHH=TT=localhost=ann@fwd.example", "srs0=hhhh=tt=localhost=ann@fwd.example",
		    ADDR_PLAIN },
		{ "SRS0=HHHH=TT=a..org=ann@fwd.example", "srs0=hhhh=tt=a..org=ann@fwd.example", ADDR_PLAIN },
		{ "SRS0=HHHH=TT=example.org=@fwd.example", "srs0=hhhh=tt=example.org=@fwd.example",
		    ADDR_PLAIN },
		{ "SRS0=HHHH=TT=ann@fwd.example", "srs0=hhhh=tt=ann@fwd.example", ADDR_PLAIN },
		{ "SRS0=H=TT=example.org=ann@fwd.example", "srs0=h=tt=example.org=ann@fwd.example",
		    ADDR_PLAIN },
		{ "SRS0=H*HH=TT=example.org=ann@fwd.example", "srs0=h*hh=tt=example.org=ann@fwd.example",
		    ADDR_PLAIN },
		{ "SRS1=GGGG=fwd.example=HHHH=TT=example.org=ann@x.example",
		    "srs1=gggg=fwd.example=hhhh=tt=example.org=ann@x.example", ADDR_PLAIN },
		{ "SRS1=GGGG=nodot==HHHH=TT=example.org=ann@x.example",
		    "srs1=gggg=nodot==hhhh=tt=example.org=ann@x.example", ADDR_PLAIN },
		{ "SRS0=@fwd.example", "srs0=@fwd.example", ADDR_PLAIN },
		{ "SRS0@fwd.example", "srs0@fwd.example", ADDR_PLAIN },
		{ "SRS2=HHHH=TT=example.org=ann@fwd.example", "srs2=hhhh=tt=example.org=ann@fwd.example",
		    ADDR_PLAIN },
		{ "\"SRS0=HHHH=TT=example.org=a b\"@fwd.example",
		    "\"srs0=hhhh=tt=example.org=a b\"@fwd.example", ADDR_PLAIN },
		{ "joe+SRS=AbCdE=TT=example.org=ann@tenant.example", "joe@tenant.example", ADDR_PLAIN },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

Test(addr_norm, batv)
{
	static const struct row rows[] = {
		{ "prvs=0123ABCDEF=ann@example.org", "ann@example.org", ADDR_BATV },
		{ "PRVS=1234abcde=Ann+x@example.org", "ann@example.org", ADDR_BATV },
		{ "prvs=ann/0123abcdef@example.org", "ann@example.org", ADDR_BATV },
		{ "prvs=0123abcdef=ann/bee@example.org", "ann/bee@example.org", ADDR_BATV },
		{ "btv1==0123abcdef==ann@example.org", "ann@example.org", ADDR_BATV },
		{ "msprvs1=17500abcdEF=bounces-77@example.org", "bounces-77@example.org", ADDR_BATV },
		{ "prvs=012=ann@example.org", "prvs=012=ann@example.org", ADDR_PLAIN },
		{ "prvs=0123abcdef=@example.org", "prvs=0123abcdef=@example.org", ADDR_PLAIN },
		{ "prvs=ann@example.org", "prvs=ann@example.org", ADDR_PLAIN },
		{ "prvs=/0123abcdef@example.org", "prvs=/0123abcdef@example.org", ADDR_PLAIN },
		{ "prvs=ann/bee.cee@example.org", "prvs=ann/bee.cee@example.org", ADDR_PLAIN },
		{ "btv1==0123abcdef=ann@example.org", "btv1==0123abcdef=ann@example.org", ADDR_PLAIN },
		{ "btv1==0123abcdef==@example.org", "btv1==0123abcdef==@example.org", ADDR_PLAIN },
		{ "prvs=@example.org", "prvs=@example.org", ADDR_PLAIN },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

Test(addr_norm, verp)
{
	static const struct row rows[] = {
		{ "news-bounces+ann=example.org@lists.example", "news-bounces@lists.example", ADDR_VERP },
		{ "news-bounces+ann.b-c=mail.example.org@lists.example", "news-bounces@lists.example",
		    ADDR_VERP },
		{ "owner-news+ann=example.org@lists.example", "owner-news@lists.example", ADDR_VERP },
		{ "bounce+ann==a==example.org==news@lists.example", "news-owner@lists.example", ADDR_VERP },
		{ "bounce+ann==a==example.org==news==w@lists.example", "news-owner@lists.example",
		    ADDR_VERP },
		{ "news-return-123-ann=example.org@lists.example", "news-return@lists.example", ADDR_VERP },
		{ "news-return-124-bob-b=example.org@lists.example", "news-return@lists.example", ADDR_VERP },
		{ "news-return-123-@lists.example", "news-return@lists.example", ADDR_VERP },
		{ "owner-NEWS*ann**example.org@lists.example", "owner-news@lists.example", ADDR_VERP },
		{ "news+bncBCY3ZYH74ICRBXW6XQDQMGQE7ABCDEF@groups.example", "news@groups.example",
		    ADDR_VERP },
		{ "bounces+1234-ab12-ann=example.org@em.example", "bounces@em.example", ADDR_VERP },
		{ "bounce-mc.us1_12.34-ann=example.org@mail.example", "bounce@mail.example", ADDR_VERP },
		{ "news-bounces-ann=example.org@lists.example", "news-bounces@lists.example", ADDR_VERP },
		{ "owner-news-ann=example.org@lists.example", "owner-news@lists.example", ADDR_VERP },
		{ "sentto-1-2-3-ann=example.org@groups.example", "sentto@groups.example", ADDR_VERP },
		{ "prvs=0123abcdef=news-bounces+ann=example.org@lists.example", "news-bounces@lists.example",
		    ADDR_VERP },
		/* the same without a reader in it */
		{ "news-bounces@lists.example", "news-bounces@lists.example", ADDR_LIST_OWNER },
		{ "News-Request@lists.example", "news-request@lists.example", ADDR_LIST_OWNER },
		{ "news-owner@lists.example", "news-owner@lists.example", ADDR_LIST_OWNER },
		{ "owner-news@lists.example", "owner-news@lists.example", ADDR_LIST_OWNER },
		/* and what only looks so */
		{ "-bounces@lists.example", "-bounces@lists.example", ADDR_PLAIN },
		{ "owner-@lists.example", "owner-@lists.example", ADDR_PLAIN },
		{ "ann+bncnews@example.org", "ann@example.org", ADDR_PLAIN },
		{ "+bncBCY3ZYH74ICRBXW6XQDQMGQE@x.example", "+bncbcy3zyh74icrbxw6xqdqmgqe@x.example",
		    ADDR_PLAIN },
		{ "bounce+ann==a==example.org==@lists.example", "bounce@lists.example", ADDR_PLAIN },
		{ "bounce+ann==a==nodot==news@lists.example", "bounce@lists.example", ADDR_PLAIN },
		{ "bounce+==a==example.org==news@lists.example", "bounce@lists.example", ADDR_PLAIN },
		{ "owner-news*ann@lists.example", "owner-news*ann@lists.example", ADDR_LIST_OWNER },
		{ "owner-news***example.org@lists.example", "owner-news***example.org@lists.example",
		    ADDR_LIST_OWNER },
		{ "owner-news**example.org@lists.example", "owner-news**example.org@lists.example",
		    ADDR_LIST_OWNER },
		{ "owner-news*ann**nodot@lists.example", "owner-news*ann**nodot@lists.example",
		    ADDR_LIST_OWNER },
		{ "ann+=example.org@x.example", "ann@x.example", ADDR_PLAIN },
		{ "-bounces-ann=example.org@x.example", "-bounces-ann=example.org@x.example", ADDR_PLAIN },
		{ "ann+size=10@example.org", "ann@example.org", ADDR_PLAIN },
		{ "ann=example.org@fwd.example", "ann=example.org@fwd.example", ADDR_PLAIN },
		{ "tax-return-form@example.org", "tax-return-form@example.org", ADDR_PLAIN },
		{ "-ann=example.org@x.example", "-ann=example.org@x.example", ADDR_PLAIN },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

/* Bounces by the hundred are what such a box is for. */
Test(addr_norm, takes_bounces)
{
	static const struct {
		const char *addr;
		bool takes;
	} rows[] = {
		{ "bounce@example.org", true },
		{ "Bounces-7@example.org", true },
		{ "news-bounce@example.org", true },
		{ "bounce_news@example.org", true },
		{ "bounces_7@example.org", true },
		{ "news_bounce@example.org", true },
		{ "news_bounces@example.org", true },
		{ "newsbounce@example.org", false },
		{ "ann+bounces@example.org", true },
		{ "ann+bounces-7@example.org", true },
		{ "bouncer@example.org", false },
		{ "ann+news@example.org", false },
		{ "ann@example.org", false },
	};
	struct arena a;

	arena_init(&a, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr_norm norm;

		addr_normalise(&a, str_of(rows[i].addr), &norm);
		cr_expect_eq(addr_takes_bounces(&norm), rows[i].takes, "%s", rows[i].addr);
	}
	arena_fini(&a);
}

/* A full stop, quotes and brackets hide no address from a list; decoration stays to be seen. */
Test(addr_norm, plain_text)
{
	static const char *const rows[][2] = {
		{ "<News@Lists.Example.>", "news@lists.example" },
		{ "\"News\"@lists.example", "news@lists.example" },
		{ "News+X@lists.example", "news+x@lists.example" },
		{ "SRS0=HHHH=TT=example.org=Ann@fwd.example", "srs0=hhhh=tt=example.org=ann@fwd.example" },
		{ "a.n.n@GMAIL.com", "a.n.n@gmail.com" },
		{ "#@[]", "#@[]" },
		{ "<>", "" },
	};
	struct arena a;

	arena_init(&a, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr_norm norm;

		addr_normalise(&a, str_of(rows[i][0]), &norm);
		cr_expect(norm.plain.p && str_eq(norm.plain, str_of(rows[i][1])), "%s: %.*s", rows[i][0],
		    STR_FMT(norm.plain));
	}
	arena_fini(&a);
}

/* One rewriting in the other, as many as the cap and one more. */
Test(addr_norm, undo_cap)
{
	for (int depth = ADDR_UNDO_MAX; depth <= ADDR_UNDO_MAX + 1; depth++) {
		struct addr_norm norm;
		struct arena a;
		struct buf b;

		arena_init(&a, 0);
		buf_init(&b, 0);
		for (int i = 0; i < depth; i++)
			buf_str_append(&b, STR("prvs=0123abcdef="));
		buf_str_append(&b, STR("ann@example.org"));
		addr_normalise(&a, buf_str(&b), &norm);
		cr_expect(str_eq(norm.key,
		    depth > ADDR_UNDO_MAX ? STR("prvs=0123abcdef=ann@example.org") : STR("ann@example.org")));
		cr_expect_eq(norm.form, ADDR_BATV);
		buf_fini(&b);
		arena_fini(&a);
	}
}

Test(addr_norm, exhausted)
{
	for (size_t max = 1; max <= 256; max += 16) {
		struct addr_norm norm;
		struct arena a;

		arena_init(&a, max);
		addr_normalise(&a, STR("Ann+news@example.org"), &norm);
		cr_expect_eq(!norm.key.p, !norm.plain.p, "%zu", max);
		cr_expect(max > 1 || !norm.key.p);
		cr_expect(max < 200 || norm.key.p);
		arena_fini(&a);
	}
}

/* Random text of what rewritings are made of: the key is never longer, its domain is the one written or stood
 * in the local part behind "SRS", and the same comes out again. */
Test(addr_norm, random_text)
{
	static const char *const words[] = { "SRS0=", "SRS1=", "SRS0+", "ab", "TT", "=",
		"==", "==a==", "bounce+", "prvs=", "0123abcdef", "example.org", "owner-", "-bounces",
		"-return-", "1", "-", "*", "**", "+bnc", "+", "/", "@", "\"", ".", "gmail.com",
		"btv1==", "\\", "<", ">", ":", " ", "\xff", "ann", "msprvs1=", "+srs=", "#@[]" };
	uint64_t seed = 0x5eed3;
	struct arena a;

	arena_init(&a, 0);
	for (int round = 0; round < 50000; round++) {
		struct str local, domain;
		struct addr_norm norm;
		struct buf b;

		buf_init(&b, 0);
		for (int i = 0; i < 12; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			if ((seed >> 60) == 0)
				break;
			buf_str_append(&b, str_of(words[(seed >> 33) % ARRAY_LEN(words)]));
		}
		if (round % 2)
			buf_str_append(&b, STR("@fwd.example"));
		addr_normalise(&a, buf_str(&b), &norm);
		cr_assert(norm.key.p && norm.plain.p);
		cr_assert_leq(norm.key.n, b.len);
		cr_assert_leq(norm.plain.n, b.len);
		if (round % 2 && norm.form != ADDR_NULL && addr_split(norm.key, &local, &domain) &&
		    !str_eq(domain, STR("fwd.example")))
			cr_assert_lt(str_ifind(buf_str(&b), STR("srs")), b.len, "%.*s: %.*s",
			    STR_FMT(buf_str(&b)), STR_FMT(norm.key));
		buf_fini(&b);
		arena_reset(&a);
	}
	arena_fini(&a);
}
