/* A domain as somebody typed it. */
#include "base/text.h"
#include "mail/domain.h"

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

bool domain_parse_typed(struct view given, struct domain *domain, struct text *problem)
{
	enum { SHOWN_MOST = 300 };
	struct domain within;
	const enum domain_result result = domain_parse(given, domain);
	const struct view shown = view_first(given, SHOWN_MOST);
	if (result == DOMAIN_OK)
		return true;
	if (domain_parse(domain_within(given), &within) == DOMAIN_OK)
		text_print(problem, "%.*s is not a domain name; is %.*s meant?", VIEW_PRINT(shown),
		           VIEW_PRINT(domain_view(&within)));
	else
		text_print(problem, "\"%.*s\" is not a domain name: %.*s", VIEW_PRINT(shown),
		           VIEW_PRINT(domain_result_text(result)));
	return false;
}
