/* SPDX-License-Identifier: ISC */
/* Our numbers against those of the installed libmilter. Ours are read before its macros hide them. */
#include <criterion/criterion.h>

#include "base/compiler.h"
#include "codec/milter_wire.h"

struct number {
	const char *name;
	long value;
};

/* clang-format off */
#define NUMBERS \
	N(MILTER_LEN_BYTES) N(MILTER_OPTLEN) N(MILTER_MAX_DATA_SIZE) \
	N(SMFIA_UNKNOWN) N(SMFIA_UNIX) N(SMFIA_INET) N(SMFIA_INET6) \
	N(SMFIC_ABORT) N(SMFIC_BODY) N(SMFIC_CONNECT) N(SMFIC_MACRO) N(SMFIC_BODYEOB) N(SMFIC_HELO) \
	N(SMFIC_QUIT_NC) N(SMFIC_HEADER) N(SMFIC_MAIL) N(SMFIC_EOH) N(SMFIC_OPTNEG) N(SMFIC_QUIT) \
	N(SMFIC_RCPT) N(SMFIC_DATA) N(SMFIC_UNKNOWN) \
	N(SMFIR_ADDRCPT) N(SMFIR_DELRCPT) N(SMFIR_ADDRCPT_PAR) N(SMFIR_SHUTDOWN) N(SMFIR_ACCEPT) \
	N(SMFIR_REPLBODY) N(SMFIR_CONTINUE) N(SMFIR_DISCARD) N(SMFIR_CHGFROM) N(SMFIR_CONN_FAIL) \
	N(SMFIR_ADDHEADER) N(SMFIR_INSHEADER) N(SMFIR_SETSYMLIST) N(SMFIR_CHGHEADER) N(SMFIR_PROGRESS) \
	N(SMFIR_QUARANTINE) N(SMFIR_REJECT) N(SMFIR_SKIP) N(SMFIR_TEMPFAIL) N(SMFIR_REPLYCODE) \
	N(SMFIF_ADDHDRS) N(SMFIF_CHGBODY) N(SMFIF_ADDRCPT) N(SMFIF_DELRCPT) N(SMFIF_CHGHDRS) \
	N(SMFIF_QUARANTINE) N(SMFIF_CHGFROM) N(SMFIF_ADDRCPT_PAR) N(SMFIF_SETSYMLIST) \
	N(SMFIP_NOCONNECT) N(SMFIP_NOHELO) N(SMFIP_NOMAIL) N(SMFIP_NORCPT) N(SMFIP_NOBODY) N(SMFIP_NOHDRS) \
	N(SMFIP_NOEOH) N(SMFIP_NR_HDR) N(SMFIP_NOUNKNOWN) N(SMFIP_NODATA) N(SMFIP_SKIP) N(SMFIP_RCPT_REJ) \
	N(SMFIP_NR_CONN) N(SMFIP_NR_HELO) N(SMFIP_NR_MAIL) N(SMFIP_NR_RCPT) N(SMFIP_NR_DATA) \
	N(SMFIP_NR_UNKN) N(SMFIP_NR_EOH) N(SMFIP_NR_BODY) N(SMFIP_HDR_LEADSPC)
/* clang-format on */

#define N(name) { #name, name },
static const struct number ours[] = { NUMBERS };

#if defined(__has_include)
#if __has_include(<libmilter/mfapi.h>) && __has_include(<libmilter/mfdef.h>)
#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>
#define HAVE_LIBMILTER 1
static const struct number theirs[] = { NUMBERS };
#endif
#endif

Test(milter_wire, same_as_libmilter)
{
#ifdef HAVE_LIBMILTER
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		cr_assert_eq(ours[i].value, theirs[i].value, "%s", ours[i].name);
#else
	cr_skip("libmilter's headers are not installed");
#endif
}

/* The offer of a full version 6, and what each field of it is worth. */
Test(milter_wire, masks)
{
	long actions = 0, steps = 0;

	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		if (strncmp(ours[i].name, "SMFIF_", 6) == 0) {
			cr_assert_eq(actions & ours[i].value, 0);
			actions |= ours[i].value;
		} else if (strncmp(ours[i].name, "SMFIP_", 6) == 0) {
			cr_assert_eq(steps & ours[i].value, 0);
			steps |= ours[i].value;
		}
	}
	cr_assert_eq(actions, 0x1ff);
	cr_assert_eq(steps, 0x1fffff);
}
