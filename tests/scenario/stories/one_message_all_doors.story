# SPDX-License-Identifier: ISC
title one message asked at RCPT, DATA, END-OF-MESSAGE and at the milter counts once

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

# The original, then copies by way of a gateway that multiplies it.
milter S: send M from <sales@firm.example> to <bob@example.org>
expect continue
milter S: quit

# Each copy is asked about four times. Three pass; the milter drops the others without a word.
for n in 1 2 3 4 5 {
	milter S: connect 192.0.2.9 port 4711 name relay.example
	milter S: mail <sales@firm.example>
	policy P: client=192.0.2.9 port=4711 from=sales@firm.example instance=77.$n.0
	policy P: rcpt to=ann@example.org
	expect DUNNO
	milter S: rcpt <ann@example.org>
	policy P: data queue_id=4Q9$n
	expect DUNNO
	milter S: header copy of M via sbs$n.example
	policy P: end-of-message size=2000
	expect DUNNO
	milter S: end
	let got$n = $n
	milter S: quit
}
expect journal all 6 passed 4 stopped 2 void 0
expect storms open 1 remembered 0
expect storm 1 stopped 2 received sbs5.example not received smtp.firm.example
