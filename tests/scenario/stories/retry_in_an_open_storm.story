# SPDX-License-Identifier: ISC
title within an open storm the retry of a copy that passed is deferred, not discarded

rules {
	[rule replication]
	detect = replication
	limit  = 2
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

message A = copy of M via sbs1.example
milter S: send A from <sales@firm.example> to <ann@example.org>
expect continue
repeat 5 {
	milter S: send copy of M via sbs2.example from <sales@firm.example> to <ann@example.org>
}
expect storms open 1
repeat 2 {
	milter S: send A from <sales@firm.example> to <ann@example.org>
	expect continue
}
repeat 4 {
	milter S: send A from <sales@firm.example> to <ann@example.org>
	expect tempfail 451 4.7.1 *
}
