# SPDX-License-Identifier: ISC
"""The lab: a private Postfix, a sink behind it, the daemon beside it, and the actors of a storm.

Everything listens on loopback, lives below one temporary folder, is bounded in count and time, and is stopped by
the one that started it."""
