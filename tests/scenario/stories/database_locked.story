# SPDX-License-Identifier: ISC
title a locked database: replies go on, the rows come later, nothing is lost to a kill

rules {
	[rule replication]
	detect = replication
	limit  = 3
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect journal all 1 passed 1
database locked
repeat 2 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
}
repeat 5 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect discard
	clock +20
}
expect journal now all 1
database unlocked
clock +30
expect journal all 8 passed 3 stopped 5
# Again, and this time it dies before the lock goes: the spool has what the database missed.
database locked
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
kill -9
database unlocked
start
expect journal all 9 passed 3 stopped 6
expect healthy yes
