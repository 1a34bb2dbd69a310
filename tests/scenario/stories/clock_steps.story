# SPDX-License-Identifier: ISC
title the wall clock steps forth and back: no storm opens or closes by it

rules {
	[rule replication]
	detect = replication
	limit  = 3
	window = 1d
	quiet  = 1h
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
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
}
# Two days forth: the window of a day has not gone by.
wall clock +2d
clock +1m
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect storms open 1
wall clock +3h
clock +1m
expect storms open 1
wall clock -3d
clock +1m
expect storms open 1
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
# A restart has only the wall clock to go by; gone back, it may not make a storm older.
wall clock -2h
restart
expect storms open 1
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
clock +2h
expect storms open 0 remembered 1
# Harmless mail that comes three times, with the clock going mad in between.
message N {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X7; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <harmless@firm.example>
}
for step in +1d -2d +5d {
	milter S: send copy of N via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
	wall clock $step
	clock +1m
}
expect storms open 0 remembered 1
