/* A DKIM-Signature taken apart and judged by itself (RFC 6376 3.5, 6.1.1), for dkim_verify.c.
 * Promises: what is read is of the form that the RFC gives it; the first fault is told.
 * Does not know: the key, the message. */
#ifndef MAIL_DKIM_SIGNATURE_H
#define MAIL_DKIM_SIGNATURE_H

#include "mail/dkim_tags.h"
#include "mail/dkim_verify.h"
#include "mail/domain.h"

struct dkim_method {
	struct view name;
	enum dkim_algorithm key;
	bool sha1;
};

struct dkim_signature {
	struct view raw; /* the whole field */
	struct dkim_tags tags;
	const struct dkim_method *method;
	bool relaxed_header, relaxed_body;
	uint64_t length; /* l=; UINT64_MAX: all */
	struct view names;
	struct domain domain;          /* d= in A-labels */
	struct domain identity_domain; /* of i=, or d= */
	struct view local_part;        /* of i= */
	struct dkim_verdict *verdict;
};

/* raw and verdict are given. False: the verdict says why. */
bool dkim_signature_read(struct dkim_signature *signature, const struct dkim_verify_request *request,
                         struct arena *arena);
/* The value; VIEW_NONE: there is no such tag. */
struct view dkim_signature_tag(const struct dkim_signature *signature, struct view name);
/* False, so that whoever finds a fault returns what this says. */
bool dkim_signature_fault(struct dkim_signature *signature, enum dkim_result result, struct view reason);

#endif
