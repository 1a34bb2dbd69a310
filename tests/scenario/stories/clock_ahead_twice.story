# SPDX-License-Identifier: ISC
title a wall clock that is put years ahead in the day in which one of hours is not believed yet takes nothing either: that day begins anew

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
# Two hours without mail around a start, then nearly a day.
stop
clock +2h
start
clock +23h
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal void 0
expect journal all 6
wall clock +3650d
repeat 6 {
	clock +30m
	milter S: send M from <sales@firm.example> to <ann@example.org>
	expect journal void 0
}
expect journal all 12
wall clock -3650d
clock +2m
milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal all 13
