# SPDX-License-Identifier: ISC
title a word that the language does not have fails the story
must fail *what is "expects"?*

rules {
	[rule replication]
	detect = replication
	limit  = 3
}

start
expects nothing
