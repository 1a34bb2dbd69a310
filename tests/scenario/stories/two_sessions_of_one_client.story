# SPDX-License-Identifier: ISC
title two sessions of one client with messages under way do not mix

rules {
	[rule replication]
	detect = replication
	limit  = 1
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

message N {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X2; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.2@firm.example>
}
milter S: connect 192.0.2.9 port 4711 name relay.example
milter T: connect 192.0.2.9 port 4712 name relay.example
milter S: mail <sales@firm.example>; rcpt <ann@example.org>; header copy of M via a.example
milter T: mail <sales@firm.example>; rcpt <ann@example.org>; header copy of N via a.example
policy P: client=192.0.2.9 port=4711 from=sales@firm.example instance=1.1.0
policy Q: client=192.0.2.9 port=4712 from=sales@firm.example instance=2.1.0
policy P: rcpt to=ann@example.org
policy Q: rcpt to=ann@example.org
together {
	milter T: end
	milter S: end
}
expect S: continue
expect T: continue
milter S: abort
milter T: send copy of M via b.example from <sales@firm.example> to <ann@example.org>
expect discard
milter S: send copy of N via b.example from <sales@firm.example> to <ann@example.org>
expect discard
expect journal all 4 passed 2 stopped 2
expect storms open 2
