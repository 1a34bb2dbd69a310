# SPDX-License-Identifier: ISC
title with the largest limit of replication all that other rules counted is there after a kill

rules {
	[rule replication]
	detect = replication
	limit  = 1024
	[rule much]
	detect   = flood
	limit    = 3
	count_by = recipient
	action   = reject
}

# It comes straight: beside the copies there is a place for itself, the 1025th.
message M {
	From: Firm <sales@firm.example>
	To: ann@example.org, bob@example.org
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.$new@firm.example>
}

repeat 3 {
	milter S: send M from <sales@firm.example> to <ann@example.org>
	expect continue
	kill -9
}
milter S: send M from <sales@firm.example> to <ann@example.org>
expect reject*
