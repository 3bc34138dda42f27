"""sealpost check spf, against a name server that says anything; and against another implementation."""
import json
import random
import subprocess

import pytest
import spf
from names import Names
from relay import BUILD

WORLD = {
    "example.com": [("TXT", '"v=spf1 mx include:_spf.example.net exp=why.example.com -all"'), ("TXT", '"elastx-mrs=1"'), ("MX", "10 mx.example.com.")],
    "mx.example.com": [("A", "192.0.2.10"), ("AAAA", "2001:db8::10")],
    "_spf.example.net": [("TXT", '"v=spf1 ip4:198.51.100.0/24 " "~all"')],
    "why.example.com": [("TXT", '"%{i} may not send as %{d}"')],
    "old.example.com": [("SPF", '"v=spf1 mx -all"')],
    "back.example": [("TXT", '"v=spf1 exists:%{l}.list.example -all"')],
    r"\"a\\.b\".list.example": [("A", "127.0.0.2")],
    "dead.example": ["SERVFAIL"],
    "reserved.invalid": [("TXT", '"v=spf1 ptr:test.invalid -all"')],
    "1.0.0.127.in-addr.arpa": [("PTR", "own.test.invalid.")],
    "own.test.invalid": [("A", "127.0.0.1")],
    "asks-dead.example": [("TXT", '"v=spf1 a:dead.example -all"')],
    "silent.example": ["SILENCE"],
    "flood.example": [("TXT", '"%s"' % ("x%d " % i * 20)) for i in range(300)] + [("TXT", '"v=spf1 ip4:192.0.2.1 -all"')],
    "many.example": [("TXT", '"v=spf1 %s -all"' % " ".join("a:a%d.example" % i for i in range(11)))],
    **{"a%d.example" % i: [("A", "203.0.113.%d" % i)] for i in range(11)},
}


@pytest.fixture(scope="module")
def names():
    made = Names(WORLD)
    yield made
    made.stop()


def check(port, ip, sender, helo="client.example.net"):
    shown = subprocess.run(
        [str(BUILD / "src/cli/sealpost"), "check", "spf", "--ip", ip, "--from", sender, "--helo", helo, "--resolver", "127.0.0.1:%d" % port, "--json"],
        capture_output=True, text=True, timeout=60,
    )
    return shown.returncode, json.loads(shown.stdout)


@pytest.mark.parametrize(
    "ip, sender, result, code",
    [
        ("192.0.2.10", "tom@example.com", "pass", 0),
        ("2001:db8::10", "tom@example.com", "pass", 0),
        ("198.51.100.7", "tom@example.com", "pass", 0),
        ("203.0.113.1", "tom@example.com", "fail", 1),
        ("203.0.113.1", "tom@_spf.example.net", "softfail", 1),
        ("203.0.113.1", "tom@mx.example.com", "none", 1),
        ("203.0.113.1", "tom@nowhere.example", "none", 1),
        ("203.0.113.1", "tom@asks-dead.example", "temperror", 4),
        ("203.0.113.1", "tom@dead.example", "temperror", 4),
        ("203.0.113.99", "tom@many.example", "permerror", 1),
        ("192.0.2.1", "tom@flood.example", "pass", 0),
        ("192.0.2.1", r'"a\.b"@back.example', "pass", 0),
        ("192.0.2.1", '"a.b"@back.example', "fail", 1),
        ("127.0.0.1", "tom@reserved.invalid", "pass", 0),
        ("127.0.0.2", "tom@reserved.invalid", "fail", 1),
    ],
)
def test_results(names, ip, sender, result, code):
    status, told = check(names.port, ip, sender)
    assert (told["result"], status) == (result, code), told
    assert told["trace"]


def test_explanation_and_counts(names):
    told = check(names.port, "203.0.113.1", "tom@example.com")[1]
    assert told["explanation"] == "203.0.113.1 may not send as example.com"
    assert (told["lookups"], told["void_lookups"]) == (2, 0)


def test_type_spf_is_told_and_does_not_count(names):
    status, told = check(names.port, "192.0.2.10", "tom@old.example.com")
    assert (status, told["result"]) == (1, "none") and "type SPF (99)" in told["problem"], told
    assert "problem" not in check(names.port, "192.0.2.10", "tom@mx.example.com")[1]


def test_silence_ends_within_its_time(names):
    assert check(names.port, "192.0.2.1", "tom@silent.example")[1]["result"] == "temperror"


def test_zone_files_of_the_configuration(tmp_path, monkeypatch):
    (tmp_path / "zone").write_text('$ORIGIN z.example.\n@ 60 TXT "v=spf1 ip4:192.0.2.1 -all"\n')
    (tmp_path / "sealpost.yaml").write_text("service: { name: s, hostname: h.example, spf_include: s.example }\ndns: { zone_files: [ zone ] }\n")
    words = [BUILD.resolve() / "src/cli/sealpost", "--config", "sealpost.yaml", "check", "spf", "--ip", "192.0.2.1", "--from", "a@z.example"]
    monkeypatch.chdir(tmp_path)
    shown = subprocess.run(words, capture_output=True, text=True)
    assert shown.returncode == 0, shown
    (tmp_path / "zone").unlink()
    shown = subprocess.run(words, capture_output=True, text=True)
    assert shown.returncode == 4 and shown.stderr == "sealpost: zone: No such file or directory\n", shown


def test_wrong_words():
    for words in (["--from", "a@b.example"], ["--ip", "x", "--from", "a@b.example"], ["--ip", "192.0.2.1", "--from", "a@b.example", "--resolver", "x"]):
        shown = subprocess.run([str(BUILD / "src/cli/sealpost"), "check", "spf", *words], capture_output=True, text=True)
        assert shown.returncode == 2 and shown.stderr.startswith("sealpost: "), shown


# ---- against pyspf, on records made at random


def random_world(choice):
    hosts = ["h%d.example" % i for i in range(6)]
    world = {}
    for host in hosts:
        # All have an address: pyspf counts each query in vain, RFC 7208 4.6.4 the terms.
        rows = [("A", "192.0.2.%d" % choice.randrange(4))]
        rows += [("MX", "10 %s." % choice.choice(hosts))] if choice.random() < 0.5 else []
        terms = []
        for _ in range(choice.randrange(5)):
            qualifier = choice.choice(["", "", "+", "-", "~", "?"])
            other = choice.choice(hosts + ["%{d}", "%{o}", "none.example"])
            # pyspf finds fault with a record that includes itself even where an earlier term matches; RFC 7208 does not.
            included = choice.choice(hosts)
            mechanism = choice.choice(
                ["a", "mx", "a:" + other, "mx:" + other, "a/30", "ip4:192.0.2.0/30", "ip4:192.0.2.1", "ip6:2001:db8::/32", "include:" + included, "exists:" + other, "exists:%{ir}.example", "a:%{l}.example"]
            )
            terms.append(qualifier + mechanism)
        terms += choice.choice([["-all"], ["~all"], ["?all"], [], ["redirect=" + choice.choice(hosts)], ["a:bad", "-all"], ["foo", "-all"]])
        if choice.random() < 0.9:
            rows.append(("TXT", '"v=spf1 %s"' % " ".join(terms)))
        if choice.random() < 0.05:
            rows.append(("TXT", '"v=spf1 ip4:203.0.113.1 -all"'))
        world[host] = rows
    return world


def answers_of(world):
    def look_up(name, kind, strict=True, timeout=20, **_):
        if kind == "SPF":
            return []
        rows = world.get(name.lower().rstrip("."), [])
        found = []
        for have, text in rows:
            if have != kind:
                continue
            if kind == "TXT":
                value = (text.strip('"').encode(),)
            elif kind == "MX":
                value = (int(text.split()[0]), text.split()[1].rstrip("."))
            else:
                value = text
            found.append(((name, kind), value))
        return found

    return look_up


def test_agrees_with_pyspf(monkeypatch):
    choice = random.Random(20261123)
    disagreements = []
    for _ in range(15):
        world = random_world(choice)
        monkeypatch.setattr(spf, "DNSLookup", answers_of(world))
        server = Names(world)
        for host in [host for host in world if "include:%s" % host not in str(world[host])][:4]:
            ip = "192.0.2.%d" % choice.randrange(5)
            theirs = spf.check2(i=ip, s="h1@" + host, h="client.example.net")[0]
            told = check(server.port, ip, "h1@" + host)[1]
            if told["result"] != theirs:
                disagreements.append((world, host, ip, told, theirs))
        server.stop()
    assert not disagreements, disagreements[0]
