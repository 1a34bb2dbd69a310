# SPDX-License-Identifier: ISC
title on_store_failure = defer ends with the outage: a disk that is free again takes mail again

config {
	[store]
	on_store_failure = defer
}
rules {
	[rule replication]
	detect = replication
	limit  = 1
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

message OTHER {
	Received: from pc by mail.other.example with ESMTP id Z9; Mon, 9 Jan 2006 08:50:00 +0000
	From: pat@other.example
	Date: Mon, 9 Jan 2006 08:49:00 +0000
	Message-ID: <other.$new@other.example>
}
message C = copy of M via sbs1.example

disk full
# Nobody knows of it yet; from the failed write on all mail waits.
milter S: send OTHER from <pat@other.example> to <ann@example.org>
repeat 4 {
	milter S: send C from <sales@firm.example> to <ann@example.org>
	expect tempfail 451 4.3.0 *
	clock +5m
}
expect degraded yes
disk free
clock +5m
expect healthy yes
milter S: send C from <sales@firm.example> to <ann@example.org>
expect continue
# It has counted once: two repeats pass, another copy does not.
repeat 2 {
	milter S: send C from <sales@firm.example> to <ann@example.org>
	expect continue
}
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect journal all 5 passed 4 stopped 1
