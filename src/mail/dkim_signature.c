#include "mail/dkim_signature.h"

static const struct dkim_method methods[] = {
	{ VIEW_INIT("rsa-sha256"), DKIM_RSA_SHA256, false },
	{ VIEW_INIT("ed25519-sha256"), DKIM_ED25519_SHA256, false },
	{ VIEW_INIT("rsa-sha1"), DKIM_RSA_SHA256, true },
};

bool dkim_signature_fault(struct dkim_signature *signature, enum dkim_result result, struct view reason)
{
	signature->verdict->result = result;
	signature->verdict->reason = reason;
	return false;
}

struct view dkim_signature_tag(const struct dkim_signature *signature, struct view name)
{
	const struct view *value = dkim_tag_find(&signature->tags, name);
	return value == NULL ? VIEW_NONE : *value;
}

/* Decimal digits; false where there is something else. */
static bool read_number(const struct dkim_signature *signature, struct view name, uint64_t absent, uint64_t *number)
{
	const struct view *value = dkim_tag_find(&signature->tags, name);
	*number = absent;
	return value == NULL || view_to_u64(*value, number);
}

static bool read_required(struct dkim_signature *signature, bool legacy)
{
	static const struct view required[] = {
		VIEW_INIT("a"), VIEW_INIT("b"), VIEW_INIT("bh"), VIEW_INIT("d"), VIEW_INIT("h"), VIEW_INIT("s"),
	};
	const struct view *version = dkim_tag_find(&signature->tags, VIEW("v"));
	bool complete = version != NULL || legacy;
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		complete = complete && dkim_tag_find(&signature->tags, required[i]) != NULL;
	if (!complete)
		return dkim_signature_fault(signature, DKIM_PERMERROR,
		                            VIEW("a required tag is missing (v, a, b, bh, d, h, s)"));
	if (version == NULL || view_equal(*version, VIEW("1")) || (legacy && view_equal(*version, VIEW("0.5"))))
		return true;
	return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("v= is not 1"));
}

static bool read_algorithm(struct dkim_signature *signature)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (view_equal_nocase(dkim_signature_tag(signature, VIEW("a")), methods[i].name))
			signature->method = &methods[i];
	return signature->method != NULL ||
	       dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("a= is not an algorithm known here"));
}

static bool read_canonicalization(struct dkim_signature *signature)
{
	struct view rest = dkim_signature_tag(signature, VIEW("c"));
	struct view header = VIEW("simple");
	struct view body = VIEW("simple");
	if (dkim_tag_find(&signature->tags, VIEW("c")) != NULL && view_split(&rest, '/', &header) && rest.data != NULL)
		body = rest;
	signature->relaxed_header = view_equal_nocase(header, VIEW("relaxed"));
	signature->relaxed_body = view_equal_nocase(body, VIEW("relaxed"));
	if ((signature->relaxed_header || view_equal_nocase(header, VIEW("simple"))) &&
	    (signature->relaxed_body || view_equal_nocase(body, VIEW("simple"))))
		return true;
	return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("c= is not simple or relaxed"));
}

/* RFC 8616: U-labels are looked up, and compared, as A-labels. */
static bool read_domain(struct dkim_signature *signature)
{
	if (domain_parse(dkim_signature_tag(signature, VIEW("d")), &signature->domain) != DOMAIN_OK)
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("d= is not a domain name"));
	signature->identity_domain = signature->domain;
	if (dkim_tag_find(&signature->tags, VIEW("i")) == NULL)
		return true;
	const struct view identity = signature->verdict->identity;
	const size_t at = view_find_last_byte(identity, '@');
	if (at == VIEW_NOT_FOUND || domain_parse(view_from(identity, at + 1), &signature->identity_domain) != DOMAIN_OK)
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("i= is not an identity"));
	if (!domain_is_within(&signature->identity_domain, &signature->domain))
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("i= is not within d="));
	signature->local_part = view_first(identity, at);
	return true;
}

/* sub-domain *( "." sub-domain ), and the underscores that are in use; U-labels by RFC 8616 5. */
static bool read_selector(struct dkim_signature *signature)
{
	enum { LABEL_MOST = 63, NAME_MOST = 253 };
	struct view rest = signature->verdict->selector;
	struct view label;
	bool good = rest.length + VIEW("._domainkey.").length + domain_view(&signature->domain).length <= NAME_MOST;
	for (size_t i = 0; i < rest.length; i++) {
		const char byte = rest.data[i];
		good = good && (byte_is_alnum(byte) || (unsigned char)byte > 0x7f ||
		                view_find_byte(VIEW("-_."), byte) != VIEW_NOT_FOUND);
	}
	while (view_split(&rest, '.', &label))
		good = good && label.length > 0 && label.length <= LABEL_MOST;
	return good || dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("s= is not a selector"));
}

static bool read_times(struct dkim_signature *signature, const struct dkim_verify_request *request)
{
	uint64_t made = 0;
	uint64_t expires = 0;
	if (!read_number(signature, VIEW("t"), 0, &made) || !read_number(signature, VIEW("x"), UINT64_MAX, &expires))
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("t= or x= is not a number of seconds"));
	if (expires <= made && expires != UINT64_MAX)
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("x= is not later than t="));
	if (request->seconds >= 0 && expires < (uint64_t)request->seconds)
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("the signature has expired"));
	return true;
}

bool dkim_signature_read(struct dkim_signature *signature, const struct dkim_verify_request *request,
                         struct arena *arena)
{
	const struct view raw = signature->raw;
	struct dkim_verdict *verdict = signature->verdict;
	const bool readable = dkim_tags_read(view_from(raw, view_find_byte(raw, ':') + 1), &signature->tags);
	if (!readable)
		return dkim_signature_fault(signature, DKIM_NEUTRAL, VIEW("the signature is not a list of tag=value"));
	verdict->domain = dkim_signature_tag(signature, VIEW("d"));
	verdict->selector = dkim_signature_tag(signature, VIEW("s"));
	verdict->algorithm = dkim_signature_tag(signature, VIEW("a"));
	verdict->identity = dkim_tag_decode(dkim_signature_tag(signature, VIEW("i")), arena);
	verdict->has_length = dkim_tag_find(&signature->tags, VIEW("l")) != NULL;
	signature->names = verdict->names = dkim_signature_tag(signature, VIEW("h"));
	verdict->covers_from = dkim_list_has(signature->names, VIEW("from"));
	if (!read_required(signature, request->legacy) || !read_algorithm(signature) ||
	    !read_canonicalization(signature) || !read_domain(signature) || !read_selector(signature))
		return false;
	if (!verdict->covers_from)
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("From is not signed"));
	if (!read_number(signature, VIEW("l"), UINT64_MAX, &signature->length))
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("l= is not a number of octets"));
	const struct view *query = dkim_tag_find(&signature->tags, VIEW("q"));
	if (query != NULL && !dkim_list_has(*query, VIEW("dns/txt")) && !dkim_list_has(*query, VIEW("dns")))
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("q= knows no dns/txt"));
	return read_times(signature, request);
}
