# SPDX-License-Identifier: ISC
title records of a time to come: the wall clock ran ahead and was put right before a kill

rules {
	[rule replication]
	detect   = replication
	limit    = 3
	window   = 1d
	quiet    = 1h
	remember = 45d
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}
message N {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X2; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.2@firm.example>
}
message P {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X3; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.3@firm.example>
}

# All that happens now is written down with times that lie two days ahead.
wall clock +2d
repeat 3 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
	milter S: send copy of P via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
}
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
repeat 2 {
	milter S: send copy of N via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
}
expect storms open 1
# Somebody puts it right, a day too far: what is to come counts as just now, and nothing is lost.
wall clock -3d
clock +1m
expect storms open 1
kill -9
expect storms open 1
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
milter S: send copy of N via sbs1.example from <sales@firm.example> to <ann@example.org>
expect continue
milter S: send copy of N via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect storms open 2
# It gets no life beyond its time either: quiet and window pass as always.
clock +2h
expect storms open 0 remembered 2
clock +23h
milter S: send copy of P via sbs1.example from <sales@firm.example> to <ann@example.org>
expect continue
# Put ahead while it runs, a month changes nothing.
wall clock +30d
clock +1m
expect storms open 0 remembered 2
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect storms open 1 remembered 1
# Over a restart there is no other clock: it was away for 60 days, as far as anybody can know.
clock +2h
stop
wall clock +60d
start
clock +1m
expect storms open 0 remembered 0
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect continue
