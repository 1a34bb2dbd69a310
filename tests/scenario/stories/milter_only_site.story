# SPDX-License-Identifier: ISC
title a site with a milter alone: three copies pass, the next ones end in silence

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

repeat 3 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
}
expect storms open 0 remembered 0
repeat 2 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect discard
}
expect storms open 1 remembered 0
# Bob has none yet: he gets his first, Ann's is taken out.
milter S: send copy of M via sbs1.example from <sales@firm.example> to <Ann@example.org> <bob@example.org>
expect drop <Ann@example.org>; continue
milter S: send copy of M via sbs1.example from <sales@firm.example> to <bob@example.org>
expect discard
expect journal all 7 passed 4 stopped 3
expect journal recipients passed 4 stopped 4
