# SPDX-License-Identifier: ISC
title Exim asks at RCPT and at DATA, each question on a connection of its own: one message

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

# Exim: one connection a question, half closed; the header comes along at DATA.
for n in 1 2 3 {
	message C = copy of M via sbs1.example
	policy E: client=192.0.2.9 port=4711 from=sales@firm.example instance=1kAbc$n-0001 want=repairs
	policy E: rcpt to=ann@example.org
	expect DUNNO
	policy E: half-close
	policy E: data header=C recipients=ann@example.org
	expect DUNNO
	policy E: half-close
}
message C = copy of M via sbs1.example
policy E: instance=1kAbc4-0001
policy E: rcpt to=ann@example.org
expect DUNNO
policy E: data header=C recipients=ann@example.org
expect DISCARD*
# The same question again, as an MTA that lost the answer asks it: the same answer, and no further count.
policy E: data
expect DISCARD*
# Somebody who has none yet.
message C = copy of M via sbs1.example
policy E: instance=1kAbc5-0001
policy E: data header=C recipients=ann@example.org,bob@example.org
expect DUNNO; drop=ann@example.org
expect journal all 5 passed 4 stopped 1
expect storm 1 stopped 2 passed 1
