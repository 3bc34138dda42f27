#include "net/dns_message.h"

#include "base/bytes.h"
#include "net/dns_private.h"

#include <arpa/nameser.h>

enum { NAME_TEXT_MOST = 1025, ALIASES_MOST = 8, NEGATIVE_TTL_LEAST_SIZE = 22 };

struct view dns_rcode_name(unsigned rcode)
{
	static const struct view names[] = {
		VIEW_INIT("NOERROR"),  VIEW_INIT("FORMERR"), VIEW_INIT("SERVFAIL"),
		VIEW_INIT("NXDOMAIN"), VIEW_INIT("NOTIMP"),  VIEW_INIT("REFUSED"),
	};
	return rcode < sizeof(names) / sizeof(names[0]) ? names[rcode] : VIEW("an error");
}

/* ---- the question */

static void add_u16(struct text *message, unsigned number)
{
	text_add_byte(message, (char)(number >> 8));
	text_add_byte(message, (char)number);
}

bool dns_message_ask(uint16_t id, struct view name, enum dns_type type, struct text *message)
{
	char text[NAME_TEXT_MOST];
	uint8_t wire[NS_MAXCDNAME];
	/* -1: no name; else 1 when it ends with its dot. */
	if (!bytes_to_cstring(text, sizeof(text), name) || ns_name_pton(text, wire, sizeof(wire)) < 0)
		return false;
	add_u16(message, id);
	add_u16(message, 0); /* a query, no recursion desired */
	add_u16(message, 1);
	add_u16(message, 0);
	add_u16(message, 0);
	add_u16(message, 0);
	size_t length = 0;
	while (wire[length] != 0)
		length += 1u + wire[length];
	text_add(message, view_bytes(wire, length + 1));
	add_u16(message, type);
	add_u16(message, ns_c_in);
	return !message->overflow;
}

/* ---- what is said */

struct reading {
	ns_msg message;
	struct view wanted; /* the name whose records count: the one asked, or where aliases lead */
	enum dns_type type;
	struct arena *arena;
	struct dns_answer *answer;
};

static bool record_at(struct reading *reading, ns_sect section, int number, ns_rr *record)
{
	return ns_parserr(&reading->message, section, number, record) == 0;
}

static struct view owner_of(const ns_rr *record)
{
	const struct view name = view_of(record->name);
	return view_ends(name, VIEW(".")) ? view_first(name, name.length - 1) : name;
}

static void note_ttl(struct dns_answer *answer, uint32_t ttl)
{
	if (ttl < answer->ttl)
		answer->ttl = ttl;
}

/* A name inside a record's data. */
static bool name_in(struct reading *reading, const ns_rr *record, size_t from, struct view *name)
{
	char text[NAME_TEXT_MOST];
	const uint8_t *start = ns_msg_base(reading->message);
	const uint8_t *end = ns_msg_end(reading->message);
	if (ns_rr_rdlen(*record) <= from ||
	    ns_name_uncompress(start, end, ns_rr_rdata(*record) + from, text, sizeof(text)) < 0)
		return false;
	const struct view found = view_of(text);
	*name = arena_copy(reading->arena, view_ends(found, VIEW(".")) ? view_first(found, found.length - 1) : found);
	return true;
}

static void follow_aliases(struct reading *reading)
{
	const int count = ns_msg_count(reading->message, ns_s_an);
	ns_rr record;
	for (int turn = 0; turn < ALIASES_MOST && reading->type != DNS_CNAME; turn++) {
		bool moved = false;
		for (int i = 0; i < count && !moved; i++)
			if (record_at(reading, ns_s_an, i, &record) && ns_rr_type(record) == ns_t_cname &&
			    view_equal_nocase(owner_of(&record), reading->wanted) &&
			    name_in(reading, &record, 0, &reading->wanted)) {
				note_ttl(reading->answer, ns_rr_ttl(record));
				reading->answer->through_alias = true;
				moved = true;
			}
		if (!moved)
			return;
	}
}

/* Names in data are compressed here, which dns_record_read does not have. */
static bool read_data(struct reading *reading, const ns_rr *record, struct dns_record *into)
{
	const bool is_mx = reading->type == DNS_MX;
	if (!is_mx && reading->type != DNS_CNAME && reading->type != DNS_NS && reading->type != DNS_PTR)
		return dns_record_read(reading->type, view_bytes(ns_rr_rdata(*record), ns_rr_rdlen(*record)), reading->arena,
		                       into);
	*into = (struct dns_record){ 0 };
	if (is_mx && ns_rr_rdlen(*record) > 2)
		into->preference = (uint16_t)ns_get16(ns_rr_rdata(*record));
	return name_in(reading, record, is_mx ? 2 : 0, &into->data);
}

static void read_records(struct reading *reading)
{
	struct dns_answer *answer = reading->answer;
	const int count = ns_msg_count(reading->message, ns_s_an);
	ns_rr record;
	answer->records = ARENA_ARRAY(reading->arena, struct dns_record, (size_t)count + 1);
	for (int i = 0; i < count; i++) {
		if (!record_at(reading, ns_s_an, i, &record) || ns_rr_class(record) != ns_c_in ||
		    (enum dns_type)ns_rr_type(record) != reading->type ||
		    !view_equal_nocase(owner_of(&record), reading->wanted))
			continue;
		note_ttl(answer, ns_rr_ttl(record));
		if (read_data(reading, &record, &answer->records[answer->record_count]))
			answer->record_count++;
	}
}

/* RFC 2308 5: that nothing is there is known for the less of the SOA's own time and its last field. */
static bool read_negative(struct reading *reading)
{
	ns_rr record;
	for (int i = 0; i < ns_msg_count(reading->message, ns_s_ns); i++) {
		if (!record_at(reading, ns_s_ns, i, &record) || ns_rr_type(record) != ns_t_soa ||
		    ns_rr_rdlen(record) < NEGATIVE_TTL_LEAST_SIZE)
			continue;
		note_ttl(reading->answer, ns_rr_ttl(record));
		note_ttl(reading->answer, (uint32_t)ns_get32(ns_rr_rdata(record) + ns_rr_rdlen(record) - 4));
		return true;
	}
	reading->answer->ttl = 0;
	return false;
}

static struct view referral_in(struct reading *reading)
{
	ns_rr record;
	for (int i = 0; i < ns_msg_count(reading->message, ns_s_ns); i++)
		if (record_at(reading, ns_s_ns, i, &record) && ns_rr_type(record) == ns_t_ns)
			return arena_copy(reading->arena, owner_of(&record));
	return VIEW_NONE;
}

static void fail(struct dns_answer *answer, struct view why)
{
	answer->status = DNS_FAILED;
	answer->detail = why;
	answer->record_count = 0;
	answer->ttl = 0;
}

static void conclude(struct reading *reading, struct dns_said *said)
{
	struct dns_answer *answer = reading->answer;
	const unsigned rcode = (unsigned)ns_msg_getflag(reading->message, ns_f_rcode);
	const bool is_of_the_zone = ns_msg_getflag(reading->message, ns_f_aa) != 0;
	if (rcode != ns_r_noerror && rcode != ns_r_nxdomain) {
		fail(answer, dns_rcode_name(rcode));
		return;
	}
	follow_aliases(reading);
	read_records(reading);
	answer->canonical = reading->wanted;
	if (!is_of_the_zone) {
		said->delegated = referral_in(reading);
		fail(answer, VIEW("it does not serve the zone"));
		return;
	}
	if (answer->record_count > 0) {
		answer->status = DNS_FOUND;
		return;
	}
	answer->status = rcode == ns_r_nxdomain && !answer->through_alias ? DNS_NXDOMAIN : DNS_NODATA;
	read_negative(reading);
}

static bool answers_question(struct reading *reading, uint16_t id)
{
	ns_rr question;
	return ns_msg_id(reading->message) == id && ns_msg_getflag(reading->message, ns_f_qr) != 0 &&
	       ns_msg_getflag(reading->message, ns_f_tc) == 0 && ns_msg_count(reading->message, ns_s_qd) == 1 &&
	       record_at(reading, ns_s_qd, 0, &question) && (enum dns_type)ns_rr_type(question) == reading->type &&
	       view_equal_nocase(owner_of(&question), reading->wanted);
}

void dns_message_read(struct view message, uint16_t id, struct view name, enum dns_type type, struct arena *arena,
                      struct dns_said *said)
{
	const struct view asked = view_ends(name, VIEW(".")) ? view_first(name, name.length - 1) : name;
	struct reading reading = { .wanted = asked, .type = type, .arena = arena, .answer = &said->answer };
	*said = (struct dns_said){ .answer = { .canonical = asked, .ttl = UINT32_MAX } };
	if (message.length > NS_MAXMSG ||
	    ns_initparse((const uint8_t *)message.data, (int)message.length, &reading.message) != 0 ||
	    !answers_question(&reading, id))
		fail(&said->answer, VIEW("the answer is malformed"));
	else
		conclude(&reading, said);
}
