/* SPDX-License-Identifier: ISC */
/* Postfix as postconf tells it: parameters with all $names put in, services with what they override, and from
 * these every place where a policy service or a milter is asked. */
#ifndef STORMCTL_DOCTOR_POSTFIX_H
#define STORMCTL_DOCTOR_POSTFIX_H

#include "stormctl_doctor.h"

struct pf_param {
	struct str name, value;
};

enum pf_role {
	PF_NO_SMTPD,
	PF_PUBLIC,   /* whoever comes */
	PF_REINJECT, /* a content filter brings back what came in elsewhere */
	PF_CLEANUP,  /* non_smtpd_milters are its */
};

struct pf_service {
	struct str name, type, maxproc, command;
	const char *label; /* "smtp/inet" */
	bool chroot;
	enum pf_role role;
	struct pf_param *over; /* -o */
	unsigned n_over;
};

enum pf_list {
	PF_CLIENT,
	PF_HELO,
	PF_SENDER,
	PF_RELAY,
	PF_RECIPIENT,
	PF_DATA,
	PF_END_OF_DATA,
	PF_ETRN,
	PF_LISTS
};

/* Where the socket is that an address names. */
struct pf_path {
	const char *name; /* as the system sees it; NULL: it is no unix socket */
	size_t from;      /* folders up to here are not walked through */
	bool outside;     /* it would be ours, but cannot be seen from the chroot */
};

/* One check_policy_service. */
struct pf_ask {
	const struct pf_service *service;
	enum pf_list list;
	const char *param; /* where it stands: the list's, or a restriction class's, name */
	struct str address;
	struct str timeout, action, try_limit; /* in effect */
	const char *permit;                    /* the entry before it that lets some mail pass, or NULL */
	const char *final;                     /* the entry before it behind which nothing is looked at */
	/* the list in which one of these stands before it: param, or one that names its class */
	const char *order;
	/* what stands there for the question: a restriction class; NULL: the question itself */
	const char *entry;
	const char *warned; /* the list in which "warn_if_reject" stands before it, or NULL */
	/* and before this class, which has it; NULL: before the question itself */
	const char *warned_class;
	const char *unnamed; /* classes on the way to it that are not named as such, or NULL */
	bool protected;      /* strangers' relaying is refused before it */
	bool misread; /* Postfix does not understand its options, or they stand outside of the braces */
	enum whose whose;
	struct pf_path path;
};

/* One entry of smtpd_milters or non_smtpd_milters. */
struct pf_filter {
	const struct pf_service *service;
	const char *param;
	unsigned at; /* place in the list */
	struct str address;
	struct str action, protocol, connect, command, content;
	enum whose whose;
	enum filter_kind kind;
	bool misread; /* Postfix does not understand its options */
	struct pf_path path;
};

struct postfix {
	struct pf_param *params; /* sorted */
	unsigned n_params;
	struct str *unused; /* names of parameters that nothing in Postfix refers to */
	unsigned n_unused;
	struct pf_service *services;
	unsigned n_services;
	struct pf_ask *asks;
	unsigned n_asks;
	struct pf_filter *filters;
	unsigned n_filters;
	struct str queue_directory;
	unsigned major, minor; /* of mail_version */
};

extern const char *const pf_list_names[PF_LISTS];

#define EACH_SERVICE(p, s) \
	for (const struct pf_service *s = (p)->services; s < (p)->services + (p)->n_services; s++)
#define EACH_ASK(p, a) for (const struct pf_ask *a = (p)->asks; a < (p)->asks + (p)->n_asks; a++)
#define EACH_FILTER(p, f) \
	for (const struct pf_filter *f = (p)->filters; f < (p)->filters + (p)->n_filters; f++)

static inline struct postfix *
pf_of(const struct doctor *d)
{
	return d->model;
}

/* The value that holds in that service (NULL: in main.cf). STR("") when it is not set. */
struct str pf_get(const struct postfix *p, const struct pf_service *s, const char *name);
bool pf_overrides(const struct pf_service *s, const char *name);

/* A filter before the queue: the smtpd in front of it, which has no header, and the one behind it. Both are
 * there, and no other content filter, or neither. */
bool pf_in_front(const struct postfix *p, const struct pf_service *s);
bool pf_behind(const struct postfix *p, const struct pf_service *s);

/* "main.cf: NAME", or "master.cf: smtp/inet: -o NAME" where the service has its own. */
const char *pf_where(struct doctor *d, const struct pf_service *s, const char *name);
/* Finding at that parameter, with `value` as what to write there. */
void pf_find(struct doctor *d, const struct pf_service *s, const char *name, const char *value);
/* The same as a setting of this service alone. */
void pf_find_override(struct doctor *d, const struct pf_service *s, const char *name, const char *value);
/* Finding where the daemon hangs up on a connection before that time of theirs. */
void pf_find_idle(struct doctor *d, const struct pf_service *s, const char *name);

/* Whose is this address, as that service sees it (NULL: one without a chroot)? `path` may be NULL. */
enum whose pf_resolve(struct doctor *d, enum door_kind door, const struct pf_service *s, struct str address,
    struct pf_path *path);
/* The address of our door as Postfix writes it, where its chroots can see it; NULL: there is no such door. */
const char *pf_address(struct doctor *d, enum door_kind door);
/* Does our daemon listen there already? */
bool pf_listens(const struct doctor *d, enum door_kind door);

/* An address as the system sees it: that path where it is a unix socket, NULL where it is none. */
const char *pf_system_address(struct doctor *d, const char *path, struct str address);

/* An option of an entry in braces, and the parameter that holds where it has none. */
struct pf_option {
	const char *name, *param;
	struct str *to;
};
/* Cuts the address off an entry; its options are left. */
struct str pf_cut_address(struct str *entry, bool braced);
/* false: Postfix does not understand one of them */
bool pf_take_options(const struct postfix *p, const struct pf_service *s, enum door_kind door,
    struct str options, const struct pf_option *rows, size_t n);
/* "name=value" of a known name; outside of braces it is no entry of a list, but a mistake. */
bool pf_is_option(enum door_kind door, struct str word);
/* The list with that entry behind it; "": none. */
const char *pf_joined(struct doctor *d, const char *list, const char *entry);

/* Lists of restrictions (stormctl_doctor_lists.c). */
void pf_find_asks(struct doctor *d); /* fills asks */
extern const char pf_classes[];      /* the parameter that names restriction classes */
/* The one of these that the word is, any case, or NULL. */
const char *pf_one_of(const char *const *names, struct str word);
/* Is one of these in the list, and not only to be logged? */
bool pf_has_one_of(struct str list, const char *const *names);
/* Does that list refuse to relay for strangers? */
bool pf_protects(struct str list);
enum place { PLACE_SAME, PLACE_END, PLACE_BEFORE_PERMIT, PLACE_BEHIND_PROTECTION, PLACE_NOWHERE, PLACE_GOOD };
/* The list with our question at that place and nowhere else; a good question is at hand when we listen. */
const char *pf_put_right(struct doctor *d, const struct pf_service *s, const char *param, enum place place);
/* The list a->order with a->entry, or the question, in front of what ends it or lets mail by. */
const char *pf_put_before_permit(struct doctor *d, const struct pf_ask *a);
/* The list a->warned without the "warn_if_reject" in front of it. */
const char *pf_put_unwarned(struct doctor *d, const struct pf_ask *a);
const char *pf_good_question(struct doctor *d);
/* main.cf's list of who may relay, refusing all others; who may now, may then. */
const char *pf_relay_list(struct doctor *d);

/* Fills filters (stormctl_doctor_milter.c). */
void pf_find_filters(struct doctor *d);
/* The list of milters with us at that place alone; a good place is behind all but those that sign. */
const char *pf_filters_put_right(
    struct doctor *d, const struct pf_service *s, const char *param, enum place place);

/* Is the policy door, or what looks like it, asked by anybody? Does anybody hand mail to the milter door? And
 * the lines that make it so. */
bool pf_asks(const struct postfix *p);
bool pf_hands_on(const struct postfix *p);
const char *pf_policy_lines(struct doctor *d);
const char *pf_milter_lines(struct doctor *d);

#endif
