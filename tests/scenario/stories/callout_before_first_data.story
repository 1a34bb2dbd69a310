# SPDX-License-Identifier: ISC
title a callout before the first DATA that this process has seen counts nothing either
rules {
	[rule replication]
	detect = replication
}
repeat 3 {
	policy P: client=192.0.2.50 port=5$i from= instance=77.$i.0
	policy P: rcpt to=ann@example.org
	expect DUNNO
	policy P: hang-up
}
clock +1h
expect journal all 0
