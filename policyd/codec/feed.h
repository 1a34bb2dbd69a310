/* SPDX-License-Identifier: ISC */
/* What every codec answers when it is fed: the connection does not care which protocol it is. */
#ifndef CODEC_FEED_H
#define CODEC_FEED_H

enum feed {
	FEED_MORE,  /* needs more bytes */
	FEED_MSG,   /* a question stands in the msg: judge it, then call the codec's reply function */
	FEED_REPLY, /* the codec answered by itself into `out`: feed again */
	FEED_CLOSE, /* the peer said good-bye (milter QUIT): flush and close */
	FEED_BAD,   /* the bytes do not follow the protocol; the codec's `why` says what: close */
};

#endif
