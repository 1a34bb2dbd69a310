# SPDX-License-Identifier: ISC
title one id in chunks of 50 recipients, by VERP and through lists is no storm

rules {
	[rule replication]
	detect = replication
	limit  = 3
}

message LIST {
	Received: from lists.big.example by out$chunk.big.example with ESMTP id L$new; $date
	Received: from author.example by lists.big.example with ESMTP id L0; Mon, 9 Jan 2006 08:59:00 +0000
	From: author@author.example
	To: talk@big.example
	List-Id: <talk.big.example>
	Subject: to all of you
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <talk.1@author.example>
}
# 13 chunks of 50 recipients: every one another transmission with the same id.
let chunk = 0
repeat 13 {
	let chunk = $i
	milter S: send LIST from <talk-bounces@big.example> to r$chunk.{1..50}@example.org
	expect continue
}
# VERP: one transaction and one sender for each.
repeat 60 {
	milter S: send LIST from <talk-bounces+v$i=example.org@big.example> to v$i@example.org
	expect continue
}
# Ann is on two lists and was written to directly: three copies that are three.
message DIRECT {
	Received: from author.example by mail.author.example with ESMTP id D1; Mon, 9 Jan 2006 08:59:00 +0000
	From: author@author.example
	To: talk@big.example, ann@example.org
	Subject: to all of you
	Date: Mon, 9 Jan 2006 08:58:00 +0000
	Message-ID: <talk.1@author.example>
}
repeat 2 {
	milter S: send DIRECT from <author@author.example> to ann@example.org
	expect continue
	milter S: send LIST from <talk-bounces@big.example> to ann@example.org
	expect continue
}
expect storms open 0 remembered 0
expect journal recipients passed 714 stopped 0
