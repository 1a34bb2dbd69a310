# SPDX-License-Identifier: ISC
title one transmission that comes again and again is deferred, never lost, and is one copy

rules {
	[rule replication]
	detect = replication
	limit  = 2
	repeats = 2
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

# A scanner behind us is down: the client tries six times, with one trace.
message A = copy of M via sbs1.example
repeat 3 {
	milter S: send A from <sales@firm.example> to <ann@example.org>
	expect continue
	clock +10m
}
repeat 3 {
	milter S: send A from <sales@firm.example> to <ann@example.org>
	expect tempfail 451 4.7.1 *
	clock +10m
}
expect storms open 0 cooling 0 remembered 0
expect journal all 6 passed 3 stopped 3
# The next day it is through: nothing was lost.
clock +25h
milter S: send A from <sales@firm.example> to <ann@example.org>
expect continue
# All that is one copy of two.
milter S: send copy of M via sbs2.example from <sales@firm.example> to <ann@example.org>
expect continue
milter S: send copy of M via sbs3.example from <sales@firm.example> to <ann@example.org>
expect discard
