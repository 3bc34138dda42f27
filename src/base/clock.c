#include "base/clock.h"

#include "base/text.h"

#include <time.h>

static struct tm calendar(int64_t wall)
{
	time_t seconds = (time_t)(wall / SECOND);
	if (wall % SECOND < 0)
		seconds--;
	struct tm parts = { 0 };
	gmtime_r(&seconds, &parts);
	return parts;
}

void text_add_time_rfc3339(struct text *text, int64_t wall)
{
	const struct tm parts = calendar(wall);
	const int fraction = (int)(((wall % SECOND) + SECOND) % SECOND);
	text_print(text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
	           parts.tm_hour, parts.tm_min, parts.tm_sec, fraction);
}

void text_add_time_rfc5322(struct text *text, int64_t wall)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	const struct tm parts = calendar(wall);
	text_print(text, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[parts.tm_wday], parts.tm_mday,
	           months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void text_add_duration(struct text *text, int64_t duration)
{
	static const struct {
		int64_t length;
		char letter;
	} units[] = { { DAY, 'd' }, { HOUR, 'h' }, { MINUTE, 'm' }, { SECOND, 's' } };
	int64_t rest = duration < 0 ? 0 : duration;
	unsigned shown = 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && shown < 2; i++) {
		const int64_t count = rest / units[i].length;
		rest %= units[i].length;
		if (count == 0)
			continue;
		text_print(text, "%lld%c", (long long)count, units[i].letter);
		shown++;
	}
	if (shown == 0)
		text_add(text, VIEW("0s"));
}
