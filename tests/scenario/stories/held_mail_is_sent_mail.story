# SPDX-License-Identifier: ISC
title what is held may be released: its bounce is genuine
rules {
	[rule wide]
	detect = wide-recipients
	limit = 1
	scope = outbound
	action = hold
	[rule backscatter]
	detect = backscatter
	mode = enforce
}
message M {
	From: Ann <ann@example.org>
	To: a@x.example, b@x.example, c@x.example
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <out.1@example.org>
}
message B {
	Received: from desk by smtp.firm.example with ESMTP id X$new; Mon, 9 Jan 2006 08:59:00 +0000
	From: MAILER-DAEMON@x.example
	To: ann@example.org
	Subject: Undelivered Mail Returned to Sender
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <b.1@x.example>
	In-Reply-To: <out.1@example.org>
	Auto-Submitted: auto-replied
	Content-Type: multipart/report; report-type=delivery-status; boundary=x
}
milter S: connect 127.0.0.1 port 4711 name localhost
milter S: send M from <ann@example.org> auth ann to <a@x.example>
expect hold*
milter T: connect 192.0.2.9 port 4711 name relay.example
milter T: send B from <> to <ann@example.org>
expect continue
