# SPDX-License-Identifier: ISC
title messages under way hold their place: no more than the limit get past RCPT at once

rules {
	[rule flood]
	detect   = flood
	count_by = client
	limit    = 5
	window   = 1h
}
message M {
	Received: from desk by smtp.firm.example with ESMTP id X$new; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.$new@firm.example>
}

# Five have passed RCPT and no more; the sixth waits until one of them goes away.
for n in 1 2 3 4 5 {
	policy P$n: client=192.0.2.9 port=600$n from=sales@firm.example instance=1.$n.0
	policy P$n: rcpt to=ann@example.org
	expect DUNNO
}
policy P6: client=192.0.2.9 port=6006 from=sales@firm.example instance=1.6.0
policy P6: rcpt to=ann@example.org
expect 451 4.7.1 *
policy P1: data
expect DUNNO
policy P6: instance=1.7.0
policy P6: rcpt to=ann@example.org
expect 451 4.7.1 *
policy P2: rcpt to=bob@example.org
policy P2: hang-up
policy P6: instance=1.8.0
policy P6: rcpt to=ann@example.org
expect DUNNO
policy P6: data
expect DUNNO
# It dies: what has passed is known, what was only under way is not.
kill -9
for n in 1 2 3 {
	policy N$n: client=192.0.2.9 port=700$n from=sales@firm.example instance=2.$n.0
	policy N$n: rcpt to=ann@example.org
	expect DUNNO
	policy N$n: data
	expect DUNNO
}
policy P6: instance=2.9.0
policy P6: rcpt to=ann@example.org
expect 451 4.7.1 *
expect engine passed 3
