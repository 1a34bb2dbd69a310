# SPDX-License-Identifier: ISC
title a machine that was off for the night is told the time hours later: until that is believed, the record ages by the time of before

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
clock +44d
clock +23h
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal all 6
wall clock +8h
# By the clock on the wall the five are too old, by that of before they are not.
clock +2m
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal void 0
expect journal all 7
clock +2h
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal left 3
