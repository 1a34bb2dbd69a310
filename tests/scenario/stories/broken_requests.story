# SPDX-License-Identifier: ISC
title a request that is none gets DUNNO or its end, and the connection before it its answer

rules {
	[rule replication]
	detect = replication
	limit  = 3
}

policy P raw {
	request=smtpd_access_policy
	protocol_state=RCPT
	this line says nothing
}
expect DUNNO
policy P raw {
	protocol_state=RCPT
}
expect DUNNO
policy P raw {
	request=smtpd_access_policy
	protocol_state=RCPT
	protocol_state=DATA
	recipient=ann@example.org
	action=REJECT
}
expect DUNNO
expect engine requests 1 messages 0
