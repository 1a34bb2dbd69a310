# SPDX-License-Identifier: ISC
title a policy connection that is renewed between RCPT and DATA makes no message uncounted
rules {
	[rule flood]
	detect   = flood
	count_by = client
	limit    = 3
	window   = 1h
}
# This site asks at DATA.
policy A: client=192.0.2.1 port=1 from=x@y.example instance=9.9.9
policy A: data to=ann@example.org
repeat 3 {
	policy P: client=192.0.2.9 port=5$i from=sales@firm.example instance=1.$i.0
	policy P: rcpt to=ann@example.org recipient_count=0
	expect DUNNO
	policy P: rcpt to=bob@example.org recipient_count=0
	expect DUNNO
	policy P: hang-up
	policy P: data to= recipient_count=2
	expect DUNNO
}
policy P: client=192.0.2.9 port=60 from=sales@firm.example instance=1.9.0
policy P: rcpt to=ann@example.org recipient_count=0
expect 451*
