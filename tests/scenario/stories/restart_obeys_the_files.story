# SPDX-License-Identifier: ISC
title a storm obeys what was written into the rules while nobody was there

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
	Message-ID: <offer.1@firm.example>
}

repeat 5 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
}
expect storms open 1
# It becomes quiet earlier than it was to when it opened.
rules {
	[rule replication]
	detect = replication
	limit  = 3
	quiet  = 10m
}
restart
expect storms open 1
clock +20m
expect storms open 0 cooling 0 remembered 1
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect storms open 1
# A rule that is off has no storms, and one that has gone has none, whoever reads the files.
rules {
	[rule replication]
	detect = replication
	limit  = 3
	mode   = off
}
restart
expect storms open 0
rules {
	[rule copies]
	detect = replication
	limit  = 3
}
reload
repeat 5 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
}
expect discard
expect storms open 1
rules {
	[rule replication]
	detect = replication
	limit  = 3
	mode   = off
}
reload
expect storms open 0
kill -9
start
expect storms open 0
# What was closed stays closed, though its rule is back.
clock +2s
rules {
	[rule copies]
	detect = replication
	limit  = 3
}
restart
expect storms open 0
