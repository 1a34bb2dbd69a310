# SPDX-License-Identifier: ISC
title a callout that is the very first thing after the start counts nothing either

config {
	[mail]
	local_domains = example.org
}
lists {
	all@example.org  owner@example.org
}
rules {
	[rule replication]
	detect = replication
	limit  = 1
	[rule bounces]
	detect = bounce-to-list
	action = redirect-owner
}

repeat 3 {
	milter S: connect 192.0.2.50 port 5$i name verifier.example
	policy P: client=192.0.2.50 port=5$i from= instance=77.$i.0
	milter S: mail <>; rcpt <ann@example.org>
	policy P: rcpt to=ann@example.org
	expect DUNNO
	milter S: abort; quit
	policy P: hang-up
}
clock +1h
expect engine messages 0
expect journal all 0
