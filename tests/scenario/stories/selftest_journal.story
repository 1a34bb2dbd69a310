# SPDX-License-Identifier: ISC
title rows that are missing fail the story
must fail *expected passed 2, but: all 1 passed 1 stopped 0 void 0*

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

milter S: send M from <sales@firm.example> to <ann@example.org>
expect journal stopped 0 passed 2
