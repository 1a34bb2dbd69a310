# SPDX-License-Identifier: ISC
title what the spool and the database both have is counted once, however often it is replayed

rules {
	[rule replication]
	detect  = replication
	limit   = 3
	repeats = 5
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

# Six attempts of one transmission pass. After the third the counters are written to the database, part by part;
# what comes later is in the spool alone, and the spool still has some of both.
message A = copy of M via sbs1.example
repeat 3 {
	milter S: send A from <sales@firm.example> to <ann@example.org>
	expect continue
}
clock +15m
repeat 2 {
	milter S: send A from <sales@firm.example> to <ann@example.org>
	expect continue
	kill -9
	start
	clock +1m
	kill -9
	start
}
restart
milter S: send A from <sales@firm.example> to <ann@example.org>
expect continue
repeat 2 {
	milter S: send A from <sales@firm.example> to <ann@example.org>
	expect tempfail 451 4.7.1 *
	restart
}
expect journal all 8 passed 6 stopped 2
