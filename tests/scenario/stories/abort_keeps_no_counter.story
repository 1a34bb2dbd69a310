# SPDX-License-Identifier: ISC
title a message that came to nothing keeps no counter alive: what it reserved goes the other way round than it came

rules {
	[rule flood]
	detect   = flood
	count_by = client
	measure  = recipients
	limit    = 5
	window   = 1h
}
message M {
	Received: from desk by smtp.firm.example with ESMTP id X$new; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.$new@firm.example>
}

milter S: connect 192.0.2.9 port 4711 name relay.example
milter S: send M from <sales@firm.example> to <ann@example.org>
expect continue
milter S: quit
expect counters 1
clock +90m
milter T: connect 192.0.2.9 port 5002 name relay.example
policy R: client=192.0.2.9 port=5002 from=sales@firm.example instance=3.1.0
milter T: mail <sales@firm.example>; rcpt <ann@example.org>
policy R: rcpt to=ann@example.org
expect DUNNO
milter T: rcpt <bob@example.org>
policy R: rcpt to=bob@example.org
expect DUNNO
milter T: abort
expect counters 1
# Two hours after the message that was delivered.
clock +40m
expect counters 0
