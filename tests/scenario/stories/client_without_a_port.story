# SPDX-License-Identifier: ISC
title of a client without a port a message asked at the policy and the milter door counts once
# Postfix knows no port where XCLIENT said PORT=[UNAVAILABLE], or where smtpd listens on a unix socket. The policy door reads
# "unknown" or "0" then, the milter is told 0.
rules {
	[rule flood]
	detect   = flood
	count_by = sender
	limit    = 4
	window   = 1h
	brake    = off
}
message M {
	From: Firm <sales@firm.example>
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <offer.$new@firm.example>
}
for port in unknown 0 unknown 0 {
	milter S: connect 192.0.2.9 port 0 name proxied.example; mail <sales@firm.example>
	policy P: client=192.0.2.9 port=$port from=sales@firm.example instance=1.$new.0
	policy P: rcpt to=ann@example.org
	expect DUNNO
	milter S: rcpt <ann@example.org>
	policy P: data to=ann@example.org recipient_count=1
	expect DUNNO
	milter S: header M; end
	expect S: continue
	milter S: quit
}
expect journal all 4 passed 4 stopped 0 void 0
