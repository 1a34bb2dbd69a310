# SPDX-License-Identifier: ISC
title a wall clock that runs years ahead for an hour takes nothing of the record; one that stays ahead for a day does

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
wall clock +730d
# Each message is a moment at which the journal's thread looks at the clock.
repeat 6 {
	clock +10m
	milter S: send M from <sales@firm.example> to <ann@example.org>
	expect continue
	expect journal void 0
}
expect journal all 11
wall clock -730d
clock +2m
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal all 12
# What stays ahead is the time: sixty days, and a day to be sure of them.
wall clock +60d
clock +2m
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal all 13
clock +25h
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal void 0
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal all 3
