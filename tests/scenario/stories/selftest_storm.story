# SPDX-License-Identifier: ISC
title a storm that is not there fails the story
must fail *expected 1 storms open, there are 0*

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
expect storms open 1
