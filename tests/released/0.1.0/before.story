# SPDX-License-Identifier: ISC
title what this version leaves behind when it dies: a storm that is open, one that is over, counters, and records in spool and ring

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

repeat 5 {
	milter S: send copy of OVER via sbs1.example from <sales@firm.example> to <ann@example.org>
}
expect storms open 1
clock +2h
expect storms open 0 remembered 1

milter S: send OPEN from <post@club.example> to <bob@example.org>
expect continue
repeat 5 {
	milter S: send copy of OPEN via sbs1.example from <post@club.example> to <ann@example.org>
}
expect discard
expect storms open 1 remembered 1

# As many as may come; no storm yet.
repeat 3 {
	milter S: send copy of COUNTED via sbs1.example from <bill@shop.example> to <carl@example.org>
	expect continue
}
# Four of five.
for n in 1 2 3 4 {
	policy P: client=192.0.2.9 port=471$n auth=joe from=joe@example.org instance=77.$n.0
	policy P: end-of-message to=far@far.example size=2000 queue_id=4Q9$n
	expect DUNNO
}
policy T: client=192.0.2.66 port=4766 from=x@evil.example instance=66.1.0
policy T: rcpt to=trap@example.org
expect 550 *

# All parts of the counters go into the database; what comes then is in the spool alone, then in memory alone.
clock +12m
expect journal all 19
database locked
milter S: send copy of OPEN via sbs2.example from <post@club.example> to <ann@example.org>
expect discard
disk full
milter S: send copy of OPEN via sbs2.example from <post@club.example> to <ann@example.org>
expect discard
kill -9
