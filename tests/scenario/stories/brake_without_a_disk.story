# SPDX-License-Identifier: ISC
title a full disk does not open the brake
rules {
	[rule flood]
	detect   = flood
	count_by = client
	limit    = 2
	window   = 1h
}
repeat 5 {
	policy P: client=192.0.2.9 port=5$i from=sales@firm.example instance=1.$i.0
	policy P: rcpt to=ann@example.org
	policy P: data to=ann@example.org
}
policy P: instance=2.1.1
policy P: rcpt to=ann@example.org
expect 451*
disk full
policy P: instance=2.1.2
policy P: rcpt to=ann@example.org
policy P: data to=ann@example.org
policy P: instance=2.1.3
policy P: rcpt to=ann@example.org
expect 451*
