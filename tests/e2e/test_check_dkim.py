"""sealpost check dkim, on what others sealed."""
import base64
import itertools
import json
import subprocess

import dkim
import pytest
from names import Names
from relay import BUILD

# RFC 8463 A.3, with its two keys (A.2).
RFC_8463 = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""
BRISBANE = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
TEST = (
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/b"
    "yYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)
MESSAGE = (
    b"Received: from a by b; Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"From: Tom  <tom@example.com>\r\nTo: anna@example.net,\r\n\tbert@example.net\r\nSubject:  a \t folded\r\n  subject \r\n"
    b"X-Twice: one\r\nX-Twice: two\r\nX-Empty:\r\n\r\n"
    b"A line  with \t blanks \r\n\r\n.dot\r\n\t\r\nlast line\r\n\r\n\r\n"
)


def openssl(*words, **how):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, **how).stdout


def rsa_key(bits):
    pem = openssl("genrsa", "-traditional", str(bits))
    return pem, base64.b64encode(openssl("rsa", "-pubout", "-outform", "DER", input=pem)).decode()


@pytest.fixture(scope="module")
def keys():
    made = {"rsa": rsa_key(2048), "short": rsa_key(768), "other": rsa_key(1024)}
    seed = bytes(range(32))
    der = bytes.fromhex("302e020100300506032b657004220420") + seed
    public = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", input=der)[-32:]
    made["ed"] = base64.b64encode(seed), base64.b64encode(public).decode()
    return made


def txt(value):
    return ("TXT", " ".join('"%s"' % value[i : i + 255] for i in range(0, len(value), 255)))


@pytest.fixture(scope="module")
def names(keys):
    def key(record):
        return [txt(record)]

    public = {name: pair[1] for name, pair in keys.items()}
    made = Names(
        {
            "brisbane._domainkey.football.example.com": key(BRISBANE),
            "test._domainkey.football.example.com": key(TEST),
            "rsa._domainkey.example.com": key("v=DKIM1; p=" + public["rsa"]),
            "ed._domainkey.example.com": key("v=DKIM1; k=ed25519; p=" + public["ed"]),
            "short._domainkey.example.com": key("p=" + public["short"]),
            "wrong._domainkey.example.com": key("v=DKIM1; p=" + public["other"]),
            "revoked._domainkey.example.com": key("v=DKIM1; p="),
            "broken._domainkey.example.com": key("v=DKIM1; p=" + public["rsa"][:200]),
            "sha1._domainkey.example.com": key("v=DKIM1; h=sha1; p=" + public["rsa"]),
            "other._domainkey.example.com": key("v=DKIM1; s=telephone; p=" + public["rsa"]),
            "strict._domainkey.example.com": key("v=DKIM1; t=s:y; p=" + public["rsa"]),
            "kind._domainkey.example.com": key("v=DKIM1; k=ed25519; p=" + public["ed"]),
            "version._domainkey.example.com": key("v=DKIM2; p=" + public["rsa"]),
            "granular._domainkey.example.com": key("v=DKIM1; g=t*m; p=" + public["rsa"]),
            "two._domainkey.example.com": [txt("not a key"), txt("v=DKIM1; p=" + public["rsa"])],
            "alias._domainkey.example.com": [("CNAME", "rsa._domainkey.example.com.")],
            "dead._domainkey.example.com": ["SERVFAIL"],
            "rsa._domainkey.xn--rksmrgs-5wao1o.example": key("v=DKIM1; p=" + public["rsa"]),
        }
    )
    yield made
    made.stop()


def run(names, message, *options):
    return subprocess.run(
        [str(BUILD / "src/cli/sealpost"), "check", "dkim", "--resolver", "127.0.0.1:%d" % names.port, *options],
        input=message, capture_output=True, timeout=60,
    )


def check(names, message, *options):
    shown = run(names, message, "--json", *options)
    return shown.returncode, json.loads(shown.stdout)["signatures"]


def seal(keys, message=MESSAGE, selector="rsa", key="rsa", algorithm=b"rsa-sha256", form=b"relaxed/relaxed", **how):
    how.setdefault("include_headers", [b"From", b"To", b"Subject", b"X-Twice", b"X-Absent"])
    canonical = tuple(form.split(b"/"))
    head = dkim.sign(message, selector.encode(), how.pop("domain", b"example.com"), keys[key][0], canonicalize=canonical, signature_algorithm=algorithm, **how)
    return head + message


def first(names, message, *options):
    code, told = check(names, message, *options)
    assert len(told) == 1, told
    return told[0]["result"], told[0]["reason"], code


def test_the_example_of_rfc_8463(names):
    for message in (RFC_8463, RFC_8463.replace(b"\n", b"\r\n")):
        code, told = check(names, message)
        assert [(one["selector"], one["result"]) for one in told] == [("brisbane", "pass"), ("test", "pass")] and code == 0, told
    code, told = check(names, RFC_8463.replace(b"hungry", b"angry"))
    assert [one["result"] for one in told] == ["fail", "fail"] and code == 1
    assert told[0]["reason"] == "the body is not the one that was signed"
    code, told = check(names, RFC_8463.replace(b"dinner", b"lunch"))
    assert told[0]["reason"] == "the header is not the one that was signed"


@pytest.mark.parametrize("form", [b"simple/simple", b"simple/relaxed", b"relaxed/simple", b"relaxed/relaxed"])
@pytest.mark.parametrize("key, algorithm", [("rsa", b"rsa-sha256"), ("ed", b"ed25519-sha256")])
def test_all_canonical_forms(names, keys, form, key, algorithm):
    for body in (b"", b"\r\n", b"\r\n\r\n", b"no end", b" \r\n", b"a\r\n \t \r\n\r\n", b"x" * 100000):
        message = MESSAGE.split(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
        assert first(names, seal(keys, message, key, key, algorithm, form))[0] == "pass", (form, body[:20])
    sealed = seal(keys, MESSAGE, key, key, algorithm, form)
    assert first(names, sealed)[0] == "pass"
    # One blank more is seen by the simple form alone.
    changed = first(names, sealed.replace(b"Subject:  a", b"Subject:   a"))[0]
    assert changed == ("fail" if form.startswith(b"simple") else "pass")
    changed = first(names, sealed.replace(b"A line  with", b"A line   with"))[0]
    assert changed == ("fail" if form.endswith(b"simple") else "pass")
    assert first(names, sealed.replace(b"X-Twice: one", b"X-Twice: three"))[0] == "pass"  # the last one is signed
    assert first(names, sealed.replace(b"X-Twice: two", b"X-Twice: three"))[0] == "fail"
    assert first(names, sealed.replace(b"From:", b"X-Absent: now\r\nFrom:"))[0] == "fail"


@pytest.mark.parametrize(
    "selector, key, result, reason, code",
    [
        ("wrong", "rsa", "fail", "the header is not the one that was signed", 1),
        ("revoked", "rsa", "permerror", "the key is revoked: p= is empty", 1),
        ("broken", "rsa", "permerror", "the key in DNS is damaged", 1),
        ("sha1", "rsa", "permerror", "the key is not for this hash", 1),
        ("other", "rsa", "permerror", "the key is not for mail", 1),
        ("kind", "rsa", "permerror", "the key is for another algorithm", 1),
        ("version", "rsa", "permerror", "v= must be first and say DKIM1", 1),
        ("nowhere", "rsa", "permerror", "no key at nowhere._domainkey.example.com", 1),
        ("dead", "rsa", "temperror", "dead._domainkey.example.com: SERVFAIL", 4),
        ("two", "rsa", "pass", "", 0),
        ("strict", "rsa", "pass", "", 0),
        ("short", "short", "policy", "RSA keys of less than 1024 bits are not trusted any more (RFC 8301 3.2)", 1),
    ],
)
def test_keys(names, keys, selector, key, result, reason, code):
    assert first(names, seal(keys, selector=selector, key=key)) == (result, reason, code)


def test_old_mail(names, keys):
    assert first(names, seal(keys, selector="short", key="short"), "--legacy")[0] == "pass"
    sealed = seal(keys, algorithm=b"rsa-sha1")
    assert first(names, sealed)[0] == "policy"
    assert first(names, sealed, "--legacy")[0] == "pass"
    assert first(names, sealed.replace(b"last line", b"first line"))[0] == "fail"


def test_length(names, keys):
    sealed = seal(keys, length=True)
    assert first(names, sealed)[0] == "pass"
    assert first(names, sealed + b"and more\r\n")[0] == "pass"
    assert first(names, sealed.replace(b".dot", b".dots"))[0] == "fail"
    assert first(names, sealed.split(b"\r\n\r\n")[0] + b"\r\n\r\nshort\r\n")[:2] == ("permerror", "l= is more than the body")


def seal_with(keys, changes, selector=b"rsa"):
    """Sealed with these tags instead of what dkimpy writes; None: without the tag."""
    class Other(dkim.DKIM):
        def gen_header(self, fields, *words, **how):
            kept = [field for field in fields if field[0] not in changes]
            return super().gen_header([change for change in changes.items() if change[1] is not None] + kept, *words, **how)

    made = Other(MESSAGE, signature_algorithm=b"rsa-sha256")
    fields = [b"From", b"To", b"Subject", b"X-Twice"]
    return made.sign(selector, b"example.com", keys["rsa"][0], canonicalize=(b"relaxed", b"relaxed"), include_headers=fields) + MESSAGE


def test_drafts_before_rfc_4871(names, keys):
    """Without v=, or with v=0.5."""
    for version in (None, b"0.5"):
        sealed = seal_with(keys, {b"v": version})
        assert first(names, sealed)[0] == "permerror"
        assert first(names, sealed, "--legacy")[0] == "pass"
        assert first(names, sealed.replace(b"X-Twice: two", b"X-Twice: three"), "--legacy")[0] == "fail"
    assert first(names, seal_with(keys, {b"v": b"5"}), "--legacy")[:2] == ("permerror", "v= is not 1")


def test_granularity(names, keys):
    """RFC 6376 has no g= any more; RFC 4871 had."""
    for identity, result in ((b"tom@example.com", "pass"), (b"tim@sub.example.com", "pass"), (b"anna@example.com", "permerror"), (None, "permerror")):
        sealed = seal(keys, selector="granular", identity=identity)
        assert first(names, sealed)[0] == "pass"
        assert first(names, sealed, "--legacy")[0] == result


def test_identity(names, keys):
    assert first(names, seal(keys, identity=b"tom@sub.example.com"))[0] == "pass"
    assert first(names, seal(keys, selector="strict", identity=b"@sub.example.com"))[:2] == ("permerror", "the key forbids i= below d=")
    # RFC 6376 3.5, 2.11: i= is quoted-printable.
    for identity in (b"t=6Fm@example.com", b"tom=40example.com", b"tom@sub=2eexample.com", b"t=3Bm=00@example.com", b'"a=40b"@example.com'):
        assert first(names, seal_with(keys, {b"i": identity}))[0] == "pass", identity
    for identity in (b"tom@evil.example=00.example.com", b"tom@evil.example=2Cexample.com", b"tom=40evil.example"):
        assert first(names, seal_with(keys, {b"i": identity}))[0] == "permerror", identity
    assert first(names, seal_with(keys, {b"i": b"tom@sub=2Eexample.com"}, b"strict"))[0] == "permerror"


# What stands in a signature is judged before its key is asked for: it need not be a good one.
TAGS = {"v": "1", "a": "rsa-sha256", "d": "example.com", "s": "rsa", "h": "from:to", "bh": "AAAA", "b": "AAAA"}


@pytest.mark.parametrize(
    "change, result, reason",
    [
        ({"v": None}, "permerror", "a required tag is missing (v, a, b, bh, d, h, s)"),
        ({"b": None}, "permerror", "a required tag is missing (v, a, b, bh, d, h, s)"),
        ({"v": "2"}, "permerror", "v= is not 1"),
        ({"a": "rsa-md5"}, "permerror", "a= is not an algorithm known here"),
        ({"c": "strict"}, "permerror", "c= is not simple or relaxed"),
        ({"c": "relaxed/"}, "permerror", "c= is not simple or relaxed"),
        ({"d": "exa mple.com"}, "permerror", "d= is not a domain name"),
        ({"i": "tom@example.net"}, "permerror", "i= is not within d="),
        ({"i": "example.com"}, "permerror", "i= is not an identity"),
        ({"h": "to:subject"}, "permerror", "From is not signed"),
        ({"l": "-1"}, "permerror", "l= is not a number of octets"),
        ({"q": "https"}, "permerror", "q= knows no dns/txt"),
        ({"t": "10", "x": "5"}, "permerror", "x= is not later than t="),
        ({"t": "yesterday"}, "permerror", "t= or x= is not a number of seconds"),
        ({"x": "1700000000"}, "permerror", "the signature has expired"),
        ({"i": ""}, "permerror", "i= is not an identity"),
        ({"s": ""}, "permerror", "s= is not a selector"),
        ({"s": "r sa"}, "permerror", "s= is not a selector"),
        ({"s": "rsa."}, "permerror", "s= is not a selector"),
        ({"s": "a..b"}, "permerror", "s= is not a selector"),
        ({"s": "r\\000sa"}, "permerror", "s= is not a selector"),
        ({"s": "a" * 64}, "permerror", "s= is not a selector"),
        ({"s": "under_score.sub"}, "permerror", "no key at under_score.sub._domainkey.example.com"),
        ({"s": ".".join(["a" * 60] * 5)}, "permerror", "s= is not a selector"),
        ({"bh": "?"}, "permerror", "bh= is not base64"),
        ({"v": "1;"}, "neutral", "the signature is not a list of tag=value"),
        ({"b": "AAAA;; "}, "neutral", "the signature is not a list of tag=value"),
        ({"z": "a\1b"}, "neutral", "the signature is not a list of tag=value"),
        ({"": "x"}, "neutral", "the signature is not a list of tag=value"),
        ({"v": "1; v=1"}, "neutral", "the signature is not a list of tag=value"),
        ({"z": "From:x|To:y", "unknown": "1"}, "fail", "the body is not the one that was signed"),
    ],
)
def test_tags(names, change, result, reason):
    tags = {**TAGS, **change}
    head = "DKIM-Signature: " + "; ".join("%s=%s" % item for item in tags.items() if item[1] is not None) + "\r\n"
    assert first(names, head.encode() + MESSAGE)[:2] == (result, reason)


def test_no_author(names, keys):
    """From is signed as absent, and nobody is the author."""
    sealed = seal(keys, MESSAGE.replace(b"From:", b"Form:"), include_headers=[b"To", b"From"])
    assert first(names, sealed)[:2] == ("permerror", "the message has no From")
    assert first(names, sealed.replace(b"last", b"first"))[0] == "fail"


def test_names_beyond_ascii(names, keys):
    sealed = seal(keys, domain=b"xn--rksmrgs-5wao1o.example")
    assert first(names, sealed)[0] == "pass"


def test_no_signature_and_many(names, keys):
    assert check(names, MESSAGE) == (1, [])
    one = seal(keys)[: -len(MESSAGE)]
    assert len(check(names, one * 40 + MESSAGE)[1]) == 16
    told = [json.loads(run(names, one * count + MESSAGE, "--json").stdout) for count in (16, 40)]
    assert [row["unjudged"] for row in told] == [0, 24]
    assert b"not judged" not in run(names, one * 16 + MESSAGE).stdout
    assert run(names, one * 40 + MESSAGE).stdout.endswith(b"\n24 more not judged: the first 16 signatures are\n")


def test_agrees_with_dkimpy(names, keys):
    """Every single change of a sealed message is judged alike."""
    records = {name: rows[0][1].replace('" "', "").strip('"').encode() for name, rows in names.records.items() if rows[0] != "SERVFAIL"}
    sealed = seal(keys, form=b"relaxed/simple")
    changes = [(b"\t", b" "), (b"  ", b" "), (b"\r\n\r\n\r\n", b"\r\n"), (b".dot", b"..dot"), (b"bh=", b" bh = "), (b"d=example.com", b"d=Example.COM"), (b"s=rsa", b"s=RSA"), (b"h=", b"h=\r\n "), (b"To:", b"TO:")]
    for before, after in itertools.chain(changes, [(b"anna", b"Anna"), (b"two", b"too"), (b"; ", b";")]):
        changed = sealed.replace(before, after)
        theirs = dkim.verify(changed, dnsfunc=lambda name, timeout=5: records.get(name.decode().rstrip(".").lower()))
        assert (first(names, changed)[0] == "pass") == theirs, (before, after)


def test_no_field_is_out_of_sight(names, keys):
    """As many as a message may have, and the author last."""
    sealed = seal(keys, message=b"X-One: more\r\n" * 4090 + MESSAGE)
    assert first(names, sealed)[0] == "pass"
    assert first(names, sealed.replace(b"From: ", b"From: x", 1))[0] == "fail"
