/* SPDX-License-Identifier: ISC */
/* Text from messages as JSON: always well-formed, whatever bytes came in. */
#ifndef STORMCTL_JSON_H
#define STORMCTL_JSON_H

#include <cjson/cJSON.h>

#include "base/str.h"

/* A string, bytes that are no UTF-8 and NUL as U+FFFD; null when `s` is absent. */
cJSON *stormctl_json_str(struct str s);

#endif
