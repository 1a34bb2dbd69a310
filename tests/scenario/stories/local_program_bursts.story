# SPDX-License-Identifier: ISC
title mail without an id from a local program is no retry and no storm, however alike

rules {
	[rule replication]
	detect = replication
	limit  = 3
}
message ALARM {
	From: root@example.org
	To: admin@example.org
	Subject: disk is hot
	Date: Mon, 9 Jan 2006 09:00:00 +0000
}
repeat 12 {
	milter L: connect 127.0.0.1 port 4711 name localhost
	milter L: send ALARM from <root@example.org> to <admin@example.org>
	expect continue
}
expect storms open 0 remembered 0
