# SPDX-License-Identifier: ISC
title a copy that was stopped and comes again is stopped again: it is no retry of one that passed

rules {
	[rule replication]
	detect = replication
	limit  = 2
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

repeat 2 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
}
message D = copy of M via sbs1.example
repeat 4 {
	milter S: send D from <sales@firm.example> to <ann@example.org>
	expect discard
	clock +10m
}
# Bob had one: within the storm that is all he gets, and what was stopped for him was not counted either.
milter S: send copy of M via sbs1.example from <sales@firm.example> to <bob@example.org>
expect continue
repeat 3 {
	milter S: send D from <sales@firm.example> to <bob@example.org>
	expect discard
}
expect storm 1 passed 1 stopped 7
