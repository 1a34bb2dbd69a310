# SPDX-License-Identifier: ISC
title a listed poster may be known by From only: nothing is refused before
lists {
	all@example.org owner@example.org boss@firm.example
}
rules {
	[rule list-guard]
	detect   = list-guard
	brake = reject
}
policy P: client=192.0.2.9 port=4711 from=bounce-17@tool.example instance=1.1.0
policy P: rcpt to=all@example.org
expect DUNNO
