# SPDX-License-Identifier: ISC
title in shadow a rule counts and opens storms, and stops nothing

rules {
	[rule replication]
	detect = replication
	limit  = 3
	mode   = shadow
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

# The original; what comes later came by way of a gateway.
milter S: send M from <sales@firm.example> to <bob@example.org>
expect continue
repeat 8 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
}
expect storms open 1
expect storm 1 stopped 0 received sbs1.example
expect journal all 9 passed 9 stopped 0
