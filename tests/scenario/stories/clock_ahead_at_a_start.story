# SPDX-License-Identifier: ISC
title a machine that starts with a clock years ahead takes nothing of the record until it is told the time; one that was off for so long ages it by the time of before, and after a day by the clock's

config {
	[store]
	retention = 45d
}
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
	Message-ID: <offer.$new@firm.example>
}

repeat 5 {
	milter S: send M from <sales@firm.example> to <ann@example.org>
	expect continue
}
expect journal all 5
stop
wall clock +3650d
start
repeat 3 {
	clock +10m
	milter S: send M from <sales@firm.example> to <ann@example.org>
	expect journal void 0
}
expect journal all 8
# What came meanwhile says nothing of the time to the next start: a day of it would.
stop
start
clock +10m
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal void 0
expect journal all 9
wall clock -3650d
clock +2m
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal all 10
# Off for sixty days, then for twenty hours of use: all of before are too old by now.
stop
wall clock +60d
start
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal void 0
clock +20h
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal all 12
# On for a day: it is the time.
clock +5h
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal left 3
