# SPDX-License-Identifier: ISC
title rules that the engine does not take fail the story
must fail *the engine refused: *rules.conf:3: *

rules {
	[rule replication]
	detect = replication
	limit  = several
}
start
