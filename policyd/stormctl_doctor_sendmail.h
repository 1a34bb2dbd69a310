/* SPDX-License-Identifier: ISC */
/* sendmail.cf as far as it matters to us. */
#ifndef STORMCTL_DOCTOR_SENDMAIL_H
#define STORMCTL_DOCTOR_SENDMAIL_H

#include "stormctl_doctor.h"

struct sm_filter {
	struct str name, socket, flags, times;
	unsigned line;
	enum whose whose;
	enum filter_kind kind;
	int at; /* place in InputMailFilters; -1: not there */
};

struct sm_daemon {
	struct str options, filters;
	unsigned line;
};

struct sendmail {
	const char *path;
	const char *source; /* of which m4 makes path; NULL: it is written by hand */
	struct sm_filter *filters;
	unsigned n_filters;
	struct sm_daemon *daemons; /* that have filters of their own */
	unsigned n_daemons;
	struct str inputs, hostname, domains, networks, macros_from, macros_rcpt, command;
	struct str macros_i[3]; /* where {i} may come: data, end of header, end of message */
};

static inline struct sendmail *
sm_of(const struct doctor *d)
{
	return d->model;
}

#endif
