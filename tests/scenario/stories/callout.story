# SPDX-License-Identifier: ISC
title a callout (MAIL <>, RCPT, QUIT) is let in at RCPT, to lists too, and counts nothing

config {
	[mail]
	local_domains = example.org
}
lists {
	all@example.org  owner@example.org
}
rules {
	[rule replication]
	detect = replication
	limit  = 1
	[rule bounces]
	detect = bounce-to-list
	action = redirect-owner
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

# This site asks at DATA: seen from the first message on.
policy P: client=192.0.2.9 port=4700 from=sales@firm.example instance=9.1.0
policy P: rcpt to=ann@example.org
policy P: data queue_id=4Q1
expect DUNNO
expect journal all 1
repeat 20 {
	policy P: client=192.0.2.50 port=5$i from= instance=77.$i.0
	policy P: rcpt to=all@example.org
	expect DUNNO
	policy P: rcpt to=ann@example.org
	expect DUNNO
	policy P: hang-up
	milter S: connect 192.0.2.50 port 5$i name verifier.example
	milter S: mail <>; rcpt <all@example.org>; abort; quit
}
clock +1h
expect engine messages 1
expect counters 0
expect journal all 1
expect storms open 0 remembered 0
