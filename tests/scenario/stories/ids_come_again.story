# SPDX-License-Identifier: ISC
title an instance or queue id that comes again after days does not join two messages

rules {
	[rule replication]
	detect = replication
	limit  = 1
	window = 30d
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

message N {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X2; Thu, 12 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org
	Subject: another
	Date: Thu, 12 Jan 2006 08:58:00 +0000
	Message-ID: <offer.2@firm.example>
}
message A = copy of M via a.example
message B = copy of M via b.example

policy E: client=192.0.2.9 port=4711 from=sales@firm.example instance=77.1.0 queue_id=4Q1
policy E: data header=A recipients=ann@example.org
expect DUNNO
policy E: instance=77.2.0
policy E: data header=B recipients=ann@example.org queue_id=4Q2
expect DISCARD*
clock +3d
# The same ids, the same client and port: another message must not get the old verdict ...
policy E: instance=77.2.0
policy E: data header=N recipients=ann@example.org queue_id=4Q2
expect DUNNO
# ... and a further copy must not hide behind the pass of the first.
message C = copy of M via c.example
policy E: instance=77.1.0
policy E: data header=C recipients=ann@example.org queue_id=4Q1
expect DISCARD*
expect journal all 4 passed 2 stopped 2
# The milter goes by its connection; queue ids of the same kind come again there too.
milter S: send N from <sales@firm.example> queue 4Q1 to <bob@example.org>
expect continue
clock +1d
milter S: send copy of N via d.example from <sales@firm.example> queue 4Q1 to <bob@example.org>
expect discard
# Even within minutes: a verdict belongs to its message, not to its number.
message D = copy of N via d.example
policy E: instance=78.1.0
policy E: data header=N recipients=carl@example.org queue_id=4Q5
expect DUNNO
policy E: instance=78.1.0
policy E: data header=D recipients=carl@example.org queue_id=4Q5
expect DISCARD*
