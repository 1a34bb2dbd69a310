# SPDX-License-Identifier: ISC
title what RCPT reserved is given back when the message comes to nothing, however it ends

rules {
	[rule flood]
	detect   = flood
	count_by = client
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
# Callouts after which the smtpd process ends, one message after the other on a connection, and what a milter
# sees given up.
repeat 10 {
	policy P: client=192.0.2.9 port=5000 from=<> instance=1.$i.0
	policy P: rcpt to=ann@example.org
	expect DUNNO
	policy P: rcpt to=bob@example.org
	expect DUNNO
	policy P: hang-up
}
repeat 10 {
	policy Q: client=192.0.2.9 port=5001 from=sales@firm.example instance=2.$i.0
	policy Q: rcpt to=ann@example.org
	expect DUNNO
}
milter T: connect 192.0.2.9 port 5002 name relay.example
repeat 10 {
	policy R: client=192.0.2.9 port=5002 from=sales@firm.example instance=3.$i.0
	milter T: mail <sales@firm.example>; rcpt <ann@example.org>
	policy R: rcpt to=ann@example.org
	expect DUNNO
	milter T: abort
}
policy Q: hang-up
repeat 4 {
	milter S: send M from <sales@firm.example> to <ann@example.org>
	expect continue
}
milter S: send M from <sales@firm.example> to <ann@example.org>
expect tempfail 451 4.7.1 *
expect journal all 6 passed 5 stopped 1
