# SPDX-License-Identifier: ISC
title two copies in flight on two connections cannot both pass a limit of one

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

for c in S T U V {
	milter $c: connect 192.0.2.9 port 471$new name relay.example
	milter $c: mail <sales@firm.example>; rcpt <ann@example.org>; header copy of M via sbs-$c.example
}
together {
	milter S: end
	milter T: end
	milter U: end
	milter V: end
}
expect count 1 of S T U V: continue
expect count 3 of S T U V: discard
expect journal all 4 passed 1 stopped 3
