/* SPDX-License-Identifier: ISC */
#include "stormctl_json.h"

#include "base/buf.h"
#include "base/utf8.h"

cJSON *
stormctl_json_str(struct str s)
{
	struct buf b;
	cJSON *item;

	if (!s.p)
		return cJSON_CreateNull();
	buf_init(&b, 0);
	while (s.n) {
		size_t n = utf8_len(s);

		if (n)
			buf_append(&b, s.p, n);
		else
			buf_str_append(&b, STR("\xef\xbf\xbd"));
		s = str_sub(s, n ? n : 1, s.n);
	}
	buf_append(&b, "", 1);
	item = cJSON_CreateString(buf_str(&b).p);
	buf_fini(&b);
	return item;
}
