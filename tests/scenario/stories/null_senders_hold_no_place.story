# SPDX-License-Identifier: ISC
title null senders that only ask at RCPT take no place of real bounces
rules {
	[rule bounce-flood]
	detect = bounce-flood
	limit = 50
}
for a in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 {
	policy P$a: client=198.51.100.7 port=$a from= instance=1.$a.0
	policy P$a: rcpt to=ann@example.org
	expect DUNNO
}
policy B: client=192.0.2.9 port=4711 from= instance=2.1.0
policy B: rcpt to=ann@example.org
expect DUNNO
