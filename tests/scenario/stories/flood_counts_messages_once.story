# SPDX-License-Identifier: ISC
title volume counts messages: not recipients, not stages, not doors

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

# Two recipients, four questions at one door and one at the other: five messages are five.
for n in 1 2 3 4 5 {
	milter S: connect 192.0.2.9 port 471$n name relay.example
	milter S: mail <sales@firm.example>
	policy P: client=192.0.2.9 port=471$n from=sales@firm.example instance=77.$n.0
	policy P: rcpt to=ann@example.org
	expect DUNNO
	policy P: rcpt to=bob@example.org
	expect DUNNO
	milter S: rcpt <ann@example.org> <bob@example.org>
	policy P: data queue_id=4Q9$n
	expect DUNNO
	milter S: header M
	policy P: end-of-message size=2000
	expect DUNNO
	milter S: end
	expect continue
	milter S: quit
}
expect journal all 5 passed 5
# The sixth, before it costs bandwidth; nobody else is held up.
policy P: port=4716 instance=77.6.0
policy P: rcpt to=ann@example.org
expect 451 4.7.1 *
policy P: client=192.0.2.10 port=4717 instance=77.7.0
policy P: rcpt to=ann@example.org
expect DUNNO
# Two hours later it may write again.
clock +2h
policy P: client=192.0.2.9 port=4718 instance=77.8.0
policy P: rcpt to=ann@example.org
expect DUNNO
