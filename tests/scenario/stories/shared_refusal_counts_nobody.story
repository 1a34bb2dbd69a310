# SPDX-License-Identifier: ISC
title who shares a refusal that another recipient caused has got nothing, and nothing is counted

lists {
	all@example.org  owner@example.org
}
rules {
	[rule bounces]
	detect = bounce-to-list
	action = redirect-owner
	[rule replication]
	detect = replication
	limit  = 1
}
message DSN {
	Received: from localhost by mail.far.example with ESMTP id B1; Mon, 9 Jan 2006 08:59:00 +0000
	From: MAILER-DAEMON@far.example
	To: all@example.org
	Subject: Undelivered mail
	Auto-Submitted: auto-replied
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <dsn.1@far.example>
}
# This door can say one thing for all recipients only: the bounce to the list takes Ann's copy along.
repeat 3 {
	message A = copy of DSN via a$i.example
	policy E: client=192.0.2.9 port=4711 from=<> instance=1.$i.0
	policy E: data header=A recipients=all@example.org,ann@example.org
	expect 550 5.7.1 *
}
expect journal recipients passed 0 stopped 6
# So this one is her first.
message B = copy of DSN via b.example
policy E: instance=2.1.0
policy E: data header=B recipients=ann@example.org
expect DUNNO
message C = copy of DSN via c.example
policy E: instance=3.1.0
policy E: data header=C recipients=ann@example.org
expect DISCARD*
