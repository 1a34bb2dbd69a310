# SPDX-License-Identifier: ISC
title who sends a letter on by hand to a list elsewhere gets that list's copy, and a circle of such copies ends

rules {
	[rule mail-loop]
	detect = mail-loop
}

# Ann's mail program leaves what her mailbox wrote, and puts its own fields on top.
message ONCE {
	Received: from mx.example.org (mx.example.org [192.0.2.1]) by lists.far.example with ESMTPS id L1; $date
	Received: from pc (pc [192.0.2.77]) by mx.example.org (Postfix) with ESMTPSA id 4QA2; $date
	Resent-From: ann@example.org
	Resent-Date: $date
	Resent-To: club@lists.far.example
	Delivered-To: ann@example.org
	Received: from smtp.firm.example by mx.example.org (Postfix) with ESMTPS id 4QA1; $date
	From: Firm <sales@firm.example>
	To: ann@example.org
	Subject: offer
	Date: $date
	Message-ID: <offer.1@firm.example>
	List-Id: <club.lists.far.example>
}

milter S: connect 198.51.100.7 port 4711 name lists.far.example
milter S: send ONCE from <club-bounces@lists.far.example> to <ann@example.org> <bob@example.org>
expect continue

# The same once more on top of that: no hand does so.
message TWICE {
	Received: from mx.example.org (mx.example.org [192.0.2.1]) by lists.far.example with ESMTPS id L2; $date
	Received: from pc (pc [192.0.2.77]) by mx.example.org (Postfix) with ESMTPSA id 4QA4; $date
	Resent-From: ann@example.org
	Delivered-To: ann@example.org
	Received: from lists.far.example by mx.example.org (Postfix) with ESMTPS id 4QA3; $date
	Received: from mx.example.org (mx.example.org [192.0.2.1]) by lists.far.example with ESMTPS id L1; $date
	Received: from pc (pc [192.0.2.77]) by mx.example.org (Postfix) with ESMTPSA id 4QA2; $date
	Resent-From: ann@example.org
	Delivered-To: ann@example.org
	Received: from smtp.firm.example by mx.example.org (Postfix) with ESMTPS id 4QA1; $date
	From: Firm <sales@firm.example>
	To: ann@example.org
	Subject: offer
	Date: $date
	Message-ID: <offer.1@firm.example>
	List-Id: <club.lists.far.example>
}
milter S: send TWICE from <club-bounces@lists.far.example> to <ann@example.org>
expect reject 550 5.4.6*
expect storms open 1
