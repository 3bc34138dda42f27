#include "mail/spf_check.h"

#include "base/testing.h"

enum { RECORDS_MOST = 32 };

/* NAME TYPE DATA; data "!": the look-up fails. */
static const struct view zones[] = {
	VIEW_INIT(
		/* what the sender's domains publish */
		"plain.example TXT v=spf1 ip4:192.0.2.0/24 -all\n"
		"xn--rksmrgs-5wao1o.example TXT v=spf1 exists:%{o}.list.example -all\n"
		"xn--rksmrgs-5wao1o.example.list.example A 192.0.2.1\n"
		"local.example TXT v=spf1 exists:%{l}.list.example exists:%%.%{S}.list.example -all\n"
		"j\303\266rg.list.example A 192.0.2.1\n"
		"j\303\266rg@local.example.list.example A 192.0.2.1\n"
		"tom.list.example A 192.0.2.1\n"
		"\"a\\\\.b\\\\\".list.example A 192.0.2.1\n"
		"back.example TXT v=spf1 include:a\\b.%{d}.list.example -all exp=%{l}.why.example\n"
		"a\\\\b.back.example.list.example TXT v=spf1 mx\n"
		"a\\\\b.back.example.list.example MX a\\046b\\092.example\n"
		"a\\046b\\092.example A 192.0.2.1\n"
		"\"\\\\\".why.example TXT %{l}\n"
		"localred.example TXT v=spf1 redirect=%{l1r+}.list.example\n"
		"j\303\266rg.list.example TXT v=spf1 +all\n"
		"dots.example TXT v=spf1 exists:%{o}.%{h}.%{s}.list.example -all\n"
		"dots.example.client.example.net.tom@dots.example.list.example A 192.0.2.1\n"
		"long.example TXT v=spf1 exists:%{l}.list.example a:%{l}.list.example mx:%{l}.list.example ?all\n"
		"longinc.example TXT v=spf1 include:%{l}.list.example ?all\n"
		"longred.example TXT v=spf1 redirect=%{l}.list.example\n"
		"parts.example TXT v=spf1 exists:%{d99999999999999999999}.list.example -all\n"
		"parts.example.list.example A 192.0.2.1\n"
		"five.example TXT v=spf1 a:%{p}.ptr a:%{p}.ptr a:%{p}.ptr a:%{p}.ptr a:%{p}.ptr -all exp=%{p}.ptr\n"
		"six.example TXT v=spf1 a:%{p}.ptr a:%{p}.ptr a:%{p}.ptr a:%{p}.ptr a:%{p}.ptr a:%{p}.ptr -all\n"
		"mail.ptr.example.ptr A 198.51.100.1\n"
		"mail.ptr.example.ptr TXT %{p} may not\n"
		"notlocal.example TXT v=spf1 exists:%%{l.%{o}.list.example -all\n"
		"%{l.notlocal.example.list.example A 192.0.2.1\n"
		"soft.example TXT v=spf1 ip4:198.51.100.1 ~all\n"
		"open.example TXT v=spf1\n"
		"quiet.example TXT v=spf1 ?all\n"
		"upper.example TXT V=SPF1 +MX -ALL\n"
		"upper.example MX mx1.example\n"
		"mx1.example A 192.0.2.10\n"
		"mx1.example AAAA 20010db8000000000000000000000010\n"
		"version.example TXT v=spf10 -all\n"
		"nothing.example TXT some other text\n"
		"two.example TXT v=spf1 -all\n"
		"two.example TXT v=spf1 mx -all\n"
		"others.example TXT v=spf1 a -all\n"
		"others.example TXT token=1\n"
		"others.example A 192.0.2.1\n"
		"fails.example TXT !\n"
		"late.example TXT v=spf1 ip4:192.0.2.1 foo -all\n"
		"ctrl.example TXT v=spf1 a:x.example\x0d -all\n"
		"unknown.example TXT v=spf1 moo=%{s} ip4:192.0.2.1 -all\n"
		/* a */
		"a.example TXT v=spf1 a:host.example -all\n"
		"host.example A 198.51.100.7\n"
		"host.example A 192.0.2.1\n"
		"host.example AAAA 20010db8000000000000000000000001\n"
		"near.example TXT v=spf1 a:host.example/24//64 -all\n"
		"zero.example TXT v=spf1 a:host.example/0 -all\n"
		"gone.example TXT v=spf1 a:none.example a:none2.example ?all\n"
		"gone3.example TXT v=spf1 a:none.example a:none2.example a:none3.example ?all\n"
		"broken.example TXT v=spf1 a:bad.example -all\n"
		"bad.example A !\n"
		"slash.example TXT v=spf1 a:b/c.host.example -all\n"
		"b/c.host.example A 192.0.2.1\n"
		/* mx */
		"mx.example TXT v=spf1 mx -all\n"
		"mx.example MX mx9.example\n"
		"mx.example MX mx1.example\n"
		"mx9.example A 198.51.100.9\n"
		"null.example TXT v=spf1 mx -all\n"
		"null.example MX \n"
		"implicit.example TXT v=spf1 mx ?all\n"
		"implicit.example A 192.0.2.1\n"
		"crowd.example TXT v=spf1 mx -all\n"
		"crowd.example MX a1\ncrowd.example MX a2\ncrowd.example MX a3\ncrowd.example MX a4\ncrowd.example MX a5\n"
		"crowd.example MX a6\ncrowd.example MX a7\ncrowd.example MX a8\ncrowd.example MX a9\ncrowd.example MX a10\n"
		"crowd.example MX a11\n"
		/* ptr */
		"ptr.example TXT v=spf1 ptr -all\n"
		"liar.example TXT v=spf1 ptr -all\n"
		"ptrfail.example TXT v=spf1 ptr ?all\n"
		"1.2.0.192.in-addr.arpa PTR mail.ptr.example\n"
		"1.2.0.192.in-addr.arpa PTR www.liar.example\n"
		"mail.ptr.example A 192.0.2.1\n"
		"www.liar.example A 192.0.2.99\n"
		"9.2.0.192.in-addr.arpa PTR !\n"
		/* include, redirect */
		"inc.example TXT v=spf1 include:plain.example -all\n"
		"incsoft.example TXT v=spf1 include:soft.example ?all\n"
		"incnone.example TXT v=spf1 include:nothing.example ?all\n"
		"inctemp.example TXT v=spf1 include:fails.example ?all\n"
		"incperm.example TXT v=spf1 include:two.example ?all\n"
		"loop.example TXT v=spf1 include:loop.example -all\n"
		"redir.example TXT v=spf1 redirect=plain.example\n"
		"redirall.example TXT v=spf1 redirect=plain.example ?all\n"
		"redirnone.example TXT v=spf1 redirect=nothing.example\n"
		"redirloop.example TXT v=spf1 redirect=redirloop.example\n"),
	VIEW_INIT(/* limits */
	          "ten.example TXT v=spf1 a:h a:h a:h a:h a:h a:h a:h a:h a:h a:host.example -all\n"
	          "ten2.example TXT v=spf1 a:host.example a:mx1.example a:mx1.example a:mx1.example a:mx1.example "
	          "a:mx1.example "
	          "a:mx1.example a:mx1.example a:mx1.example ip4:203.0.113.1 a:mx1.example -all\n"
	          "eleven.example TXT v=spf1 a:mx1.example a:mx1.example a:mx1.example a:mx1.example a:mx1.example "
	          "a:mx1.example "
	          "a:mx1.example a:mx1.example a:mx1.example a:mx1.example a:mx1.example -all\n"
	          "greedy.example TXT v=spf1 mx:many.example mx:many.example mx:many.example mx:many.example "
	          "mx:many.example -all\n"
	          "many.example MX m1\nmany.example MX m2\nmany.example MX m3\nmany.example MX m4\nmany.example MX m5\n"
	          "many.example MX m6\nmany.example MX m7\nmany.example MX m8\nmany.example MX m9\nmany.example MX m10\n"
	          /* macros and explanations */
	          "mac.example TXT v=spf1 exists:%{ir}.%{v}.%{l1r-}.%{d2} -all exp=why.mac.example\n"
	          "1.2.0.192.in-addr.strong.mac.example A 127.0.0.2\n"
	          "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6.strong.mac.example A 127.0.0.2\n"
	          "why.mac.example TXT %{i} is not%_%{d}'s%- 100%% (%{S}, %{c}, %{r}, %{t})\n"
	          "readable.example TXT v=spf1 -all exp=why.readable.example\n"
	          "why.readable.example TXT %{c}\n"
	          "expinc.example TXT v=spf1 include:mac.example -all exp=own.example\n"
	          "own.example TXT mine\n"
	          "expredir.example TXT v=spf1 exp=own.example redirect=nowhy.example\n"
	          "nowhy.example TXT v=spf1 -all\n"
	          "exptwo.example TXT v=spf1 -all exp=two.example\n"
	          "expfail.example TXT v=spf1 -all exp=fails.example\n"
	          "expbad.example TXT v=spf1 -all exp=bad.mac.example\n"
	          "bad.mac.example TXT %{x}\n"
	          "expbytes.example TXT v=spf1 -all exp=bytes.example\n"
	          "bytes.example TXT caf\xc3\xa9\n"
	          "p.example TXT v=spf1 exists:%{p}.ok.example -all\n"
	          "mail.ptr.example.ok.example A 127.0.0.2\n"
	          "unknown.ok.example A 127.0.0.2\n"
	          "helo.example TXT v=spf1 exists:%{h}.heard.example -all\n"
	          "client.example.net.heard.example A 127.0.0.2\n"
	          "crt.example TXT v=spf1 exists:%{t}.example -all\n"
	          "zeroth.example TXT v=spf1 exists:%{d0}.example -all\n"
	          "longish.example TXT v=spf1 exists:%{l}.cut.example -all\n"
	          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.cut.example A 127.0.0.2\n")
};

static bool read_hex(struct view text, char *into)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i + 1 < text.length; i += 2)
		into[i / 2] =
			(char)((strchr(digits, text.data[i]) - digits) * 16 + (strchr(digits, text.data[i + 1]) - digits));
	return text.length == 32;
}

static struct view data_of(struct view type, struct view data, struct arena *arena)
{
	char bytes[16];
	if (view_equal(type, VIEW("AAAA")) && read_hex(data, bytes))
		return arena_copy(arena, view_bytes(bytes, 16));
	if (!view_equal(type, VIEW("A")))
		return data;
	struct view part;
	size_t count = 0;
	uint64_t number = 0;
	while (count < 4 && view_split(&data, '.', &part) && view_to_u64(part, &number))
		bytes[count++] = (char)number;
	return arena_copy(arena, view_bytes(bytes, 4));
}

static void look_in(struct view rest, struct view name, struct view type, struct arena *arena,
                    struct lookup_answer *answer)
{
	struct view line;
	while (view_split(&rest, '\n', &line)) {
		struct view owner;
		struct view found;
		if (!view_split(&line, ' ', &owner) || !view_split(&line, ' ', &found) || !view_equal(found, type) ||
		    !view_equal_nocase(owner, name))
			continue;
		if (view_equal(line, VIEW("!"))) {
			*answer = (struct lookup_answer){ .status = TXT_FAILED, .detail = VIEW("SERVFAIL") };
			return;
		}
		answer->status = TXT_FOUND;
		assert_true(answer->count < RECORDS_MOST);
		answer->records[answer->count++] = data_of(type, line, arena);
	}
}

static void look_up(void *context, struct view name, enum lookup_type type, struct arena *arena,
                    struct lookup_answer *answer)
{
	static const struct view types[] = {
		[LOOKUP_A] = VIEW_INIT("A"),     [LOOKUP_AAAA] = VIEW_INIT("AAAA"), [LOOKUP_MX] = VIEW_INIT("MX"),
		[LOOKUP_PTR] = VIEW_INIT("PTR"), [LOOKUP_TXT] = VIEW_INIT("TXT"),
	};
	size_t *asked = context;
	++*asked;
	*answer = (struct lookup_answer){ .status = TXT_NONE, .records = ARENA_ARRAY(arena, struct view, RECORDS_MOST) };
	for (size_t i = 0; i < CASES(zones); i++)
		look_in(zones[i], name, types[type], arena, answer);
}

#define V4                                                                                                           \
	{                                                                                                                \
		192, 0, 2, 1                                                                                                 \
	}
#define OTHER                                                                                                        \
	{                                                                                                                \
		203, 0, 113, 9                                                                                               \
	}
#define V6                                                                                                           \
	{                                                                                                                \
		0x20, 0x01, 0x0d, 0xb8, [15] = 1                                                                             \
	}
#define MAPPED                                                                                                       \
	{                                                                                                                \
		[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 1                                           \
	}

#define LABEL_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct check_case {
	const char *sender;
	uint8_t address[16];
	bool is_ip6;
	enum spf_result result;
	const char *explanation;
} check_cases[] = {
	{ "tom@plain.example", V4, false, SPF_PASS, "" },
	{ "tom@plain.example", OTHER, false, SPF_FAIL, "" },
	{ "tom@plain.example", V6, true, SPF_FAIL, "" },
	{ "tom@plain.example", MAPPED, true, SPF_PASS, "" },
	{ "tom@plain.example.", V4, false, SPF_PASS, "" },
	{ "@plain.example", V4, false, SPF_PASS, "" },
	{ "plain.example", V4, false, SPF_PASS, "" },
	{ "tom@soft.example", V4, false, SPF_SOFTFAIL, "" },
	{ "tom@open.example", V4, false, SPF_NEUTRAL, "" },
	{ "tom@quiet.example", V4, false, SPF_NEUTRAL, "" },
	{ "tom@upper.example", { 192, 0, 2, 10 }, false, SPF_PASS, "" },
	{ "tom@upper.example", V4, false, SPF_FAIL, "" },
	{ "tom@version.example", V4, false, SPF_NONE, "" },
	{ "tom@nothing.example", V4, false, SPF_NONE, "" },
	{ "tom@absent.example", V4, false, SPF_NONE, "" },
	{ "tom@example", V4, false, SPF_NONE, "" },
	{ "tom@[192.0.2.1]", V4, false, SPF_NONE, "" },
	{ "tom@a..example", V4, false, SPF_NONE, "" },
	{ "tom@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", V4, false, SPF_NONE, "" },
	{ "tom@two.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@others.example", V4, false, SPF_PASS, "" },
	{ "tom@fails.example", V4, false, SPF_TEMPERROR, "" },
	{ "tom@late.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@ctrl.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@unknown.example", V4, false, SPF_PASS, "" },
	{ "tom@a.example", V4, false, SPF_PASS, "" },
	{ "tom@a.example", V6, true, SPF_PASS, "" },
	{ "tom@r\303\244ksm\303\266rg\303\245s.example", V4, false, SPF_PASS, "" },
	{ "r\303\244ksm\303\266rg\303\245s.example", V4, false, SPF_PASS, "" },
	{ "tom@r\377.example", V4, false, SPF_NONE, "" },
	{ "j\303\266rg@local.example", V4, false, SPF_FAIL, "" },
	{ "tom@local.example", V4, false, SPF_PASS, "" },
	{ "\"a\\.b\\\"@local.example", V4, false, SPF_PASS, "" },
	{ "\"a.b\"@local.example", V4, false, SPF_FAIL, "" },
	{ "tom@back.example", V4, false, SPF_PASS, "" },
	{ "\"\\\"@back.example", OTHER, false, SPF_FAIL, "\"\\\"" },
	{ "tom@dots.example.", V4, false, SPF_PASS, "" },
	{ "tom@dots.example..", V4, false, SPF_NONE, "" },
	{ "tom@.", V4, false, SPF_NONE, "" },
	{ LABEL_64 "@long.example", V4, false, SPF_NEUTRAL, "" },
	{ "a..b@long.example", V4, false, SPF_NEUTRAL, "" },
	{ LABEL_64 "@longinc.example", V4, false, SPF_PERMERROR, "" },
	{ LABEL_64 "@longred.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@parts.example", V4, false, SPF_PASS, "" },
	{ "tom@five.example", V4, false, SPF_FAIL, "mail.ptr.example may not" },
	{ "tom@six.example", V4, false, SPF_PERMERROR, "" },
	{ "j\303\266rg@localred.example", V4, false, SPF_PERMERROR, "" },
	{ "j\303\266rg@notlocal.example", V4, false, SPF_PASS, "" },
	{ "j\303\266rg@plain.example", V4, false, SPF_PASS, "" },
	{ "tom@a.example", { 192, 0, 2, 2 }, false, SPF_FAIL, "" },
	{ "tom@near.example", { 192, 0, 2, 254 }, false, SPF_PASS, "" },
	{ "tom@near.example", { 0x20, 0x01, 0x0d, 0xb8, [7] = 0, [8] = 0xff }, true, SPF_PASS, "" },
	{ "tom@near.example", { 0x20, 0x01, 0x0d, 0xb8, [7] = 1 }, true, SPF_FAIL, "" },
	{ "tom@zero.example", OTHER, false, SPF_PASS, "" },
	{ "tom@gone.example", V4, false, SPF_NEUTRAL, "" },
	{ "tom@gone3.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@broken.example", V4, false, SPF_TEMPERROR, "" },
	{ "tom@slash.example", V4, false, SPF_PASS, "" },
	{ "tom@mx.example", { 192, 0, 2, 10 }, false, SPF_PASS, "" },
	{ "tom@mx.example", V4, false, SPF_FAIL, "" },
	{ "tom@null.example", V4, false, SPF_FAIL, "" },
	{ "tom@implicit.example", V4, false, SPF_NEUTRAL, "" },
	{ "tom@crowd.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@ptr.example", V4, false, SPF_PASS, "" },
	{ "tom@ptr.example", OTHER, false, SPF_FAIL, "" },
	{ "tom@liar.example", V4, false, SPF_FAIL, "" },
	{ "tom@ptrfail.example", { 192, 0, 2, 9 }, false, SPF_NEUTRAL, "" },
	{ "tom@inc.example", V4, false, SPF_PASS, "" },
	{ "tom@inc.example", OTHER, false, SPF_FAIL, "" },
	{ "tom@incsoft.example", V4, false, SPF_NEUTRAL, "" },
	{ "tom@incnone.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@inctemp.example", V4, false, SPF_TEMPERROR, "" },
	{ "tom@incperm.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@loop.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@redir.example", V4, false, SPF_PASS, "" },
	{ "tom@redir.example", OTHER, false, SPF_FAIL, "" },
	{ "tom@redirall.example", OTHER, false, SPF_NEUTRAL, "" },
	{ "tom@redirnone.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@redirloop.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@ten.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@ten2.example", OTHER, false, SPF_FAIL, "" },
	{ "tom@eleven.example", OTHER, false, SPF_PERMERROR, "" },
	{ "tom@greedy.example", OTHER, false, SPF_PERMERROR, "" },
	{ "bad-strong@mac.example", V4, false, SPF_FAIL,
	  "192.0.2.1 is not mac.example's%20 100% (bad-strong%40mac.example, "
	  "192.0.2.1, unknown, 1700000000)" },
	{ "strong-bad@mac.example", V4, false, SPF_PASS, "" },
	{ "strong-bad@mac.example", V6, true, SPF_PASS, "" },
	{ "x@mac.example", V6, true, SPF_FAIL,
	  "2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1 is not mac.example's%20 100% "
	  "(x%40mac.example, 2001:db8::1, unknown, 1700000000)" },
	{ "x@readable.example", { 0 }, true, SPF_FAIL, "::" },
	{ "x@readable.example", { [15] = 1 }, true, SPF_FAIL, "::1" },
	{ "x@readable.example", { 0xfe, 0x80 }, true, SPF_FAIL, "fe80::" },
	{ "x@readable.example", { 0x20, 1, [5] = 1, [13] = 2, [15] = 3 }, true, SPF_FAIL, "2001:0:1::2:3" },
	{ "x@readable.example",
	  { 1, 1, [4] = 1, [7] = 2, 3, 4, 5, 6, 7, 8, 9, 1 },
	  true,
	  SPF_FAIL,
	  "101:0:100:2:304:506:708:901" },
	{ "x@readable.example", { 1, [6] = 1, [12] = 1 }, true, SPF_FAIL, "100::100:0:0:100:0" },
	{ "tom@expinc.example", OTHER, false, SPF_FAIL, "mine" },
	{ "tom@expredir.example", V4, false, SPF_FAIL, "" },
	{ "tom@exptwo.example", V4, false, SPF_FAIL, "" },
	{ "tom@expfail.example", V4, false, SPF_FAIL, "" },
	{ "tom@expbad.example", V4, false, SPF_FAIL, "" },
	{ "tom@expbytes.example", V4, false, SPF_FAIL, "" },
	{ "tom@p.example", V4, false, SPF_PASS, "" },
	{ "tom@p.example", OTHER, false, SPF_PASS, "" },
	{ "tom@helo.example", V4, false, SPF_PASS, "" },
	{ "tom@crt.example", V4, false, SPF_PERMERROR, "" },
	{ "tom@zeroth.example", V4, false, SPF_PERMERROR, "" },
	{ "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."
	  "cccccccccccccccccccccccccccccccccccccccccccccccccccccccc."
	  "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd.eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee."
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@longish.example",
	  V4, false, SPF_FAIL, "" },
};

static void results(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(check_cases); i++) {
		const struct check_case *row = &check_cases[i];
		struct arena arena = { 0 };
		size_t asked = 0;
		const struct dns_lookup lookup = { &asked, look_up };
		struct spf_client client = { .is_ip6 = row->is_ip6,
			                         .helo = VIEW("client.example.net"),
			                         .sender = view_of(row->sender),
			                         .seconds = 1700000000 };
		for (size_t j = 0; j < sizeof(client.address); j++)
			client.address[j] = row->address[j];
		struct spf_outcome outcome;
		spf_check_host(&lookup, &client, &arena, &outcome);
		expect_view(row->sender, view_of(spf_result_name(outcome.result)), view_of(spf_result_name(row->result)));
		expect_view(row->sender, outcome.explanation, view_of(row->explanation));
		expect_number(row->sender, (int64_t)asked, outcome.queries);
		expect_number(row->sender, outcome.queries <= SPF_QUERIES_MOST, true);
		expect_number(row->sender, outcome.lookups <= SPF_TERMS_MOST, true);
		expect_number(row->sender, outcome.trace_count > 0, true);
		const bool failed = row->result == SPF_PERMERROR || row->result == SPF_TEMPERROR;
		expect_number(row->sender, outcome.problem.length > 0, failed);
		arena_deinit(&arena);
	}
}

/* RFC 7208 2.4: the null reverse-path is judged by HELO. */
static void null_sender(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	size_t asked = 0;
	const struct dns_lookup lookup = { &asked, look_up };
	const struct spf_client client = { .address = V4, .helo = VIEW("plain.example") };
	struct spf_outcome outcome;
	spf_check_host(&lookup, &client, &arena, &outcome);
	assert_int_equal(outcome.result, SPF_PASS);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results),
		cmocka_unit_test(null_sender),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
