-- SPDX-License-Identifier: ISC
-- The record of what came and what was done with it. Released: never edit this file, add the next number.
--
-- Look at the views: messages, recipients, storms, storm_hosts, copies. They have plain names and readable
-- times (UTC). The tables below them are laid out for writing: times are milliseconds since 1970-01-01 UTC,
-- hashes are integers, outcomes are 0 passed, 1 stopped, 2 void (the MTA gave the message up). The views show
-- storms, traces and identities as the log does: 16 hex digits, '' for none.
--
-- There is no index but the rowid. Each further one costs as much as everything else at the door together, and
-- the file is read rarely: a full scan of some weeks takes seconds. Retention needs none either: time grows
-- with the rowid, so the oldest rows are the first ones.

PRAGMA application_id = 0x53746f72;	-- "Stor"

CREATE TABLE meta (
	key   TEXT PRIMARY KEY,		-- hash_seed (16 hex digits), created, journal_seq (decimal)
	value TEXT NOT NULL
) WITHOUT ROWID;

-- journal_seq: all records of the spool up to this number are here; the transaction that writes them sets it.

CREATE TABLE message (
	id             INTEGER PRIMARY KEY,
	time           INTEGER NOT NULL,
	door           TEXT NOT NULL,
	stage          TEXT NOT NULL,
	queue_id       TEXT NOT NULL,
	instance       TEXT NOT NULL,
	client_address TEXT NOT NULL,
	client_name    TEXT NOT NULL,
	helo           TEXT NOT NULL,
	sasl_username  TEXT NOT NULL,
	sender         TEXT NOT NULL,
	message_id     TEXT NOT NULL,
	thread         TEXT NOT NULL,
	header_from    TEXT NOT NULL,
	subject        TEXT NOT NULL,
	size           INTEGER NOT NULL,
	rcpt_count     INTEGER NOT NULL,
	to_count       INTEGER NOT NULL,
	cc_count       INTEGER NOT NULL,
	hops           INTEGER NOT NULL,
	trace          INTEGER NOT NULL,	-- one transmission: copies differ, retries do not
	identity       INTEGER NOT NULL,	-- one message: all its copies have the same, 0 = no header
	kind           TEXT NOT NULL,
	verdict        TEXT NOT NULL,
	rule           TEXT NOT NULL,
	storm          INTEGER NOT NULL,	-- storm.id, 0 = none
	would          INTEGER NOT NULL,
	degraded       INTEGER NOT NULL,
	outcome        INTEGER NOT NULL
);

-- Written in the order of its key, so it only ever grows at its end.
CREATE TABLE recipient (
	message INTEGER NOT NULL,		-- message.id
	n       INTEGER NOT NULL,
	address TEXT NOT NULL,
	action  TEXT NOT NULL,
	outcome INTEGER NOT NULL,
	PRIMARY KEY (message, n)
) WITHOUT ROWID;

CREATE TABLE storm (
	id         INTEGER PRIMARY KEY,
	rule       TEXT NOT NULL,
	key_lo     INTEGER NOT NULL,
	key_hi     INTEGER NOT NULL,
	state      TEXT NOT NULL,		-- open, closed, remembered
	message_id TEXT NOT NULL,		-- of the message that opened it
	subject    TEXT NOT NULL,
	sender     TEXT NOT NULL,
	first      INTEGER NOT NULL,
	last       INTEGER NOT NULL,
	offered    INTEGER NOT NULL,		-- copies: one message to one recipient
	passed     INTEGER NOT NULL,
	stopped    INTEGER NOT NULL,
	messages   INTEGER NOT NULL,
	recipients INTEGER NOT NULL
);

-- Hosts that a storm's copies came through, most copies first.
CREATE TABLE storm_host (
	storm  INTEGER NOT NULL,		-- storm.id
	n      INTEGER NOT NULL,
	name   TEXT NOT NULL,
	how    TEXT NOT NULL,			-- received, client, helo, gateway-marker, reporting-mta, dead-member
	copies INTEGER NOT NULL,
	PRIMARY KEY (storm, n)
) WITHOUT ROWID;

-- The counters, part by part, as they were at a moment; the spool has what came after `seq`. For the daemon.
CREATE TABLE snapshot (
	part INTEGER PRIMARY KEY,
	seq  INTEGER NOT NULL,
	wall INTEGER NOT NULL,
	data BLOB NOT NULL
);

CREATE VIEW messages AS
SELECT id, strftime('%Y-%m-%d %H:%M:%S', time / 1000, 'unixepoch') AS time,
	CASE outcome WHEN 0 THEN 'passed' WHEN 1 THEN 'stopped' ELSE 'void' END AS outcome,
	verdict, rule, CASE storm WHEN 0 THEN '' ELSE printf('%016x', storm) END AS storm, sender, rcpt_count AS recipients, to_count, cc_count,
	message_id, thread, header_from, subject, kind, size, hops, CASE trace WHEN 0 THEN '' ELSE printf('%016x', trace) END AS trace,
	CASE identity WHEN 0 THEN '' ELSE printf('%016x', identity) END AS identity,
	client_address, client_name, helo, sasl_username, queue_id, instance, door, stage,
	CASE would WHEN 0 THEN 'no' ELSE 'yes' END AS would,
	CASE degraded WHEN 0 THEN 'no' ELSE 'yes' END AS degraded
FROM message;

CREATE VIEW recipients AS
SELECT m.id AS message, strftime('%Y-%m-%d %H:%M:%S', m.time / 1000, 'unixepoch') AS time,
	r.address AS recipient, r.action,
	CASE r.outcome WHEN 0 THEN 'passed' WHEN 1 THEN 'stopped' ELSE 'void' END AS outcome,
	m.sender, m.message_id, m.subject, m.rule, CASE m.storm WHEN 0 THEN '' ELSE printf('%016x', m.storm) END AS storm,
	m.client_address, m.queue_id
FROM message m CROSS JOIN recipient r ON r.message = m.id;

-- Who was offered the same message how often. Worst first.
CREATE VIEW copies AS
SELECT m.message_id, r.address AS recipient, count(*) AS offered,
	sum(r.outcome = 0) AS passed, sum(r.outcome = 1) AS stopped,
	strftime('%Y-%m-%d %H:%M:%S', min(m.time) / 1000, 'unixepoch') AS first,
	strftime('%Y-%m-%d %H:%M:%S', max(m.time) / 1000, 'unixepoch') AS last,
	max(m.subject) AS subject
FROM message m CROSS JOIN recipient r ON r.message = m.id
WHERE m.message_id <> '' AND r.outcome <> 2
GROUP BY m.message_id, r.address COLLATE NOCASE
ORDER BY offered DESC;

CREATE VIEW storms AS
SELECT printf('%016x', id) AS id, rule, state,
	strftime('%Y-%m-%d %H:%M:%S', first / 1000, 'unixepoch') AS first,
	strftime('%Y-%m-%d %H:%M:%S', last / 1000, 'unixepoch') AS last,
	offered, passed, stopped, messages, recipients, sender, message_id, subject,
	printf('%016x%016x', key_hi, key_lo) AS key
FROM storm;

CREATE VIEW storm_hosts AS
SELECT printf('%016x', h.storm) AS storm, h.name, h.how, h.copies, s.rule, s.state
FROM storm_host h JOIN storm s ON s.id = h.storm
ORDER BY h.storm, h.n;
