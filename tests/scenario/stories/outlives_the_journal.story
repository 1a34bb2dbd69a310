# SPDX-License-Identifier: ISC
title a remembered storm outlives the rows of its messages, over restarts and kills

config {
	[store]
	retention = 1d
}
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
message N {
	Received: from desk.other.example by smtp.other.example with ESMTP id Y1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Other <other@other.example>
	To: ann@example.org
	Subject: another
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <another.1@other.example>
}

repeat 5 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
}
expect journal all 5
clock +2h
expect storms remembered 1
repeat 4 {
	clock +7d
	restart
	milter S: send N from <other@other.example> to <ann@example.org>
	kill -9
}
clock +1h
# The journal drops the rows of the copies in its own time; nothing hangs on them.
milter S: send copy of M via sbs5.example from <sales@firm.example> to <ann@example.org>
expect discard
