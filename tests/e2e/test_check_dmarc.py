"""sealpost check dmarc and check token: of names, and of whole messages."""
import hashlib
import json
import subprocess

import pytest
from names import Names
from relay import BUILD
from test_check_dkim import BRISBANE, RFC_8463, TEST

WORLD = {
    "_dmarc.example.com": [("TXT", '"v=DMARC1; p=reject; sp=quarantine; t=y"')],
    "_dmarc.example.net": [("TXT", '"v=DMARC1; p=none"')],
    "_dmarc.football.example.com": [("TXT", '"v=DMARC1; p=reject; adkim=s; aspf=s"')],
    "_dmarc.dead.example": ["SERVFAIL"],
    "brisbane._domainkey.football.example.com": [("TXT", '"%s"' % BRISBANE)],
    "test._domainkey.football.example.com": [("TXT", '"%s" "%s"' % (TEST[:200], TEST[200:]))],
    "bounce.example.org": [("TXT", '"v=spf1 ip4:192.0.2.1 -all"')],
    "football.example.com": [("TXT", '"v=spf1 ip4:192.0.2.2 -all"'), ("TXT", '"elastx-mrs=%s"' % hashlib.sha256(b"user@domain.com").hexdigest())],
    "a.example.com": [("TXT", '"here"')],
    "alias.example.com": [("CNAME", "football.example.com.")],
}


@pytest.fixture(scope="module")
def names():
    made = Names(WORLD)
    yield made
    made.stop()


def check(names, what, *words, message=b""):
    shown = subprocess.run(
        [str(BUILD / "src/cli/sealpost"), "check", what, *words, "--resolver", "127.0.0.1:%d" % names.port, "--json"], input=message, capture_output=True, timeout=60
    )
    return shown.returncode, json.loads(shown.stdout) if shown.stdout else shown.stderr.decode()


@pytest.mark.parametrize(
    "words, result, code, policy, applied",
    [
        (["--from", "tom@example.com", "--spf", "bounce.example.com"], "pass", 0, "reject", "quarantine"),
        (["--from", "example.com", "--dkim", "example.net,mail.example.com"], "pass", 0, "reject", "quarantine"),
        (["--from", "example.com", "--spf", "example.net"], "fail", 1, "reject", "quarantine"),
        (["--from", "a.example.com"], "fail", 1, "quarantine", "none"),
        (["--from", "example.org", "--spf", "example.org"], "none", 1, None, None),
        (["--from", "dead.example", "--spf", "dead.example"], "temperror", 4, None, None),
        (["--from", "EXAMPLE.net.", "--spf", "example.NET"], "pass", 0, "none", "none"),
    ],
)
def test_identifiers(names, words, result, code, policy, applied):
    status, told = check(names, "dmarc", *words)
    assert (told["result"], status, told.get("policy"), told.get("applied")) == (result, code, policy, applied), told


def test_a_message_that_passes_by_its_signature(names):
    status, told = check(names, "dmarc", message=RFC_8463)
    assert (status, told["result"], told["dkim_aligned"], told["spf_aligned"]) == (0, "pass", True, False)
    assert told["record_name"] == "_dmarc.football.example.com"


def test_a_message_that_passes_by_spf_alone(names):
    altered = RFC_8463.replace(b"hungry", b"angry")
    passes = check(names, "dmarc", "--ip", "192.0.2.2", "--mail-from", "joe@football.example.com", message=altered)
    assert (passes[0], passes[1]["spf_aligned"], passes[1]["dkim_aligned"]) == (0, True, False)
    # Somebody else's SPF is good for somebody else.
    fails = check(names, "dmarc", "--ip", "192.0.2.1", "--mail-from", "x@bounce.example.org", message=altered)
    assert (fails[0], fails[1]["result"], fails[1]["applied"]) == (1, "fail", "reject")


@pytest.mark.parametrize("head", [b"", b"From: a@example.com, b@example.net\n", b"From: a@example.com\nFrom: a@example.com\n", b"From: <a@example.com> b@example.net\n"])
def test_an_author_that_is_not_certain(names, head):
    status, told = check(names, "dmarc", message=head + b"Subject: x\n\nhello\n")
    assert status == 1 and told.startswith("sealpost: From: "), told


@pytest.mark.parametrize("name, account, code", [("football.example.com", "user@domain.com", 0), ("football.example.com", "User@Domain.com", 0), ("football.example.com", "other@domain.com", 1), ("alias.example.com", "user@domain.com", 1), ("_dmarc.dead.example", "user@domain.com", 1)])
def test_token(names, name, account, code):
    status, told = check(names, "token", name, "--account", account, "--prefix", "elastx-mrs")
    assert status == code, told
    assert told["result"] == ("pass" if code == 0 else "fail")
