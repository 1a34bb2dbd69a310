/* SPDX-License-Identifier: ISC */
/*
 * A filter on libmilter that looks at nothing. It is told of the same events as policyd-storm: what a filter
 * needs that knows messages by their headers, and the first piece of the body, of which it wants no more (in
 * a bounce it would). With "silent" it waives the same answers too, which is the best that libmilter can do.
 * "bodiless" is silent and never hears of a body, which spares a round trip of the two that a message takes.
 */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

enum { SILENT = SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_DATA | SMFIP_NR_HDR | SMFIP_NR_EOH };

static bool silent, bodiless;

static sfsistat
on_options(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2, unsigned long f3,
    unsigned long *p0, unsigned long *p1, unsigned long *p2, unsigned long *p3)
{
	(void)ctx;
	(void)f2;
	(void)f3;
	*p0 = f0;
	*p1 = (SMFIP_NOUNKNOWN | (silent ? SILENT : 0) | (bodiless ? SMFIP_NOBODY : SMFIP_SKIP)) & f1;
	*p2 = *p3 = 0;
	return SMFIS_CONTINUE;
}

static sfsistat
quiet(unsigned long no_reply)
{
	return silent && no_reply ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	(void)ctx;
	(void)name;
	(void)address;
	return SMFIS_CONTINUE;
}

static sfsistat
on_helo(SMFICTX *ctx, char *name)
{
	(void)ctx;
	(void)name;
	return quiet(SMFIP_NR_HELO);
}

static sfsistat
on_path(SMFICTX *ctx, char **args)
{
	(void)ctx;
	(void)args;
	return quiet(SMFIP_NR_RCPT);
}

static sfsistat
on_field(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return quiet(SMFIP_NR_HDR);
}

static sfsistat
on_end(SMFICTX *ctx)
{
	(void)ctx;
	return quiet(SMFIP_NR_EOH);
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *p, size_t n)
{
	(void)ctx;
	(void)p;
	(void)n;
	return SMFIS_SKIP;
}

static sfsistat
on_message(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
	static char name[] = "null";
	struct smfiDesc filter = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_path,
		.xxfi_envrcpt = on_path,
		.xxfi_header = on_field,
		.xxfi_eoh = on_end,
		.xxfi_body = on_body,
		.xxfi_eom = on_message,
		.xxfi_data = on_end,
		.xxfi_negotiate = on_options,
	};
	static char address[128];
	const char *colon;

	if (argc < 2 || strncmp(argv[1], "inet:", 5) != 0)
		bench_fail("usage: null-milter inet:ADDRESS:PORT [silent|bodiless]");
	bodiless = argc > 2 && strcmp(argv[2], "bodiless") == 0;
	silent = bodiless || (argc > 2 && strcmp(argv[2], "silent") == 0);
	/* libmilter writes it the other way round. */
	colon = strrchr(argv[1], ':');
	snprintf(
	    address, sizeof(address), "inet:%s@%.*s", colon + 1, (int)(colon - argv[1] - 5), argv[1] + 5);
	bench_signals();
	if (smfi_register(filter) != MI_SUCCESS || smfi_setconn(address) != MI_SUCCESS ||
	    smfi_setbacklog(1024) != MI_SUCCESS)
		bench_fail("libmilter does not start on %s", address);
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
