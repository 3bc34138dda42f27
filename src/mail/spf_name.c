#include "mail/spf_name.h"

#include "mail/domain.h"

enum { DOMAIN_MOST = 253, LABEL_MOST = 63 };

bool spf_is_name(struct view name, size_t labels_least)
{
	struct view label;
	size_t count = 0;
	if (name.length == 0 || name.length > DOMAIN_MOST)
		return false;
	while (view_split(&name, '.', &label)) {
		if (label.length == 0 || label.length > LABEL_MOST)
			return false;
		count++;
	}
	return count >= labels_least;
}

struct view spf_name_for_dns(struct view name, struct arena *arena)
{
	struct text escaped = TEXT_LIMIT(2 * DOMAIN_MOST);
	if (view_find_byte(name, '\\') == VIEW_NOT_FOUND)
		return name;
	for (size_t i = 0; i < name.length; i++)
		text_print(&escaped, "%s%c", name.data[i] == '\\' ? "\\" : "", name.data[i]);
	const struct view copy = arena_copy(arena, text_view(&escaped));
	text_deinit(&escaped);
	return copy;
}

struct view spf_without_last_dot(struct view name)
{
	return view_ends(name, VIEW(".")) ? view_first(name, name.length - 1) : name;
}

struct view spf_shorten(struct view name)
{
	name = spf_without_last_dot(name);
	while (name.length > DOMAIN_MOST) {
		const size_t dot = view_find_byte(name, '.');
		name = dot == VIEW_NOT_FOUND ? VIEW_NONE : view_from(name, dot + 1);
	}
	return name;
}

bool spf_is_at_or_below(struct view name, struct view domain)
{
	if (view_equal_nocase(name, domain))
		return true;
	return name.length > domain.length && view_ends_nocase(name, domain) &&
	       name.data[name.length - domain.length - 1] == '.';
}

static bool is_beyond_ascii(struct view text)
{
	for (size_t i = 0; i < text.length; i++)
		if ((unsigned char)text.data[i] > 0x7f)
			return true;
	return false;
}

bool spf_names_nothing(struct view sender, struct view spec)
{
	if (!is_beyond_ascii(view_first(sender, view_find_last_byte(sender, '@'))))
		return false;
	for (size_t at; (at = view_find_byte(spec, '%')) != VIEW_NOT_FOUND; spec = view_from(spec, at + 2))
		if (view_starts_nocase(view_from(spec, at), VIEW("%{s")) ||
		    view_starts_nocase(view_from(spec, at), VIEW("%{l")))
			return true;
	return false;
}

/* What has none stays as it is. */
static struct view with_a_labels(struct view name, struct arena *arena)
{
	struct domain domain;
	if (!is_beyond_ascii(name) || domain_parse(name, &domain) != DOMAIN_OK)
		return name;
	return arena_copy(arena, domain_view(&domain));
}

struct view spf_sender(const struct spf_client *client, struct arena *arena)
{
	const size_t at = view_find_last_byte(client->sender, '@');
	const bool has_local_part = at != 0 && at != VIEW_NOT_FOUND;
	const struct view local_part = has_local_part ? view_first(client->sender, at) : VIEW("postmaster");
	const struct view given = client->sender.length == 0 ? client->helo : view_from(client->sender, at + 1);
	const struct view name = spf_without_last_dot(given);
	if (has_local_part && !is_beyond_ascii(name))
		return view_first(client->sender, at + 1 + name.length);
	return arena_print(arena, "%.*s@%.*s", VIEW_PRINT(local_part), VIEW_PRINT(with_a_labels(name, arena)));
}
