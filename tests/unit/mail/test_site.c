/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "mail/site.h"

static struct strset set;

static void
setup(void)
{
	strset_add(&set, STR("Example.org"));
	strset_add(&set, STR(".sub.example.net"));
	strset_add(&set, STR("1.example"));
	strset_add(&set, STR("x"));
}

static void
teardown(void)
{
	strset_fini(&set);
}

TestSuite(site, .init = setup, .fini = teardown);

Test(site, has)
{
	cr_expect(strset_has(&set, STR("EXAMPLE.org")));
	cr_expect(strset_has(&set, STR("1.example")));
	cr_expect(strset_has(&set, STR("X")));
	cr_expect(strset_has(&set, str_sub(STR("xy"), 0, 1)));
	cr_expect_not(strset_has(&set, STR("xy")));
	cr_expect_not(strset_has(&set, STR("example.or")));
	cr_expect_not(strset_has(&set, STR("example.org.")));
	cr_expect_not(strset_has(&set, STR("\x11.example"))); /* '1' but for the bit of case */
	cr_expect_not(strset_has(&set, STR("")));
	cr_expect_not(strset_has(&set, STR_NONE));
	strset_add(&set, STR(""));
	cr_expect(strset_has(&set, STR_NONE));
}

Test(site, has_domain)
{
	cr_expect(strset_has_domain(&set, STR("example.ORG.")));
	cr_expect(strset_has_domain(&set, STR("A.Sub.Example.Net")));
	cr_expect(strset_has_domain(&set, STR("a.b.sub.example.net.")));
	cr_expect_not(strset_has_domain(&set, STR("sub.example.net")));
	cr_expect_not(strset_has_domain(&set, STR("a.example.org")));
	cr_expect_not(strset_has_domain(&set, STR("example.org..")));
	cr_expect_not(strset_has_domain(&set, STR(".")));
	cr_expect_not(strset_has_domain(&set, STR("")));
	cr_expect_not(strset_has_domain(&set, STR_NONE));
}

Test(site, own_host)
{
	struct site s = { .own_hosts = set };

	cr_expect(site_own_host(&s, STR("Example.ORG.")));
	cr_expect_not(site_own_host(&s, STR("mx.example")));
	cr_expect_not(site_own_host(&s, STR(".")));
	cr_expect_not(site_own_host(&s, STR_NONE));
	s.hostname = (char[]){ "mx.example" };
	cr_expect(site_own_host(&s, STR("MX.example.")));
	cr_expect(site_own_host(&s, STR("x")));
	cr_expect_not(site_own_host(&s, STR("mx.example.org")));
}

Test(site, local_address)
{
	struct site s = { .local_domains = set };

	cr_expect(site_local_address(&s, STR("joe@Example.org")));
	cr_expect(site_local_address(&s, STR("@example.org")));
	cr_expect(site_local_address(&s, STR("\"a@b\"@a.sub.example.net")));
	cr_expect_not(site_local_address(&s, STR("\"joe@example.org\"@x.example")));
	cr_expect_not(site_local_address(&s, STR("joe@")));
	cr_expect_not(site_local_address(&s, STR("example.org")));
	cr_expect_not(site_local_address(&s, STR_NONE));
}
