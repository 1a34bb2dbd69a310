# SPDX-License-Identifier: ISC
title a message that the MTA gives up before its end counts nothing

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

milter S: connect 192.0.2.9 port 4711 name relay.example
repeat 5 {
	milter S: mail <sales@firm.example>; rcpt <ann@example.org>; header copy of M via sbs1.example; abort
}
expect counters 0
# The client hangs up, and so does the MTA; the next MAIL without an ABORT is the end of the one before.
repeat 5 {
	milter T: connect 192.0.2.10 port 4712 name relay.example
	milter T: mail <sales@firm.example>; rcpt <ann@example.org>; header copy of M via sbs1.example; hang-up
	milter S: mail <sales@firm.example>; rcpt <ann@example.org>; header copy of M via sbs1.example
}
expect counters 0
milter S: abort
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect continue
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect journal all 2 passed 1 stopped 1
