# SPDX-License-Identifier: ISC
title a printer's mail has no Message-ID, its reader's server gives it one: what bounces under that is genuine
rules {
	[rule backscatter]
	detect = backscatter
	mode = enforce
}
message M {
	From: Printer <printer@example.org>
	To: a@x.example
	Subject: scan
	Date: Mon, 9 Jan 2006 08:58:00 +0000
}
message N {
	From: Ann <ann@example.org>
	To: a@x.example
	Subject: offer
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <out.1@example.org>
}
message B {
	Received: from desk by smtp.firm.example with ESMTP id X$new; Mon, 9 Jan 2006 08:59:00 +0000
	From: MAILER-DAEMON@x.example
	To: somebody@example.org
	Subject: Undelivered Mail Returned to Sender
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <b.$new@x.example>
	In-Reply-To: <7f3a@mail.x.example>
	Auto-Submitted: auto-replied
	Content-Type: multipart/report; report-type=delivery-status; boundary=x
}
milter S: connect 127.0.0.1 port 4711 name localhost
milter S: send M from <printer@example.org> to <a@x.example>
expect continue
milter S: send N from <ann@example.org> to <a@x.example>
expect continue
milter T: connect 192.0.2.9 port 4711 name relay.example
milter T: send B from <> to <printer@example.org>
expect continue
milter T: send B from <> to <ann@example.org>
expect reject 550*
