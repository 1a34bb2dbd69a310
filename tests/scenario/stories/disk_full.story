# SPDX-License-Identifier: ISC
title a full disk: replies go on, degraded and counted; afterwards all is well again

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

milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect continue
expect degraded no
disk full
repeat 2 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
	clock +10
}
expect degraded yes
expect healthy no
repeat 2 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect discard
	clock +10
}
policy P: client=192.0.2.9 port=4711 from=a@other.example instance=1.1.0
policy P: rcpt to=ann@example.org
expect DUNNO
expect storms open 1
disk free
clock +10
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
clock +10
expect healthy yes
expect degraded yes
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect degraded no
expect journal all 7 passed 3 stopped 4
