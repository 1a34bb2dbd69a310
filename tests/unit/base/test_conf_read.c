/* SPDX-License-Identifier: ISC */
/* What the reader makes of a text, written down line by line: values as "LINE [section]
 * key=<value>", faults as "!LINE". */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/xalloc.h"

static void
on_key(void *arg, const char *section, const char *name, const char *value, unsigned line)
{
	if (name)
		buf_printf(arg, "%u [%s] %s=<%s>\n", line, section, name, value);
	else
		buf_printf(arg, "%u [%s]\n", line, section);
}

static void
on_fault(void *arg, const char *file, unsigned line, const char *what)
{
	(void)file;
	buf_printf(arg, "!%u %s\n", line, what);
}

static int
read_into(struct buf *out, struct str text)
{
	struct conf_faults faults = { on_fault, out, 0 };
	int rc;

	buf_init(out, 0);
	rc = conf_read_text(text, "t.conf", on_key, out, &faults);
	cr_assert_eq(rc, (int)faults.n);
	buf_append(out, "", 1);
	return rc;
}

struct sample {
	struct str in;
	const char *out;
};

static const struct sample samples[] = {
	{ STR(""), "" },
	{ STR("\n\n; c\n# c\n   ; c\n"), "" },
	{ STR("[a]\nk = v\n"), "1 [a]\n2 [a] k=<v>\n" },
	{ STR("[a]\nk=v"), "1 [a]\n2 [a] k=<v>\n" },
	{ STR("[a]\r\nk = v\r\n  w\r\n"), "1 [a]\n2 [a] k=<v w>\n" },
	{ STR("\xef\xbb\xbf[a]\nk = v\n"), "1 [a]\n2 [a] k=<v>\n" },
	{ STR("[ a ] ; c\nk=\nl = \n"), "1 [a]\n2 [a] k=<>\n3 [a] l=<>\n" },
	{ STR("[rule x-1]\nk = a=b:c\n"), "1 [rule x-1]\n2 [rule x-1] k=<a=b:c>\n" },
	/* comments behind a value */
	{ STR("[a]\nk = v ; c\nl = v;c\nm = ; c\nn = v # c\n"),
	    "1 [a]\n2 [a] k=<v>\n3 [a] l=<v;c>\n4 [a] m=<>\n5 [a] n=<v # c>\n" },
	/* a value over several lines, with blank lines and comments in it */
	{ STR("[a]\nk = 1,\n\t2, ; two\n\n ; no\n# no\n   3\nl = x\n"),
	    "1 [a]\n2 [a] k=<1, 2, 3>\n8 [a] l=<x>\n" },
	{ STR("[a]\nk =\n  1\n  2\n"), "1 [a]\n2 [a] k=<1 2>\n" },
	{ STR("[a]\nk = 1\n  [::1], x=y\n"), "1 [a]\n2 [a] k=<1 [::1], x=y>\n" },
	/* faults of a line */
	{ STR("[a]\nnonsense\nk = v\n"), "1 [a]\n!2 no '=' in this line\n3 [a] k=<v>\n" },
	{ STR("[a]\nk : v\nk:v=w\n"),
	    "1 [a]\n!2 no '=' in this line\n!3 ':' in front of '=' (say \"key = value\")\n" },
	{ STR("[a]\nk ; = v\n"), "1 [a]\n!2 no '=' in this line\n" },
	{ STR("[a]\n= v\n"), "1 [a]\n!2 no key in front of '='\n" },
	{ STR("k = v\n[a]\n"), "!1 key \"k\" before any section\n2 [a]\n" },
	{ STR("[a\nk = v\n[b]\nk = v\n"), "!1 '[' without ']'\n3 [b]\n4 [b] k=<v>\n" },
	{ STR("[]\nk = v\n"), "!1 section without a name\n" },
	{ STR("[a] k = v\nl = v\n"), "!1 text behind ']'\n" },
	{ STR("[a]\nk = 1\nk = 2\n  3\nl = 4\n"),
	    "1 [a]\n2 [a] k=<1>\n!3 \"k\" was set in line 2 already\n5 [a] l=<4>\n" },
	{ STR("[a]\nk = 1\n[b]\nk = 1\n"), "1 [a]\n2 [a] k=<1>\n3 [b]\n4 [b] k=<1>\n" },
	{ STR("[a]\nk = 1\n[a]\nk = 2\n"),
	    "1 [a]\n2 [a] k=<1>\n!3 section [a] began in line 1 already\n3 [a]\n4 [a] k=<2>\n" },
	{ STR("[a]\n  k = v\n  l = v\nm = v\n"),
	    "1 [a]\n!2 space at the start of the line: sections and keys begin in the first column\n4 [a] "
	    "m=<v>\n" },
	{ STR("[a]\nk = v\n  [b]\n  l = v\n[c]\n"),
	    "1 [a]\n2 [a] k=<v>\n!3 space at the start of the line: sections and keys begin in the first "
	    "column\n5 [c]\n" },
	{ STR("[a]\nk = v\n  l = w\n  x\nm = v\n"),
	    "1 [a]\n2 [a] k=<v>\n!3 space at the start of the line: sections and keys begin in the first "
	    "column\n5 [a] m=<v>\n" },
	{ STR("[a]\nk = v\n\tl_m= w\nn = v\n  o =\np = v\n q=\n"),
	    "1 [a]\n2 [a] k=<v>\n!3 space at the start of the line: sections and keys begin in the first "
	    "column\n4 [a] n=<v>\n!5 space at the start of the line: sections and keys begin in the first "
	    "column\n6 [a] p=<v>\n!7 space at the start of the line: sections and keys begin in the first "
	    "column\n" },
	{ STR("[a]\nk = v\n  prvs=x@b, c = d\n  two words = e\n  = f\n  g\n"),
	    "1 [a]\n2 [a] k=<v prvs=x@b, c = d two words = e = f g>\n" },
	{ STR("  more\n"),
	    "!1 space at the start of the line: sections and keys begin in the first column\n" },
	{ STR("[a]\nk = v\0w\nl = \x01\nm = a\rb\nn = \t1\n"),
	    "1 [a]\n!2 control character \\x00\n!3 control character \\x01\n!4 control character \\x0d\n5 "
	    "[a] n=<1>\n" },
	{ STR("[a]\nk = 1\n  2\x7f\n  3\nl = 4\n"),
	    "1 [a]\n2 [a] k=<1 3>\n!3 control character \\x7f\n5 [a] l=<4>\n" },
	{ STR("[a\x01]\nk = 1\n"), "!1 control character \\x01\n" },
	/* several faults: all of them, in the order of the lines */
	{ STR("x\n[a]\ny\nk = 1\n \x02\n 2\n[\n[b]\nz\n"),
	    "!1 no '=' in this line\n2 [a]\n!3 no '=' in this line\n4 [a] k=<1 2>\n!5 control character "
	    "\\x02\n"
	    "!7 '[' without ']'\n8 [b]\n!9 no '=' in this line\n" },
};

Test(conf_read, samples)
{
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		struct buf out;

		read_into(&out, samples[i].in);
		cr_expect_str_eq(buf_str(&out).p, samples[i].out, "sample %zu: got\n%s", i, buf_str(&out).p);
		buf_fini(&out);
	}
}

/* `n` times c, between head and tail. */
static struct str
long_text(const char *head, char c, size_t n, const char *tail)
{
	size_t total = strlen(head) + n + strlen(tail);
	char *p = malloc(total + 1);

	memcpy(p, head, strlen(head));
	memset(p + strlen(head), c, n);
	memcpy(p + strlen(head) + n, tail, strlen(tail) + 1);
	return (struct str){ p, total };
}

static void
expect(struct str text, const char *want)
{
	struct buf out;

	read_into(&out, text);
	cr_expect_str_eq(buf_str(&out).p, want, "want %s\ngot %s", want, buf_str(&out).p);
	buf_fini(&out);
	free((char *)text.p);
}

static const char *
format(const char *fmt, char c, int n)
{
	static char out[CONF_VALUE_MAX * 2];
	char *fill = malloc((size_t)n + 1);

	memset(fill, c, (size_t)n);
	fill[n] = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(out, sizeof(out), fmt, fill);
#pragma GCC diagnostic pop
	free(fill);
	return out;
}

#define TOO_LONG "line longer than 190 bytes (go on in a line that begins with space)\n"

Test(conf_read, line_cap)
{
	expect(long_text("[a]\nk=", 'x', CONF_LINE_MAX - 2, "\nl=1\n"),
	    format("1 [a]\n2 [a] k=<%s>\n3 [a] l=<1>\n", 'x', CONF_LINE_MAX - 2));
	expect(long_text("[a]\nk=", 'x', CONF_LINE_MAX - 2, "\r\nl=1\r\n"),
	    format("1 [a]\n2 [a] k=<%s>\n3 [a] l=<1>\n", 'x', CONF_LINE_MAX - 2));
	expect(long_text("[a]\nk=", 'x', CONF_LINE_MAX - 1, "\n  more\nl=1\n"),
	    "1 [a]\n!2 " TOO_LONG "4 [a] l=<1>\n");
	/* inih's own buffer is 200 bytes: around it nothing changes */
	for (size_t n = CONF_LINE_MAX - 1; n < 420; n++)
		expect(long_text("[a]\nk=", '=', n, "\nl=1\n"), "1 [a]\n!2 " TOO_LONG "3 [a] l=<1>\n");
	expect(long_text("[a]\nk=1\n ", 'x', CONF_LINE_MAX, "\n 2\n"), "1 [a]\n2 [a] k=<1 2>\n!3 " TOO_LONG);
	expect(long_text("[", 'x', CONF_LINE_MAX, "]\nk=1\n"), "!1 " TOO_LONG);
	/* comments and blank lines may be longer */
	expect(long_text("[a]\n;", 'x', 5000, "\nl=1\n"), "1 [a]\n3 [a] l=<1>\n");
	expect(long_text("[a]\n", ' ', 5000, "\nl=1\n"), "1 [a]\n3 [a] l=<1>\n");
}

Test(conf_read, name_caps)
{
	expect(long_text("[", 's', CONF_NAME_MAX, "]\nk=1\n"),
	    format("1 [%1$s]\n2 [%1$s] k=<1>\n", 's', CONF_NAME_MAX));
	expect(long_text("[", 's', CONF_NAME_MAX + 1, "]\nk=1\n"), "!1 section name longer than 48 bytes\n");
	expect(long_text("[a]\n", 'k', CONF_NAME_MAX, "=1\n  2\n"),
	    format("1 [a]\n2 [a] %s=<1 2>\n", 'k', CONF_NAME_MAX));
	expect(long_text("[a]\n", 'k', CONF_NAME_MAX + 1, "=1\n  2\nl=3\n"),
	    "1 [a]\n!2 key longer than 48 bytes\n4 [a] l=<3>\n");
}

/* A value of exactly `n` bytes over many lines, of 99 bytes each and the space that joins them. */
static void
long_value(struct buf *text, size_t n)
{
	buf_init(text, 0);
	buf_printf(text, "[a]\nk=");
	for (size_t i = 0; i < n; i++)
		buf_printf(text, "%s", i % 100 == 99 ? "\n " : "v");
	buf_printf(text, "\nl=1\n");
}

struct length {
	size_t n;
	bool found, fault;
};

static void
note_length(void *arg, const char *section, const char *name, const char *value, unsigned line)
{
	struct length *l = arg;

	(void)section;
	if (name && strcmp(name, "k") == 0) {
		l->found = true;
		cr_expect_eq(strlen(value), l->n);
		cr_expect_eq(line, 2u);
	}
}

static void
note_fault(void *arg, const char *file, unsigned line, const char *what)
{
	struct length *l = arg;

	cr_expect_str_eq(file, "t.conf");
	cr_expect_eq(line, 2u);
	cr_expect_str_eq(what, "value longer than 8192 bytes");
	l->fault = true;
}

Test(conf_read, value_cap)
{
	for (size_t n = CONF_VALUE_MAX - 2; n <= CONF_VALUE_MAX + 3; n++) {
		struct length l = { .n = n };
		struct conf_faults faults = { note_fault, &l, 0 };
		struct buf text;

		long_value(&text, n);
		conf_read_text(buf_str(&text), "t.conf", note_length, &l, &faults);
		cr_expect_eq(l.found, n <= CONF_VALUE_MAX, "n=%zu", n);
		cr_expect_eq(l.fault, n > CONF_VALUE_MAX, "n=%zu", n);
		buf_fini(&text);
	}
}

static char path[] = "/tmp/test_conf_XXXXXX";

static void
write_file(const char *text, size_t n, size_t fill)
{
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	cr_assert(f);
	fwrite(text, 1, n, f);
	for (size_t i = 0; i < fill; i++)
		putc('\n', f);
	fclose(f);
}

static int
read_file(struct buf *out, const char *from)
{
	struct conf_faults faults = { on_fault, out, 0 };
	int rc;

	buf_init(out, 0);
	rc = conf_read(from, on_key, out, &faults);
	buf_append(out, "", 1);
	return rc;
}

Test(conf_read, file)
{
	struct buf out;

	write_file("[a]\nk = v\nx\n", 12, 0);
	cr_expect_eq(read_file(&out, path), 1);
	cr_expect_str_eq(buf_str(&out).p, "1 [a]\n2 [a] k=<v>\n!3 no '=' in this line\n");
	buf_fini(&out);
	unlink(path);
	cr_expect_eq(read_file(&out, path), ERR_IO);
	cr_expect_str_eq(buf_str(&out).p, "!0 cannot read: No such file or directory\n");
	buf_fini(&out);
	cr_expect_eq(read_file(&out, "/"), ERR_IO);
	cr_expect_str_eq(buf_str(&out).p, "!0 cannot read: Is a directory\n");
	buf_fini(&out);
	cr_expect_eq(read_file(&out, "/dev/null"), 0);
	buf_fini(&out);
}

Test(conf_read, one_value)
{
	static const char text[] = "[a]\nother = 1\nx\n[b]\nk = no\n[a again]\nk = no\n[c]\nk = v\n  w\n";
	unsigned line;
	char *value;

	write_file(text, sizeof(text) - 1, 0);
	value = conf_value(path, "c", "k", &line);
	cr_assert(value);
	cr_expect_str_eq(value, "v w");
	cr_expect_eq(line, 9);
	xfree(value);
	cr_expect_null(conf_value(path, "a", "k", &line));
	cr_expect_eq(line, 0);
	unlink(path);
	cr_expect_null(conf_value(path, "c", "k", NULL));
}

/* Nobody writes to it: who opened it as a file would wait for ever. */
Test(conf_read, fifo, .timeout = 10)
{
	struct buf out;

	write_file("", 0, 0);
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_eq(read_file(&out, path), ERR_IO);
	cr_expect_str_eq(buf_str(&out).p, "!0 cannot read: not a regular file\n");
	buf_fini(&out);
	unlink(path);
}

/* What a shell makes of "<(command)". */
Test(conf_read, pipeline, .timeout = 10)
{
	struct buf out;
	int ends[2];
	char name[32];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], "[a]\n", 4), 4);
	close(ends[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
	cr_expect_eq(read_file(&out, name), 0);
	cr_expect_str_eq(buf_str(&out).p, "1 [a]\n");
	buf_fini(&out);
	close(ends[0]);
}

Test(conf_read, file_cap)
{
	struct buf out;

	write_file("[a]\n", 4, CONF_FILE_MAX - 4);
	cr_expect_eq(read_file(&out, path), 0);
	cr_expect_str_eq(buf_str(&out).p, "1 [a]\n");
	buf_fini(&out);
	unlink(path);
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	write_file("[a]\n", 4, CONF_FILE_MAX - 3);
	cr_expect_eq(read_file(&out, path), ERR_IO);
	cr_expect_str_eq(buf_str(&out).p, "!0 cannot read: larger than 4 MB\n");
	buf_fini(&out);
	unlink(path);
}

/* Many keys in one section, all different and then all again: time grows with their number only. */
Test(conf_read, many_keys, .timeout = 20)
{
	enum { N = 200000 };
	struct buf text, out;

	buf_init(&text, 0);
	buf_printf(&text, "[a]\n");
	for (int i = 0; i < N; i++)
		buf_printf(&text, "k%d=\n", i % (N / 2));
	cr_expect_eq(read_into(&out, buf_str(&text)), N / 2);
	buf_fini(&text);
	buf_fini(&out);
}

static void
count_lines(void *arg, const char *section, const char *name, const char *value, unsigned line)
{
	unsigned *last = arg;

	(void)section;
	(void)name;
	(void)value;
	cr_assert_geq(line, *last);
	*last = line;
}

static void
count_fault(void *arg, const char *file, unsigned line, const char *what)
{
	unsigned *last = arg;

	(void)file;
	(void)what;
	cr_assert_geq(line, *last);
	*last = line;
}

/* Bytes that look like a file: whatever comes, lines are reported in order and none beyond the last. */
Test(conf_read, any_bytes, .timeout = 20)
{
	static const char alphabet[] = "[]=:;# \t\n\n\r\\kv1\0\x01\xef\xbb\xbf\"";
	uint64_t seed = 42;
	char text[400];

	for (int round = 0; round < 30000; round++) {
		unsigned last = 0, lines = 1;
		struct conf_faults faults = { count_fault, &last, 0 };

		for (size_t i = 0; i < sizeof(text); i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[i] = alphabet[(seed >> 33) % (sizeof(alphabet) - 1)];
			lines += text[i] == '\n';
		}
		conf_read_text((struct str){ text, sizeof(text) }, "t", count_lines, &last, &faults);
		cr_assert_leq(last, lines);
	}
}
