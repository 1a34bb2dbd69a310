# SPDX-License-Identifier: ISC
title kill -9 between copies: what was answered is counted, and counted once

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

repeat 3 {
	milter S: send copy of M via sbs$i.example from <sales@firm.example> to <ann@example.org>
	expect continue
	# One more is under way when it dies: that one counts nothing.
	milter T: connect 192.0.2.10 port 4712 name relay.example
	milter T: mail <sales@firm.example>; rcpt <ann@example.org>; header copy of M via sbs9.example
	kill -9
	clock +30
}
repeat 3 {
	milter S: send copy of M via sbs$i.example from <sales@firm.example> to <ann@example.org>
	expect discard
	kill -9
	start
	kill -9
}
start
# Dead twice before anything reached the database, and the rows are there once each.
kill -9
start
expect journal all 6 passed 3 stopped 3
expect storms open 1
expect storm 1 stopped 3
