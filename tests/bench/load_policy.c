/* SPDX-License-Identifier: ISC */
/*
 * The policy door: RCPT as Postfix 3.7 asks it, with all its attributes; DATA and END-OF-MESSAGE as our Exim
 * snippet does, with the header in one base64 block. An answer is lines up to an empty one.
 */
#include "load.h"

#include <string.h>

#include "bench.h"

static const char rcpt[] = "request=smtpd_access_policy\n"
			   "protocol_state=RCPT\n"
			   "protocol_name=ESMTP\n"
			   "client_address=10.\001C\n"
			   "client_name=relay.sender.example\n"
			   "client_port=41472\n"
			   "reverse_client_name=relay.sender.example\n"
			   "server_address=192.0.2.25\n"
			   "server_port=25\n"
			   "helo_name=relay.sender.example\n"
			   "sender=s\001S@sender.example\n"
			   "recipient=r\001R@example.org\n"
			   "recipient_count=0\n"
			   "queue_id=\n"
			   "instance=2280.\001Q.0\n"
			   "size=4711\n"
			   "etrn_domain=\n"
			   "stress=\n"
			   "sasl_method=\n"
			   "sasl_username=\n"
			   "sasl_sender=\n"
			   "ccert_subject=\n"
			   "ccert_issuer=\n"
			   "ccert_fingerprint=\n"
			   "ccert_pubkey_fingerprint=\n"
			   "encryption_protocol=\n"
			   "encryption_cipher=\n"
			   "encryption_keysize=0\n"
			   "policy_context=\n"
			   "\n";

static const char final_head[] = "request=smtpd_access_policy\n"
				 "protocol_name=ESMTP\n"
				 "client_address=10.\001C\n"
				 "client_port=41472\n"
				 "helo_name=relay.sender.example\n"
				 "sender=s\001S@sender.example\n"
				 "recipient=r\001R@example.org\n"
				 "recipient_count=1\n"
				 "queue_id=\001Q\n"
				 "instance=2280.\001Q.0\n"
				 "size=4711\n"
				 "protocol_state=";

static struct text request, header;
static bool has_header;

static void
init(struct load *l)
{
	if (strcmp(l->state, "RCPT") == 0) {
		text_compile(&request, rcpt);
		return;
	}
	if (strcmp(l->state, "DATA") != 0 && strcmp(l->state, "END-OF-MESSAGE") != 0)
		bench_fail("no such state: %s", l->state);
	text_compile(&request, final_head);
	text_compile(&header, text_header);
	has_header = true;
}

static bool
greet(struct load *l, struct conn *c)
{
	(void)l;
	(void)c;
	return false;
}

static bool
say(struct load *l, struct conn *c)
{
	char block[4096];

	load_next_copy(l, c);
	text_fill(&request, &c->copy);
	conn_append(c, request.data, request.n);
	if (!has_header)
		return true;
	text_fill(&header, &c->copy);
	conn_append(c, l->state, strlen(l->state));
	conn_append(c, "\nheader=", 8);
	conn_append(c, block, text_base64(block, header.data, header.n));
	conn_append(c, "\n\n", 2);
	return true;
}

static bool
is(const struct conn *c, size_t n, const char *what)
{
	return n == strlen(what) && memcmp(c->in, what, n) == 0;
}

static enum taken
take(struct load *l, struct conn *c)
{
	const char *end = memmem(c->in, c->in_n, "\n\n", 2);
	size_t n;

	if (!end)
		return TAKEN_MORE;
	n = (size_t)(end - c->in) + 2;
	if (!c->busy || n < 7 || memcmp(c->in, "action=", 7) != 0) {
		load_odd(l, c->in, n);
		return TAKEN_BAD;
	}
	/* postgrey and others end a pass by a space. */
	if (is(c, n, "action=DUNNO\n\n") || is(c, n, "action=dunno\n\n") || is(c, n, "action=DUNNO \n\n"))
		l->passed++;
	else
		load_odd(l, c->in, n);
	conn_taken(c, n);
	return TAKEN_DONE;
}

const struct door door_policy = { "policy", init, greet, say, take };
