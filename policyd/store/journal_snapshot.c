/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "store/journal_thread.h"

/* ---- the loop thread ---- */

void
journal_snapshot(struct journal *j, uint32_t part, uint64_t seq, struct buf *blob)
{
	struct buf mine = *blob, old;

	buf_init(blob, mine.max);
	if (part >= j->hooks.parts) {
		buf_fini(&mine);
		return;
	}
	pthread_mutex_lock(&j->lock);
	j->part_serial++;
	old = j->parts[part].blob;
	j->parts[part].blob = mine;
	j->parts[part].seq = seq;
	if (j->parts[part].serial == 0) {
		j->parts[part].serial = j->part_serial;
		if (j->parts_waiting++ == 0)
			pthread_cond_signal(&j->wake);
	}
	pthread_mutex_unlock(&j->lock);
	buf_fini(&old);
}

uint64_t
journal_snapshot_seq(struct journal *j)
{
	uint64_t seq = j->hooks.parts ? UINT64_MAX : 0;

	pthread_mutex_lock(&j->lock);
	for (uint32_t k = 0; k < j->hooks.parts; k++)
		if (j->parts[k].stored < seq)
			seq = j->parts[k].stored;
	pthread_mutex_unlock(&j->lock);
	return seq;
}

uint32_t
journal_snapshots_waiting(struct journal *j)
{
	uint32_t n;

	pthread_mutex_lock(&j->lock);
	n = j->parts_waiting;
	pthread_mutex_unlock(&j->lock);
	return n;
}

uint64_t
parts_oldest(const struct journal *j)
{
	uint64_t oldest = UINT64_MAX;

	for (uint32_t k = 0; k < j->hooks.parts; k++) {
		const struct part *p = &j->parts[k];

		if (p->serial && p->serial < oldest)
			oldest = p->serial;
		if (p->writing && p->writing < oldest)
			oldest = p->writing;
	}
	return oldest;
}

/* ---- the journal's thread ---- */

/* Takes the next one that waits; each part has its turn. The lock is held. */
static uint32_t
take_next(struct journal *j, struct buf *blob, uint64_t *seq)
{
	uint32_t at = j->next_part;
	struct part *p;

	while (!j->parts[at].serial)
		at = (at + 1) % j->hooks.parts;
	p = &j->parts[at];
	*blob = p->blob;
	*seq = p->seq;
	p->blob = (struct buf){ 0 };
	p->writing = p->serial;
	p->serial = 0;
	j->parts_waiting--;
	j->next_part = (at + 1) % j->hooks.parts;
	return at;
}

/* The lock is held. A part that was not written waits on, unless a newer one does. */
static void
put_back(struct journal *j, struct part *p, struct buf *blob, uint64_t seq)
{
	if (p->serial == 0) {
		p->blob = *blob;
		p->seq = seq;
		*blob = (struct buf){ 0 };
		j->parts_waiting++;
	}
	p->serial = p->writing; /* flush waits since then */
}

static int
write_part(struct journal *j, uint32_t part, uint64_t seq, struct str given)
{
	struct str bytes = given;
	struct buf packed;
	int err;

	buf_init(&packed, 0);
	if (j->hooks.pack) {
		j->hooks.pack(j->hooks.arg, part, given, &packed);
		bytes = buf_str(&packed);
	}
	err = jdb_snapshot(&j->db, part, seq, clock_now().wall, bytes);
	buf_fini(&packed);
	return err;
}

bool
parts_write_one(struct journal *j)
{
	struct buf blob = { 0 };
	struct part *p;
	uint64_t seq;
	uint32_t part;
	int err;

	pthread_mutex_lock(&j->lock);
	if (j->parts_waiting == 0) {
		pthread_mutex_unlock(&j->lock);
		return true;
	}
	part = take_next(j, &blob, &seq);
	pthread_mutex_unlock(&j->lock);
	err = journal_ready(j);
	if (!err)
		err = write_part(j, part, seq, buf_str(&blob));
	pthread_mutex_lock(&j->lock);
	p = &j->parts[part];
	if (!err)
		p->stored = seq;
	else if (err != ERR_SYNTAX)
		put_back(j, p, &blob, seq);
	p->writing = 0;
	j->steps += err == 0;
	if (!j->used_blob.data) {
		j->used_blob = blob;
		blob = (struct buf){ 0 };
	}
	pthread_cond_broadcast(&j->done);
	pthread_mutex_unlock(&j->lock);
	buf_fini(&blob);
	if (err == ERR_SYNTAX)
		log_error("journal state=dropped-snapshot part=%u reason=%s", part, LOGV(str_of(j->db.why)));
	if (!err || err == ERR_SYNTAX) {
		journal_note_success(j);
		return true;
	}
	journal_note_failure(j);
	return false;
}

static void
note_stored(void *arg, uint64_t part, uint64_t seq)
{
	struct journal *j = arg;

	pthread_mutex_lock(&j->lock);
	if (part < j->hooks.parts)
		j->parts[part].stored = seq;
	pthread_mutex_unlock(&j->lock);
}

int
parts_load(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
	for (uint32_t k = 0; k < j->hooks.parts; k++)
		j->parts[k].stored = 0;
	pthread_mutex_unlock(&j->lock);
	return jdb_snapshot_seqs(&j->db, note_stored, j);
}

void
parts_fini(struct journal *j)
{
	for (uint32_t k = 0; k < j->hooks.parts; k++)
		buf_fini(&j->parts[k].blob);
	buf_fini(&j->used_blob);
	xfree(j->parts);
}
