"""sealpost parse address; where it is certain, Python's parser reads the same."""
import email.headerregistry
import email.policy
import json
import random
import subprocess

import pytest
from relay import BUILD


def parse(text):
    shown = subprocess.run([str(BUILD / "src/cli/sealpost"), "--json", "parse", "address", text], capture_output=True, text=True)
    told = json.loads(shown.stdout)
    assert shown.returncode == (0 if told["certain"] else 1)
    assert bool(told["reason"]) != told["certain"]
    return [mailbox["address"] for mailbox in told["mailboxes"]] if told["certain"] else None


@pytest.mark.parametrize(
    "text, addresses",
    [
        ("tom@example.com", ["tom@example.com"]),
        ("Tom <tom@Example.COM>", ["tom@example.com"]),
        ('"Tom, the other" <tom@example.com>, anna@example.net', ["tom@example.com", "anna@example.net"]),
        ("team: tom@example.com, anna@example.net;", ["tom@example.com", "anna@example.net"]),
        ("tom@example.com (a comment)", ["tom@example.com"]),
        ('"a b"@example.com', ['"a b"@example.com']),
        ("tom@räksmörgås.example", ["tom@xn--rksmrgs-5wao1o.example"]),
        ("=?utf-8?q?=40other=2Eexample?= <tom@example.com>", ["tom@example.com"]),
        ("<tom@example.com> <anna@example.net>", None),
        ("tom@example.com anna@example.net", None),
        ("anna@example.net <tom@example.com>", None),
        ("=?utf-8?q?tom=40example.com?=", None),
        ("tom@exam(comment)ple.com", None),
        ("<@relay.example:tom@example.com>", None),
        ("tom", None),
        ("", None),
    ],
)
def test_readings(text, addresses):
    assert parse(text) == addresses


@pytest.mark.parametrize("text, certain", [(b"-tom@example.com\n", True), (b"tom@example.com\r\n", True), (b"tom@example.com\0\n", False), (b"tom@example.com\n\n", False), (b"Tom\r\n <tom@example.com>", True)])
def test_on_standard_input(text, certain):
    shown = subprocess.run([str(BUILD / "src/cli/sealpost"), "--json", "parse", "address"], input=text, capture_output=True)
    assert json.loads(shown.stdout)["certain"] == certain


def test_a_hyphen_at_the_front_takes_two():
    words = [str(BUILD / "src/cli/sealpost"), "parse", "address"]
    assert subprocess.run([*words, "--", "-tom@example.com"], capture_output=True).returncode == 0
    refused = subprocess.run([*words, "-tom@example.com"], capture_output=True, text=True)
    assert refused.returncode == 2 and "stands -- alone" in refused.stderr


def test_certain_is_what_others_read_too():
    choice = random.Random(20261123)
    atoms = ["tom", "anna.b", '"q r"', "x+y"]
    hosts = ["example.com", "Example.NET", "a.b.example"]
    names = ["Tom ", '"Tom, B" ', "", "Tom (c) ", "Tom B. ", "a@b.example ", "=?utf-8?q?T=C3=B6m?= "]
    joins = [", ", ",", " ", "; ", ",\r\n "]
    certain = 0
    for _ in range(200):
        parts = []
        for _ in range(choice.choice([1, 1, 2, 3])):
            address = choice.choice(atoms) + choice.choice(["@", "@", "@", " @ "]) + choice.choice(hosts)
            name = choice.choice(names)
            parts.append(name + "<" + address + ">" if name or choice.random() < 0.5 else address)
        text = choice.choice(joins).join(parts)
        ours = parse(text)
        if ours is None:
            continue
        certain += 1
        theirs = email.policy.SMTP.header_factory("from", text.replace("\r\n", ""))
        assert [a.username.strip('"') + "@" + a.domain.lower() for a in theirs.addresses] == [a.replace('"', "") for a in ours], text
    assert certain > 40, certain
