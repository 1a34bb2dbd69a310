# SPDX-License-Identifier: ISC
title a header that names more than a hundred is marked, concealed or refused, a hundred are not

lists {
}
rules {
	[rule wide]
	detect = wide-recipients
	limit  = 100
	[rule own-wide]
	detect = wide-recipients
	limit  = 120
	scope  = outbound
	action = conceal
}
config {
	[mail]
	trusted = 192.0.2.77
}
message W {
	Received: from desk by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 08:59:00 +0000
	From: Firm <sales@firm.example>
	To: $to
	Cc: $cc
	Subject: to all of you
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <wide.$new@firm.example>
}
let to = a{1..60}@other.example
let cc = b{1..40}@other.example
milter S: send W from <sales@firm.example> to <ann@example.org>
expect continue
let cc = b{1..41}@other.example
milter S: send W from <sales@firm.example> to <ann@example.org>
expect * header X-Storm-Warning*: wide-recipients; continue
# The policy door says the same where it is told the header, once, at DATA.
policy E: client=192.0.2.9 port=4711 from=sales@firm.example instance=1.1.0
policy E: rcpt to=ann@example.org
expect DUNNO
policy E: data header=W
expect PREPEND X-Storm-Warning: wide-recipients
# Own people: nobody outside gets the addresses.
let to = a{1..100}@other.example
milter O: connect 192.0.2.77 port 4713 name pc.example.org
milter O: send W from <ann@example.org> to a{1..100}@other.example, b{1..41}@other.example
expect *change header To[1]: undisclosed-recipients:;*; continue
expect *change header Cc[1]: *; continue
expect storms open 0
