# SPDX-License-Identifier: ISC
title a storm that wakes up after 28 days is stopped at its first copy

rules {
	[rule replication]
	detect = replication
	limit  = 3
	remember = 45d
	quiet  = 1h
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

repeat 5 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
}
expect storms open 1 remembered 0
clock +2h
expect storms open 0 remembered 1
clock +28d
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect storms open 1 remembered 0
# Who never had one gets his first even then.
milter S: send copy of M via sbs1.example from <sales@firm.example> to <bob@example.org>
expect continue
milter S: send copy of M via sbs1.example from <sales@firm.example> to <bob@example.org>
expect discard
# Once it is forgotten, it is new.
clock +46d
expect storms open 0 remembered 0
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect continue
# A rule in shadow goes on remembering; one that is off has forgotten all when it is on again.
repeat 5 {
	milter S: send copy of M via sbs2.example from <sales@firm.example> to <ann@example.org>
}
expect discard
clock +2h
rules {
	[rule replication]
	detect = replication
	mode   = shadow
}
reload
expect storms open 0 remembered 1
rules {
	[rule replication]
	detect = replication
	mode   = off
}
reload
expect storms open 0 remembered 0
rules {
	[rule replication]
	detect = replication
}
reload
clock +2d
milter S: send copy of M via sbs2.example from <sales@firm.example> to <ann@example.org>
expect continue
