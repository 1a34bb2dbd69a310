# SPDX-License-Identifier: ISC
"""The storms of the record on several real Postfix sites: ours with the daemon, and those of the others.

Between two sites there is nothing but SMTP. What no mail server does (a POP connector, a robot, people) is
played by threads that fetch from mailboxes and submit at the server of their own site."""
