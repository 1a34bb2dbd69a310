/* SPDX-License-Identifier: ISC */
/* stormctl hash: how addresses stand in a record whose [store] privacy is hashed, to look for them. */
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/err.h"
#include "config.h"
#include "mail/privacy.h"
#include "store/privacy_key.h"
#include "stormctl.h"

static int
no_key(int err, const char *why, const struct config *conf)
{
	bool plain = err == ERR_NOENT && conf && !conf->hashed;

	fprintf(stderr, "stormctl: %s%s\n", why,
	    plain ? "; [store] privacy is plain: the record has the addresses themselves" : "");
	return err == ERR_CONF || plain ? EX_CONFIG : EX_NOINPUT;
}

static int
print_hashes(const char *path, const struct config *conf, int n, char **addresses)
{
	unsigned char key[PRIVACY_KEY_SIZE];
	char why[512];
	struct privacy *p;
	struct arena a;
	int err = privacy_key_read(path, key, why, sizeof(why));

	if (err)
		return no_key(err, why, conf);
	p = privacy_new(key);
	explicit_bzero(key, sizeof(key));
	arena_init(&a, 0);
	for (int i = 0; i < n; i++)
		printf("%.*s\n", STR_FMT(privacy_address(p, &a, str_of(addresses[i]))));
	arena_fini(&a);
	privacy_free(p);
	return 0;
}

int
stormctl_hash(const struct stormctl *ctl, int argc, char **argv)
{
	const char *db = NULL;
	const struct stormctl_option options[] = { { "db", .text = &db }, { .name = NULL } };
	static struct config conf;
	int status = stormctl_options(argc, argv, options, 1, argc);

	if (status)
		return status;
	if (db)
		return print_hashes(db, NULL, argc - optind, argv + optind);
	status = stormctl_conf_load(stormctl_conf_path(ctl), &conf);
	if (status)
		return status;
	status = print_hashes(conf.store.path, &conf, argc - optind, argv + optind);
	config_fini(&conf);
	return status;
}
