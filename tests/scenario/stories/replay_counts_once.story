# SPDX-License-Identifier: ISC
title what the spool and the database both have is counted once, however often it is replayed

rules {
	[rule replication]
	detect  = replication
	limit   = 3
	repeats = 11
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

# Twelve attempts of one transmission pass. Between them the counters go to the database, some part every nine
# seconds, and each time it dies some parts are newer than what the spool still holds, and some are older.
message A = copy of M via sbs1.example
for n in 1 2 3 4 5 6 7 8 9 10 11 12 {
	milter S: send A from <sales@firm.example> to <ann@example.org>
	expect continue
	clock +2m
	expect journal all $n
	kill -9
	start
	kill -9
}
repeat 2 {
	milter S: send A from <sales@firm.example> to <ann@example.org>
	expect tempfail 451 4.7.1 *
	restart
}
expect journal all 14 passed 12 stopped 2
# It was one copy of three.
repeat 2 {
	milter S: send copy of M via sbs2.example from <sales@firm.example> to <ann@example.org>
	expect continue
	clock +10m
	kill -9
}
milter S: send copy of M via sbs3.example from <sales@firm.example> to <ann@example.org>
expect discard
