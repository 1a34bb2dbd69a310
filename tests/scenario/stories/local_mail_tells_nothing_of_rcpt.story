# SPDX-License-Identifier: ISC
title mail of local programs by the milter does not tell what is asked at the policy door
rules {
	[rule flood]
	detect   = flood
	count_by = client
	limit    = 3
	window   = 1h
}
message M {
	From: Root <root@example.org>
	Subject: cron
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.$new@example.org>
}
milter L: connect 127.0.0.1 port 0 name localhost; mail <root@example.org> queue ABC; rcpt <ann@example.org>; header M; end
repeat 3 {
	policy P: client=192.0.2.9 port=5$i from=sales@firm.example instance=1.$i.0
	policy P: rcpt to=ann@example.org
	expect DUNNO
}
policy P: client=192.0.2.9 port=60 from=sales@firm.example instance=1.9.0
policy P: rcpt to=ann@example.org
expect 451*
