#include "base/bytes.h"
#include "net/dns_private.h"

/* The zone that is being gathered. */
struct zone {
	struct text name; /* empty: none yet */
	struct text content;
	struct text ttl; /* the last $TTL line, which holds for the zones after it too */
	bool has_soa;
};

static struct view take_word(struct view *rest)
{
	size_t start = 0;
	while (start < rest->length && (byte_is_blank(rest->data[start]) || rest->data[start] == '\r'))
		start++;
	size_t end = start;
	while (end < rest->length && !byte_is_blank(rest->data[end]) && rest->data[end] != '\r' && rest->data[end] != ';')
		end++;
	const struct view word = view_slice(*rest, start, end - start);
	*rest = view_from(*rest, end);
	return word;
}

static bool line_has_soa(struct view line)
{
	for (struct view word = take_word(&line); word.length > 0; word = take_word(&line)) {
		if (word.data[0] == '"' || word.data[0] == '(')
			return false;
		if (view_equal_nocase(word, VIEW("SOA")))
			return true;
	}
	return false;
}

static bool name_is_absolute(struct view name)
{
	for (size_t i = 0; i < name.length; i++)
		if (!byte_is_alnum(name.data[i]) && name.data[i] != '.' && name.data[i] != '-' && name.data[i] != '_')
			return false;
	return name.length > 1 && view_ends(name, VIEW("."));
}

bool dns_name_is_within(struct view name, struct view zone)
{
	if (zone.length == 0 || !view_ends_nocase(name, zone))
		return false;
	return name.length == zone.length || name.data[name.length - zone.length - 1] == '.';
}

static bool zone_end(struct zone *zone, bool (*add)(void *context, struct view name, struct view content),
                     void *context)
{
	if (zone->name.length == 0)
		return true;
	/* Without one there is no negative answer (RFC 2308 3). */
	if (!zone->has_soa)
		text_print(&zone->content, "\n%s 60 IN SOA localhost. hostmaster.invalid. 1 3600 600 86400 60\n",
		           text_cstring(&zone->name));
	return add(context, text_view(&zone->name), text_view(&zone->content));
}

static void zone_begin(struct zone *zone, struct view name)
{
	text_clear(&zone->name);
	text_clear(&zone->content);
	text_add(&zone->name, name);
	text_print(&zone->content, "$ORIGIN %.*s\n%s", VIEW_PRINT(name), text_cstring(&zone->ttl));
	zone->has_soa = false;
}

/* The name of the zone that begins with the line; empty when none does. */
static struct view zone_of_line(const struct zone *zone, struct view line, bool is_soa)
{
	struct view rest = line;
	struct view name = take_word(&rest);
	const bool is_origin = view_equal_nocase(name, VIEW("$ORIGIN"));
	if (is_origin)
		name = take_word(&rest);
	if (!is_origin && (!is_soa || byte_is_blank(line.data[0])))
		return VIEW_NONE;
	const struct view present = text_view(&zone->name);
	if (!name_is_absolute(name) || view_equal_nocase(name, present))
		return VIEW_NONE;
	return is_soa || !dns_name_is_within(name, present) ? name : VIEW_NONE;
}

static bool line_is_empty(struct view line)
{
	line = view_trim(line);
	return line.length == 0 || line.data[0] == ';';
}

static bool take_line(struct zone *zone, struct view line, struct text *problem)
{
	struct view rest = line;
	if (view_equal_nocase(take_word(&rest), VIEW("$TTL"))) {
		text_clear(&zone->ttl);
		text_print(&zone->ttl, "%.*s\n", VIEW_PRINT(line));
	} else if (zone->name.length == 0 && !line_is_empty(line)) {
		text_add(problem,
		         VIEW("it does not begin with the zone's full name, in a line such as: $ORIGIN example.com."));
		return false;
	}
	return text_add(&zone->content, line) && text_add_byte(&zone->content, '\n');
}

bool dns_zones_split(struct view file, bool (*add)(void *context, struct view name, struct view content),
                     void *context, struct text *problem)
{
	struct zone zone = {
		.name = TEXT_LIMIT(1024),
		.content = TEXT_LIMIT(DNS_ZONE_FILE_MOST + 4096),
		.ttl = TEXT_LIMIT(1024),
	};
	struct view line;
	bool good = true;
	bool any = false;
	while (good && view_split(&file, '\n', &line)) {
		const bool is_soa = line_has_soa(line);
		const struct view begins = zone_of_line(&zone, line, is_soa);
		if (begins.length > 0) {
			good = zone_end(&zone, add, context);
			zone_begin(&zone, begins);
			any = true;
		}
		zone.has_soa = zone.has_soa || is_soa;
		good = good && take_line(&zone, line, problem);
	}
	good = good && zone_end(&zone, add, context);
	if (good && !any)
		text_add(problem, VIEW("there is no zone in it"));
	text_deinit(&zone.name);
	text_deinit(&zone.content);
	text_deinit(&zone.ttl);
	return good && any;
}
