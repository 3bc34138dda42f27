/* A domain as somebody typed it. */
#include "cli/cli.h"

/* What is left of a web address or a mail address: perhaps that is meant. */
static struct view domain_within(struct view given)
{
	const size_t scheme = view_find(given, VIEW("://"));
	if (scheme != VIEW_NOT_FOUND)
		given = view_from(given, scheme + 3);
	given = view_first(given, view_find_byte(given, '/'));
	const size_t at = view_find_last_byte(given, '@');
	if (at != VIEW_NOT_FOUND)
		given = view_from(given, at + 1);
	return view_first(given, view_find_byte(given, ':'));
}

bool cli_read_domain(const char *given, struct domain *domain)
{
	struct domain within;
	const enum domain_result result = domain_parse(view_of(given), domain);
	if (result == DOMAIN_OK)
		return true;
	if (domain_parse(domain_within(view_of(given)), &within) == DOMAIN_OK)
		cli_fail(USAGE, "%s is not a domain name; is %.*s meant?", given, VIEW_PRINT(domain_view(&within)));
	else
		cli_fail(USAGE, "\"%s\" is not a domain name: %.*s", given, VIEW_PRINT(domain_result_text(result)));
	return false;
}
