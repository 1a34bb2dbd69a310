/* SPDX-License-Identifier: ISC */
/* The version stands in the file VERSION alone; the Makefile hands it to the files that tell it. */
#include "version.h"

#include <stdio.h>

#include "base/compiler.h"
#include "config.h"
#include "mail/privacy.h"
#include "serve/serve.h"
#include "store/journal.h"

enum { NAME_MAX_LEN = 64 };

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static void
inih_library(char *out, size_t size)
{
	/* It does not tell its version itself. */
	snprintf(out, size, "inih%s%s", STORM_INIH[0] ? " " : "", STORM_INIH);
}

static void
xxhash_library(char *out, size_t size)
{
	snprintf(out, size, "xxHash %d.%d.%d", XXH_VERSION_MAJOR, XXH_VERSION_MINOR, XXH_VERSION_RELEASE);
}

static void (*const libraries[])(char *out, size_t size) = {
	server_library,
	journal_library,
	privacy_library,
	inih_library,
	xxhash_library,
};

void
version_print(const char *program, const char *more)
{
	char name[NAME_MAX_LEN];

	printf("%s %s\nlibraries       ", program, STORM_VERSION);
	for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
		libraries[i](name, sizeof(name));
		printf("%s%s", i ? ", " : "", name);
	}
	printf("%s%s\n", more ? ", " : "", more ? more : "");
	printf("schema          %d\n", journal_schema());
	printf("compiler        %s\n", COMPILER);
	printf("sanitizers      %s\n", STORM_SANITIZERS[0] ? STORM_SANITIZERS : "none");
	printf("service manager its notify protocol, without libsystemd\n");
	printf("configuration   %s\n", CONFIG_DEFAULT_PATH);
}
