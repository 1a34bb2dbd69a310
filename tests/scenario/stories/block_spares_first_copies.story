# SPDX-License-Identifier: ISC
title a block of replication stops nobody's first copy
rules {
	[rule replication]
	detect = replication
	limit  = 3
	block  = 6h
}
message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}
repeat 3 {
	milter S: send copy of M via sbs$i.example from <sales@firm.example> to <ann@example.org>
	expect continue
}
milter S: send copy of M via sbs9.example from <sales@firm.example> to <ann@example.org>
expect discard
milter S: send copy of M via good.example from <sales@firm.example> to <bob@example.org>
expect continue
