# SPDX-License-Identifier: ISC
title a reload changes limit, action and mode of what is going on at once

rules {
	[rule replication]
	detect = replication
	limit  = 20
}

message M {
	Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.1@firm.example>
}

repeat 10 {
	milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
	expect continue
}
rules {
	[rule replication]
	detect = replication
	limit  = 3
}
reload
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect storms open 1
rules {
	[rule replication]
	detect = replication
	limit  = 3
	action = hold
}
reload
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect hold *; continue
# A file with a fault changes nothing.
rules {
	[rule replication]
	detect = replication
	limit = many
}
reload refused
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect hold *; continue
rules {
	[rule replication]
	detect = replication
	limit  = 3
	mode   = shadow
}
reload
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect continue
expect storms open 1
# What was stopped by mistake is let by while the storm is open: by sender, client or recipient.
rules {
	[rule replication]
	detect = replication
	limit  = 3
	exempt = sales@firm.example
}
reload
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect continue
expect storms open 1
rules {
	[rule replication]
	detect = replication
	limit  = 3
	exempt = ann@example.org
}
reload
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect continue
rules {
	[rule replication]
	detect = replication
	limit  = 3
}
reload
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect storms open 1
# It becomes quiet earlier than it was to when it opened.
rules {
	[rule replication]
	detect = replication
	limit  = 3
	quiet  = 10m
}
reload
clock +20m
expect storms open 0 cooling 0 remembered 1
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect discard
expect storms open 1
rules {
	[rule replication]
	detect = replication
	limit  = 3
	mode   = off
}
reload
expect storms open 0
milter S: send copy of M via sbs1.example from <sales@firm.example> to <ann@example.org>
expect continue
