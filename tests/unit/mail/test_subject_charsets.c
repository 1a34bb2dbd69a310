/* SPDX-License-Identifier: ISC */
/* Phrases in the character sets from before UTF-8, encoded; each goes on behind a colon. */
#include <criterion/criterion.h>

#include "mail/subject.h"

static const struct {
	const char *word;
	enum subject_kind kind;
} words[] = {
	{ "=?iso-8859-2?B?bmVkb3J16GVuOiB4?=", SUBJECT_BOUNCE },
	{ "=?iso-8859-2?B?bmVkb3J16Gl0ZTogeA==?=", SUBJECT_BOUNCE },
	{ "=?iso-8859-2?B?bmllIG1vv25hIGRvc3RhcmN6eTogeA==?=", SUBJECT_BOUNCE },
	{ "=?windows-1250?B?b2Rwb3dpZWSfIGF1dG9tYXQ6IHg=?=", SUBJECT_AUTO_REPLY },
	{ "=?iso-8859-2?B?cuNzcHVucyBhdXRvbWF0OiB4?=", SUBJECT_AUTO_REPLY },
	{ "=?iso-8859-1?B?c2rhbGZ2aXJrdCBzdmFyOiB4?=", SUBJECT_AUTO_REPLY },
	{ "=?iso-8859-9?B?b2ZpcyBk/f79bmRhOiB4?=", SUBJECT_AUTO_REPLY },
	{ "=?windows-1257?B?YXV0b23idGlza2EgYXRiaWxkZTogeA==?=", SUBJECT_AUTO_REPLY },
	{ "=?windows-1257?B?YXV0b23idGlza+IgYXRiaWxkZTogeA==?=", SUBJECT_AUTO_REPLY },
	{ "=?windows-1253?B?xOXtIOXf7eHpIOT17eH03iDnIPDh8dzk7/PnOiB4?=", SUBJECT_BOUNCE },
	{ "=?windows-1253?B?xer0/PIg4/Hh9uXf7/U6IHg=?=", SUBJECT_AUTO_REPLY },
	{ "=?windows-1251?B?wu3lIO706PHgOiB4?=", SUBJECT_AUTO_REPLY },
	{ "=?koi8-r?B?987FIM/GydPBOiB4?=", SUBJECT_AUTO_REPLY },
	{ "=?windows-1251?B?zeUg5O7x8uDi6+Xt7jogeA==?=", SUBJECT_BOUNCE },
	{ "=?koi8-r?B?7sUgxM/T1MHXzMXOzzogeA==?=", SUBJECT_BOUNCE },
	{ "=?windows-1251?B?zeUg8+Tg6+7x/CDk7vHy4OLo8vw6IHg=?=", SUBJECT_BOUNCE },
	{ "=?koi8-r?B?7sUg1cTBzM/T2CDEz9PUwdfJ1Ng6IHg=?=", SUBJECT_BOUNCE },
	{ "=?windows-1251?B?zeXyIO3gIPDg4e735ewg7OXx8uU6IHg=?=", SUBJECT_AUTO_REPLY },
	{ "=?koi8-r?B?7sXUIM7BINLBws/exc0gzcXT1MU6IHg=?=", SUBJECT_AUTO_REPLY },
	{ "=?windows-1251?B?z+jx/OzuIO3lIOTu8fLg4uvl7e46IHg=?=", SUBJECT_BOUNCE },
	{ "=?koi8-r?B?8MnT2M3PIM7FIMTP09TB18zFzs86IHg=?=", SUBJECT_BOUNCE },
	{ "=?windows-1251?B?0e7u4fnl7ejlIO3lIOTu8fLg4uvl7e46IHg=?=", SUBJECT_BOUNCE },
	{ "=?koi8-r?B?88/Pwt3FzsnFIM7FIMTP09TB18zFzs86IHg=?=", SUBJECT_BOUNCE },
	{ "=?windows-1251?B?zeUg4uTg6+7x/yDk7vHy4OLo8ug6IHg=?=", SUBJECT_BOUNCE },
	{ "=?koi8-r?B?7sUg18TBzM/T0SDEz9PUwdfJ1Mk6IHg=?=", SUBJECT_BOUNCE },
	{ "=?windows-1251?B?wOLy7uzg8uj37eAg4rPk7+7is+T8OiB4?=", SUBJECT_AUTO_REPLY },
	{ "=?koi8-u?B?4dfUz83B1MnezsEg16bE0M/XpsTYOiB4?=", SUBJECT_AUTO_REPLY },
	{ "=?windows-1251?B?wOLy7uzg8uj35e0g7vLj7uLu8DogeA==?=", SUBJECT_AUTO_REPLY },
	{ "=?windows-1251?B?wPPy7uzg8vHq6CDu5OPu4u7wOiB4?=", SUBJECT_AUTO_REPLY },
	{ "=?windows-1255?B?7OAg8On67yDs7vHl+DogeA==?=", SUBJECT_BOUNCE },
	{ "=?windows-1255?B?7OAg8On67yDs7vHp+OQ6IHg=?=", SUBJECT_BOUNCE },
	{ "=?windows-1256?B?x+HRzyDH4crh3sfG7TogeA==?=", SUBJECT_AUTO_REPLY },
	{ "=?iso-8859-6?B?x+TRzyDH5Mrk4sfG6jogeA==?=", SUBJECT_AUTO_REPLY },
	{ "=?windows-1256?B?0c8gyuHex8btOiB4?=", SUBJECT_AUTO_REPLY },
	{ "=?iso-8859-6?B?0c8gyuTix8bqOiB4?=", SUBJECT_AUTO_REPLY },
	{ "=?windows-1256?B?gcfTziDO5s+Yx9E6IHg=?=", SUBJECT_AUTO_REPLY },
	{ "=?tis-620?B?odLDtc26ocXRus3RteK5wdG11DogeA==?=", SUBJECT_AUTO_REPLY },
	{ "=?tis-620?B?tc26ocXRus3RteK5wdG11DogeA==?=", SUBJECT_AUTO_REPLY },
	{ "=?shift_jis?B?g4GDYoNagVuDV4LwlHqQTYLFgquC3IK5gvE6IHg=?=", SUBJECT_BOUNCE },
	{ "=?euc-jp?B?peGlw6W7obyluKTyx9u/rqTHpK2k3qS7pPM6IHg=?=", SUBJECT_BOUNCE },
	{ "=?shift_jis?B?g4GBW4OLkZeQTYNHg4mBWzogeA==?=", SUBJECT_BOUNCE },
	{ "=?euc-jp?B?peGhvKXrwfe/rqWopemhvDogeA==?=", SUBJECT_BOUNCE },
	{ "=?shift_jis?B?g4GBW4OLlHqQTYLJjriUczogeA==?=", SUBJECT_BOUNCE },
	{ "=?euc-jp?B?peGhvKXrx9u/rqTLvLrH1DogeA==?=", SUBJECT_BOUNCE },
	{ "=?shift_jis?B?lHqQTYLFgquC3IK5gvE6IHg=?=", SUBJECT_BOUNCE },
	{ "=?euc-jp?B?x9u/rqTHpK2k3qS7pPM6IHg=?=", SUBJECT_BOUNCE },
	{ "=?shift_jis?B?lHqQTYNHg4mBWzogeA==?=", SUBJECT_BOUNCE },
	{ "=?euc-jp?B?x9u/rqWopemhvDogeA==?=", SUBJECT_BOUNCE },
	{ "=?euc-jp?B?x9u/rsnUx706IHg=?=", SUBJECT_BOUNCE },
	{ "=?shift_jis?B?lXON3ZLKkm06IHg=?=", SUBJECT_AUTO_REPLY },
	{ "=?euc-jp?B?ydS638TMw846IHg=?=", SUBJECT_AUTO_REPLY },
	{ "=?gb18030?B?zeKz9jogeA==?=", SUBJECT_AUTO_REPLY },
	{ "=?big5?B?pX6lWDogeA==?=", SUBJECT_AUTO_REPLY },
	{ "=?gb18030?B?zt63qMvNtO86IHg=?=", SUBJECT_BOUNCE },
	{ "=?big5?B?tUyqa6fru7w6IHg=?=", SUBJECT_BOUNCE },
	{ "=?euc-kr?B?us7A5yDB3zogeA==?=", SUBJECT_AUTO_REPLY },
	{ "=?euc-kr?B?us7A58HfOiB4?=", SUBJECT_AUTO_REPLY },
	{ "=?koi8-r?B?7sXEz9PUwdfMxc7Oz8Ug08/Pwt3FzsnFOiB4?=", SUBJECT_BOUNCE },
	{ "=?gb18030?B?z7XNs83L0MU6IHg=?=", SUBJECT_BOUNCE },
	{ "=?gb18030?B?19S2r7vYuLQ6IHg=?=", SUBJECT_AUTO_REPLY },
	{ "=?iso-2022-jp?B?GyRCR1s/LiUoJWkhPBsoQjogeA==?=", SUBJECT_BOUNCE },
};

Test(subject_charsets, phrases)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		cr_expect_eq(subject_classify(str_of(words[i].word)), words[i].kind, "%s", words[i].word);
}

/* Beginnings of others that share their first bytes. */
Test(subject_charsets, others)
{
	static const char *const others[] = {
		"=?windows-1251?B?zeUg5O7x8uDi?=", /* "Не достав", cut */
		"=?koi8-r?B?7sUgzsHEzw==?=",       /* "Не надо" */
		"=?shift_jis?B?lHqQTQ==?=",        /* delivery */
		"=?gb18030?B?zeK9uw==?=",          /* foreign affairs */
		"nedoru",
		"ofis d",
		"\x80",
		"\x80\x80",
		"\xff\xff",
	};

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		cr_expect_eq(subject_classify(str_of(others[i])), SUBJECT_PLAIN, "%s", others[i]);
}
