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
    "_dmarc.split.example": [("TXT", '"v=DMARC1; p=re" "ject; np=none"'), ("TXT", '"hello"')],
    "_dmarc.void.example": [("TXT", '"v=DMARC1; p=block"')],
    "_dmarc.bank.example": [("TXT", '"v=DMARC1; p=reject; psd=y"')],
    "_dmarc.giant.bank.example": [("TXT", '"v=DMARC1; p=quarantine; adkim=s; aspf=x"')],
    "there.split.example": [("MX", "10 mx.split.example.")],
    "test._domainkey.late.example": ["SERVFAIL"],
    "_dmarc.late.example": [("TXT", '"v=DMARC1; p=reject"')],
    "late.example": ["SERVFAIL"],
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
        (["example.net", "--spf", "example.net"], "pass", 0, "none", "none"),
        (["example.com", "--dkim", "a_b.example.com"], "pass", 0, "reject", "quarantine"),
        (["split.example"], "fail", 1, "reject", "reject"),
        (["there.split.example"], "fail", 1, "reject", "reject"),
        (["not.there.split.example"], "fail", 1, "none", "none"),
        (["void.example", "--spf", "void.example"], "none", 1, None, None),
    ],
)
def test_identifiers(names, words, result, code, policy, applied):
    status, told = check(names, "dmarc", *words)
    assert (told["result"], status, told.get("policy"), told.get("applied")) == (result, code, policy, applied), told


def test_all_is_told(names):
    status, told = check(names, "dmarc", "giant.bank.example", "--spf", "mail.giant.bank.example", "--dkim", "mail.mega.bank.example")
    assert status == 0 and told == {
        "domain": "giant.bank.example",
        "result": "pass",
        "organizational_domain": "giant.bank.example",
        "record_name": "_dmarc.giant.bank.example",
        "policy_domain": "giant.bank.example",
        "record": "v=DMARC1; p=quarantine; adkim=s; aspf=x",
        "policy": "quarantine",
        "applied": "quarantine",
        "policy_tag": "p",
        "tags": {"p": "quarantine", "sp": "quarantine", "np": "quarantine", "adkim": "s", "aspf": "r", "psd": "u", "t": "n"},
        "spf_domain": "mail.giant.bank.example",
        "spf_aligned": True,
        "dkim_domains": ["mail.mega.bank.example"],
        "dkim_aligned": False,
        "detail": "aspf= must be r or s",
    }


@pytest.mark.parametrize(
    "words, hint",
    [
        (["--from", "a b"], "neither an address nor a domain"),
        (["example.com", "--spf", "a b"], "--spf is the domain"),
        (["example.com", "--dkim", "example.com,,x"], "--dkim lists the domains"),
        (["example.com", "--from", "example.net"], "one author will do"),
        (["example.com", "--ip", "192.0.2.1"], "go with a message on stdin"),
        (["--spf", "example.com"], "go with --from"),
        (["--mail-from", "x@example.com"], "--ip ADDRESS"),
    ],
)
def test_wrong_words(names, words, hint):
    status, told = check(names, "dmarc", *words)
    assert status == 2 and hint in told, told


def test_dns_that_fails_for_a_mechanism_is_no_failure_of_the_message(names):
    """RFC 9989 5.3.6; but only where that mechanism could have been aligned."""
    late = RFC_8463.replace(b"football.example.com", b"late.example")
    status, told = check(names, "dmarc", message=late)
    assert (status, told["result"]) == (4, "temperror"), told
    plain = b"From: joe@%s\n\nhello\n"
    status, told = check(names, "dmarc", "--ip", "192.0.2.1", "--mail-from", "x@late.example", message=plain % b"late.example")
    assert (status, told["result"]) == (4, "temperror"), told
    status, told = check(names, "dmarc", "--ip", "192.0.2.1", "--mail-from", "x@late.example", message=plain % b"example.net")
    assert (status, told["result"]) == (1, "fail"), told


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


def test_what_was_meant_to_be_the_token(names):
    """One made with echo without -n, and another account's beside it."""
    made = "elastx-mrs=" + hashlib.sha256(b"user@domain.com\n").hexdigest()
    other = "elastx-mrs=" + hashlib.sha256(b"other@domain.com").hexdigest()
    names.publish({"slips.example.com": [("TXT", '"%s"' % other), ("TXT", '"%s"' % made)]})
    status, told = check(names, "token", "slips.example.com", "--account", "user@domain.com", "--prefix", "elastx-mrs")
    assert status == 1 and told["explanation"] == "of the token seen: it is the SHA-256 of the name with a line feed behind it (echo needs -n)"


@pytest.mark.parametrize("name, account, code", [("football.example.com", "user@domain.com", 0), ("football.example.com", "User@Domain.com", 0), ("football.example.com", "other@domain.com", 1), ("alias.example.com", "user@domain.com", 1), ("_dmarc.dead.example", "user@domain.com", 1)])
def test_token(names, name, account, code):
    status, told = check(names, "token", name, "--account", account, "--prefix", "elastx-mrs")
    assert status == code, told
    assert told["result"] == ("pass" if code == 0 else "fail")
