# SPDX-License-Identifier: ISC
title an engine that was away for longer than storms are remembered starts without them, from its first answer on

rules {
	[rule replication]
	detect   = replication
	limit    = 3
	window   = 1d
	quiet    = 1h
	remember = 45d
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Tue, 19 Jan 2038 03:13:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Date: Tue, 19 Jan 2038 03:14:07 +0000
	Message-ID: <offer.1@firm.example>
}

# It opens while 32 bits of seconds end.
clock 2038-01-19 03:14:00
repeat 3 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
	clock +4s
}
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
kill -9
expect storms open 1
# Remembered to its last day: of who has his copy no more is taken.
stop
wall clock +44d
start
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect storms open 1
# A year later the first message comes before the first look at the clock; unsigned ones end in 2106.
stop
wall clock +365d
start
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect continue
expect storms open 0 remembered 0
clock 2106-02-07 06:28:10
repeat 3 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
	clock +2s
}
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
kill -9
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
