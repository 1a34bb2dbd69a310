# SPDX-License-Identifier: ISC
title the store that 0.1.0 left is taken over: storms, counters, rows, what only the spool had, and what only the ring had

rules {
	[rule replication]
	detect   = replication
	limit    = 3
	quiet    = 1h
	remember = 45d
	[rule flood]
	detect   = flood
	count_by = sasl-user
	limit    = 5
	window   = 1h
	[rule trap]
	detect    = trap
	addresses = trap@example.org
	block     = 2h
}

message OVER {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}
message OPEN {
	Received: from desk.club.example by smtp.club.example with ESMTP id Y1; Mon, 9 Jan 2006 10:59:00 +0000
	From: Club <post@club.example>
	To: ann@example.org, bob@example.org
	Subject: meeting
	Date: Mon, 9 Jan 2006 10:58:00 +0000
	Message-ID: <meeting.1@club.example>
}
message COUNTED {
	Received: from desk.shop.example by smtp.shop.example with ESMTP id Z1; Mon, 9 Jan 2006 10:59:00 +0000
	From: Shop <bill@shop.example>
	To: carl@example.org
	Subject: invoice
	Date: Mon, 9 Jan 2006 10:58:00 +0000
	Message-ID: <invoice.1@shop.example>
}

inherit .
clock 2006-01-09 11:20
start
expect storms open 2 remembered 1
expect journal all 21 passed 14 stopped 7
# The open storm.
milter S: send copy of OPEN via sbs3.example from <post@club.example> to <ann@example.org>
expect discard
# The one that was over.
milter S: send copy of OVER via sbs9.example from <sales@firm.example> to <ann@example.org>
expect discard
# The counters: one copy too many, the fifth of five and the sixth, and the client that fell into the trap.
milter S: send copy of COUNTED via sbs9.example from <bill@shop.example> to <carl@example.org>
expect discard
for n in 5 6 {
	policy P$n: client=192.0.2.9 port=471$n auth=joe from=joe@example.org instance=77.$n.0
	policy P$n: rcpt to=far@far.example
	expect P5: DUNNO
	policy P$n: end-of-message to=far@far.example size=2000 queue_id=4Q9$n
}
expect P6: 451 *
policy T: client=192.0.2.66 port=4767 from=y@evil.example instance=66.2.0
policy T: rcpt to=ann@example.org
expect 550 *
expect storms open 5
kill -9
start
expect storms open 5
