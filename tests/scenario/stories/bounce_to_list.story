# SPDX-License-Identifier: ISC
title a bounce on its way to a list goes to the owner; people and callouts pass

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

message DSN {
	Received: from localhost by mail.far.example with ESMTP id B1; Mon, 9 Jan 2006 08:59:00 +0000
	From: MAILER-DAEMON@far.example
	To: all@example.org
	Subject: Undelivered mail
	Auto-Submitted: auto-replied
	Content-Type: multipart/report; report-type=delivery-status; boundary=x
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <dsn.$new@far.example>
}
message POST {
	Received: from pc by mail.far.example with ESMTP id P1; Mon, 9 Jan 2006 08:59:00 +0000
	From: pat@far.example
	To: all@example.org
	Subject: hello
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <post.$new@far.example>
}
milter S: send POST from <pat@far.example> to <all@example.org>
expect continue
milter S: send DSN from <> to <all@example.org>
expect drop <all@example.org>; add <owner@example.org>; continue
milter S: send DSN from <> to <all@example.org> <ann@example.org>
expect drop <all@example.org>; add <owner@example.org>; continue
milter S: quit
# Without a milter: never at RCPT, there it may be a callout; at DATA.
policy P: client=192.0.2.9 port=4711 from=<> instance=1.1.0
policy P: rcpt to=all@example.org
expect DUNNO
policy P: data
expect REDIRECT owner@example.org
policy P: instance=1.2.0
policy P: rcpt to=all@example.org
policy P: rcpt to=ann@example.org
policy P: data
expect 550 5.7.1 *
policy P: instance=1.3.0
policy P: rcpt to=ann@example.org
policy P: data
expect DUNNO
