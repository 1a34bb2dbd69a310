/* SPDX-License-Identifier: ISC */
/*
 * Looks at each physical line before inih gets it. inih is handed only lines that it understands as we
 * do, and an empty line in place of a faulty one; so it stays in step and the number of the line handed
 * out last is that of the value that comes back.
 */
#include "base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/xalloc.h"

struct held {
	unsigned line;
	char *what;
};

struct reader {
	struct str rest; /* not read yet */
	unsigned line;   /* of the line handed out last */
	const char *file;
	conf_fn *fn;
	void *arg;
	struct conf_faults *faults;
	unsigned n_faults;

	char section[CONF_NAME_MAX + 1];
	unsigned n_sections; /* begun so far; 0: none yet */
	bool deaf;           /* the section's head is faulty: its keys are checked, but belong nowhere */

	/* the key whose value may still go on */
	bool open;
	char name[CONF_NAME_MAX + 1];
	struct buf value;
	unsigned name_line;
	bool orphan; /* no key is open because its line was faulty: lines that go on with it are skipped */
	bool more;   /* the line handed out goes on with the open key */

	struct map seen;   /* section and key names -> line */
	struct held *held; /* faults found while a key of an earlier line is open */
	size_t n_held;
};

void
conf_fault(struct conf_faults *f, const char *file, unsigned line, const char *fmt, ...)
{
	char what[CONF_WHY_MAX + 256];
	va_list ap;

	if (!f)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	f->n++;
	f->report(f->arg, file, line, what);
}

/* A fault of the present line; waits while a value of an earlier line has not been given out. */
PRINTF(2, 3)
static void
grammar(struct reader *r, const char *fmt, ...)
{
	char what[CONF_WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	r->n_faults++;
	if (!r->open) {
		conf_fault(r->faults, r->file, r->line, "%s", what);
		return;
	}
	r->held = xgrow(r->held, r->n_held, sizeof(*r->held));
	r->held[r->n_held++] = (struct held){ r->line, xstrdup(what) };
}

/* The open key's value is complete. */
static void
flush(struct reader *r)
{
	struct str value = buf_str(&r->value);

	if (r->open) {
		r->open = false;
		if (value.n > CONF_VALUE_MAX || r->value.failed) {
			r->n_faults++;
			conf_fault(
			    r->faults, r->file, r->name_line, "value longer than %d bytes", CONF_VALUE_MAX);
		} else {
			char *text = xstr(value);

			r->fn(r->arg, r->section, r->name, text, r->name_line);
			xfree(text);
		}
	}
	for (size_t i = 0; i < r->n_held; i++) {
		conf_fault(r->faults, r->file, r->held[i].line, "%s", r->held[i].what);
		xfree(r->held[i].what);
	}
	r->n_held = 0;
}

/* The line where this name was seen before, or 0; `scope` is the section's number, 0 for section names. */
static unsigned
seen_before(struct reader *r, unsigned scope, struct str name)
{
	struct hash h;
	struct key128 key;
	void *before;

	hash_init(&h, 0, "conf");
	hash_u64(&h, scope);
	hash_str(&h, name);
	key = hash_end(&h);
	before = map_get(&r->seen, key);
	if (!before)
		map_put(&r->seen, key, (void *)(uintptr_t)r->line);
	return (unsigned)(uintptr_t)before;
}

/* As inih sees it: a ';' behind a space begins a comment. */
static struct str
strip_comment(struct str s)
{
	for (size_t i = 1; i < s.n; i++)
		if (s.p[i] == ';' && str_is_space(s.p[i - 1]))
			return str_trim(str_sub(s, 0, i));
	return s;
}

static struct str
take_section(struct reader *r, struct str s)
{
	struct str body = strip_comment(s);
	size_t at = str_find(body, ']');
	struct str name = str_trim(str_sub(body, 1, at));
	struct str behind = str_trim(str_sub(body, at + 1, body.n));
	unsigned before;

	r->deaf = r->orphan = true;
	r->n_sections++;
	if (at == body.n) {
		grammar(r, "'[' without ']'");
	} else if (behind.n && behind.p[0] != '#' && behind.p[0] != ';') {
		grammar(r, "text behind ']'");
	} else if (name.n == 0) {
		grammar(r, "section without a name");
	} else if (name.n > CONF_NAME_MAX) {
		grammar(r, "section name longer than %d bytes", CONF_NAME_MAX);
	} else {
		r->deaf = r->orphan = false;
		memcpy(r->section, name.p, name.n);
		r->section[name.n] = '\0';
		before = seen_before(r, 0, name);
		if (before)
			grammar(r, "section [%s] began in line %u already", r->section, before);
		r->fn(r->arg, r->section, NULL, NULL, r->line);
		return s;
	}
	return STR_NONE;
}

static struct str
take_key(struct reader *r, struct str s)
{
	struct str body = strip_comment(s);
	size_t equals = str_find(body, '='), colon = str_find(body, ':');
	struct str name = str_trim(str_sub(body, 0, equals));
	unsigned before;

	r->orphan = true;
	if (equals == body.n) {
		grammar(r, "no '=' in this line");
	} else if (colon < equals) {
		grammar(r, "':' in front of '=' (say \"key = value\")");
	} else if (name.n == 0) {
		grammar(r, "no key in front of '='");
	} else if (name.n > CONF_NAME_MAX) {
		grammar(r, "key longer than %d bytes", CONF_NAME_MAX);
	} else if (r->n_sections == 0) {
		grammar(r, "key %s before any section", CONFQ(name));
	} else {
		before = seen_before(r, r->n_sections, name);
		if (before)
			grammar(r, "%s was set in line %u already", CONFQ(name), before);
		else
			r->orphan = r->deaf;
	}
	return r->orphan ? STR_NONE : s;
}

/* "[section]" or "key = value". An address with '=' in it has no space beside that. */
static bool
is_head(struct str s)
{
	size_t n = 0, equals = str_find(s, '=');

	if (s.p[0] == '[')
		return s.p[s.n - 1] == ']' && str_find(s, ':') == s.n;
	while (str_letter(s.p[n]) || s.p[n] == '_')
		if (++n == s.n)
			return false;
	return n > 0 && equals < s.n && str_trim(str_sub(s, n, equals)).n == 0 &&
	    (equals > n || equals + 1 == s.n || str_is_space(s.p[equals + 1]));
}

/* A line that begins with space. */
static struct str
take_more(struct reader *r, struct str line, struct str s)
{
	struct str body = strip_comment(s);

	if (r->orphan)
		return STR_NONE;
	if (!r->open || is_head(body)) {
		grammar(r, "space at the start of the line: sections and keys begin in the first column");
		flush(r);
		r->orphan = true;
		return STR_NONE;
	}
	r->more = true;
	return (struct str){ line.p, (size_t)(body.p + body.n - line.p) };
}

static struct str
take_faulty(struct reader *r, struct str line, char control)
{
	if (!str_is_space(line.p[0])) {
		flush(r);
		r->orphan = true;
		if (line.p[0] == '[') {
			r->n_sections++;
			r->deaf = true;
		}
	}
	if (line.n > CONF_LINE_MAX)
		grammar(
		    r, "line longer than %d bytes (go on in a line that begins with space)", CONF_LINE_MAX);
	else
		grammar(r, "control character \\x%02x", (unsigned char)control);
	return STR_NONE;
}

/* What inih is to see of a line. */
static struct str
take_line(struct reader *r, struct str line)
{
	struct str s = str_trim(line);

	r->more = false;
	if (s.n == 0 || s.p[0] == ';' || s.p[0] == '#')
		return STR_NONE;
	if (line.n > CONF_LINE_MAX)
		return take_faulty(r, line, 0);
	for (size_t i = 0; i < line.n; i++)
		if (str_is_control(line.p[i]) && line.p[i] != '\t')
			return take_faulty(r, line, line.p[i]);
	if (str_is_space(line.p[0]))
		return take_more(r, line, s);
	flush(r);
	return s.p[0] == '[' ? take_section(r, s) : take_key(r, s);
}

/* inih's ini_reader: the next line into `out`, NULL at the end. */
static char *
next_line(char *out, int size, void *stream)
{
	struct reader *r = stream;
	struct str line;

	if (r->rest.n == 0 || size < CONF_LINE_MAX + 1)
		return NULL;
	line = str_sub(r->rest, 0, str_find(r->rest, '\n'));
	r->rest = str_sub(r->rest, line.n + 1, r->rest.n);
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	r->line++;
	line = take_line(r, line);
	if (line.n)
		memcpy(out, line.p, line.n);
	out[line.n] = '\0';
	return out;
}

static int
on_value(void *arg, const char *section, const char *name, const char *value)
{
	struct reader *r = arg;

	(void)section;
	if (!r->more) {
		snprintf(r->name, sizeof(r->name), "%s", name);
		r->name_line = r->line;
		r->open = true;
		buf_reset(&r->value);
	} else if (buf_str(&r->value).n) {
		buf_str_append(&r->value, STR(" "));
	}
	buf_str_append(&r->value, str_of(value));
	return 1;
}

int
conf_read_text(struct str text, const char *name, conf_fn *fn, void *arg, struct conf_faults *faults)
{
	struct reader r = { .rest = text, .file = name, .fn = fn, .arg = arg, .faults = faults };
	int line;

	(void)str_cut_front(&r.rest, STR("\xef\xbb\xbf"));
	buf_init(&r.value, CONF_VALUE_MAX + 1);
	map_init(&r.seen);
	line = ini_parse_stream(next_line, &r, on_value, &r);
	flush(&r);
	/* Cannot be while it reads lines as we do; an inih built with other settings may differ. */
	if (line || r.rest.n) {
		r.n_faults++;
		conf_fault(faults, name, line > 0 ? (unsigned)line : r.line, "not understood by inih");
	}
	map_fini(&r.seen);
	buf_fini(&r.value);
	xfree(r.held);
	return (int)r.n_faults;
}

/* A shell's "<(command)" and "|": opening it waits for nobody, and reading it is the user's own wish. */
static bool
is_pipeline(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (uint32_t)fs.f_type == PIPEFS_MAGIC && fcntl(fd, F_SETFL, 0) == 0;
}

/* A FIFO that nobody writes to would hold up a daemon that reads its files anew. */
static int
open_plain(const char *path, FILE **out)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	bool good;

	if (fd < 0)
		return errno == ENXIO ? ERR_CONF : ERR_IO; /* what it says of a socket */
	good = fstat(fd, &st) == 0 &&
	    (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) /* read(2) says so */ ||
		(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) /* /dev/null */ || is_pipeline(fd));
	*out = good ? fdopen(fd, "r") : NULL;
	if (*out)
		return 0;
	close(fd);
	return good ? ERR_IO : ERR_CONF;
}

const char *
conf_slurp_why(int err)
{
	_Static_assert(CONF_FILE_MAX == 4 << 20, "and so says the manual page");
	if (err == ERR_FULL)
		return "larger than 4 MB";
	return err == ERR_CONF ? "not a regular file" : strerror(errno);
}

int
conf_slurp(const char *path, char **out, size_t *n)
{
	FILE *f;
	struct buf b;
	char *to;
	size_t got = 0;
	int err = open_plain(path, &f), saved;

	if (err)
		return err;
	buf_init(&b, CONF_FILE_MAX + BUFSIZ);
	do {
		to = buf_reserve(&b, BUFSIZ);
		got = to ? fread(to, 1, BUFSIZ, f) : 0;
		buf_commit(&b, got);
	} while (got);
	if (!to) /* no room for one byte more than the cap */
		err = ERR_FULL;
	else if (ferror(f))
		err = ERR_IO;
	saved = errno;
	fclose(f);
	if (!err) {
		*n = b.len;
		*out = xmalloc(b.len + 1);
		memcpy(*out, b.data, b.len);
		(*out)[b.len] = '\0';
	}
	buf_fini(&b);
	errno = saved;
	return err;
}

int
conf_read(const char *path, conf_fn *fn, void *arg, struct conf_faults *faults)
{
	char *text;
	size_t n;
	int err = conf_slurp(path, &text, &n);

	if (err) {
		conf_fault(faults, path, 0, "cannot read: %s", conf_slurp_why(err));
		return ERR_IO;
	}
	err = conf_read_text((struct str){ text, n }, path, fn, arg, faults);
	xfree(text);
	return err;
}

struct wanted {
	const char *section, *name;
	char *value;
	unsigned line;
};

static void
note_wanted(void *arg, const char *section, const char *name, const char *value, unsigned line)
{
	struct wanted *w = arg;

	if (!name || strcmp(section, w->section) != 0 || strcmp(name, w->name) != 0)
		return;
	xfree(w->value);
	w->value = xstrdup(value);
	w->line = line;
}

char *
conf_value(const char *path, const char *section, const char *name, unsigned *line)
{
	struct wanted w = { .section = section, .name = name };

	(void)conf_read(path, note_wanted, &w, NULL);
	if (line)
		*line = w.line;
	return w.value;
}
