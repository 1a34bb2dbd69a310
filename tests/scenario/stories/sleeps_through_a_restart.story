# SPDX-License-Identifier: ISC
title a remembered storm is known after a restart and a kill, 28 days later

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
clock +2h
expect storms remembered 1
restart
clock +14d
kill -9
clock +14d
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
