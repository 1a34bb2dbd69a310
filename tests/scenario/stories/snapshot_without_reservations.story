# SPDX-License-Identifier: ISC
title a place that is held is no count after a restart
rules {
	[rule flood]
	detect   = flood
	count_by = client
	limit    = 5
	window   = 1d
}
for n in 1 2 3 4 {
	policy P$n: client=192.0.2.9 port=600$n from=sales@firm.example instance=1.$n.0
	policy P$n: rcpt to=ann@example.org
	expect DUNNO
}
policy Z: client=192.0.2.77 port=9999 from=x@z.example instance=9.9.9
policy Z: rcpt to=ann@example.org
policy Z: data to=ann@example.org
expect DUNNO
repeat 75 {
	clock +10
}
expect journal all 1
for n in 1 2 3 4 {
	policy P$n: data
	expect DUNNO
}
kill -9
policy Q: client=192.0.2.9 port=7001 from=sales@firm.example instance=2.1.0
policy Q: rcpt to=ann@example.org
expect DUNNO
