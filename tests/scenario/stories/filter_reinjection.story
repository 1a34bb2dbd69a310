# SPDX-License-Identifier: ISC
title a content filter that gives mail back under a new instance and queue id adds no copy

rules {
	[rule replication]
	detect = replication
	limit  = 2
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

# Port 25 asks, the filter takes the message and gives it back to port 10025 of the same Postfix, which asks
# again: other client, instance and queue id, and our own Received line on top.
for n in 1 2 {
	message C = copy of M via sbs1.example
	message R = copy of C via mx.example.org
	milter S: connect 192.0.2.9 port 4711 name relay.example
	policy P: client=192.0.2.9 port=4711 from=sales@firm.example instance=25.$n.0
	policy P: rcpt to=ann@example.org
	expect DUNNO
	milter S: send C from <sales@firm.example> queue 4QA$n to <ann@example.org>
	expect continue
	milter F: connect 127.0.0.1 port 4712 name localhost
	policy Q: client=127.0.0.1 port=4712 from=sales@firm.example instance=10025.$n.0
	policy Q: rcpt to=ann@example.org
	expect DUNNO
	milter F: send R from <sales@firm.example> queue 4QB$n to <ann@example.org>
	expect continue
}
expect storms open 0 cooling 0 remembered 0
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect storms open 1
