/* SPDX-License-Identifier: ISC */
/* One line of a .jsonl file as an event. */
#ifndef STORMCTL_EVENT_JSON_H
#define STORMCTL_EVENT_JSON_H

#include "base/arena.h"
#include "stormctl_events.h"

/* false: not a JSON object. Strings of `ev` point into `line` or live in the arena, which has no bound. */
bool event_from_json(struct event *ev, struct str line, struct arena *a) MUSTCHECK;

/* The same by cJSON alone: what event_from_json() asks about lines that are not of the usual form. */
bool event_by_cjson(struct event *ev, struct str line, struct arena *a) MUSTCHECK;

/* The JSON library as it runs: "cJSON 1.7.15". */
void event_json_library(char *out, size_t size);

#endif
