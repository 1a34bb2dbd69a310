/* SPDX-License-Identifier: ISC */
/* Every quantity that a peer controls, with its cap. Checked before memory is taken; each is tested
 * at the cap and one beyond. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

enum {
	/* policy door */
	POLICY_LINE_MAX = 1 << 20,    /* one attribute line; header= carries up to ~90 KB of base64 */
	POLICY_REQUEST_MAX = 2 << 20, /* all lines of one request */
	POLICY_ATTRS_MAX = 512,       /* attribute lines a request */

	/* milter door */
	MILTER_PACKET_MAX = 1 << 20, /* length word of one packet; Postfix sends at most 64 KB */
	/* Postfix cuts each field there (cleanup_milter.c); what is that long was cut */
	MILTER_FIELD_CUT = 60000,
	MILTER_MACROS_MAX = 64, /* macros kept a transaction */

	/* one message */
	MSG_ARENA_MAX = 8 << 20, /* all strings of one message */
	MSG_RCPTS_MAX = 50000,   /* envelope recipients kept; more are counted, not kept */
	MSG_ATTR_MAX = 4096,     /* any single envelope value (sender, helo, ...); longer is cut */

	/* header */
	HEADER_MAX = 1 << 20,       /* bytes of a header block scanned; beyond: `truncated` */
	HEADER_FIELD_MAX = 1 << 20, /* bytes of one field */
	HEADER_VALUE_KEEP = 998,    /* bytes kept of a single-valued field (RFC 5322 2.1.1) */
	HEADER_HOPS_MAX = 128,      /* Received fields kept; more are counted and hashed */
	HEADER_DELIVERED_MAX = 32,  /* Delivered-To fields kept */

	/* storms */
	STORM_HOSTS_MAX = 128, /* hosts kept a storm */
};

#endif
