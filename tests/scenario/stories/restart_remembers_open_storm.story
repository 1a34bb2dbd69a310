# SPDX-License-Identifier: ISC
title an open storm is open after a restart, a reboot and a kill

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

# The original; what comes later came by way of a gateway.
milter S: send M from <sales@firm.example> to <bob@example.org>
expect continue
repeat 5 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
}
expect storm 1 stopped 2 received sbs1.example
restart
expect storms open 1
expect storm 1 stopped 2 received sbs1.example
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
clock +5m
reboot
milter S: send copy of M via sbs2.example from <sales@firm.example> to <ann@example.org>
expect discard
kill -9
clock +5m
milter S: send copy of M via sbs2.example from <sales@firm.example> to <ann@example.org> <carl@example.org>
expect drop <ann@example.org>; continue
expect storms open 1
expect storm 1 stopped 5 received sbs1.example received sbs2.example
