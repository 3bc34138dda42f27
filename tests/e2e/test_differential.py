"""Beside others, on generated mail: what one signs all verify, and on changed mail all verifiers say the same, but for the
disagreements that docs/disagreements.md explains."""
import json
import os
import pathlib
import random
import subprocess

import dkim
import pytest
from names import Names
from relay import BUILD
from test_sign import RSA, sign
from test_check_dkim import TEST, txt

# More of them by name: SEALPOST_DIFFERENTIAL=5000 ./test peers
COUNT = int(os.environ.get("SEALPOST_DIFFERENTIAL", "60"))
FORMS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"]
HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "rsa.pem"
    path.write_text(RSA)
    return path


@pytest.fixture(scope="module")
def names():
    made = Names({"s._domainkey.example.com": [txt(TEST)]})
    yield made
    made.stop()


# ---- generated mail


def word(dice):
    return "".join(dice.choice("abcdefgXYZ0189-_.:;=\"()<>") for _ in range(dice.randrange(1, 12)))


def blanks(dice, least=0):
    return "".join(dice.choice(" \t") for _ in range(dice.randrange(least, 4)))


def field(dice, name):
    parts = [word(dice) for _ in range(dice.randrange(0, 6))]
    body = blanks(dice)
    for part in parts:
        body += part + (dice.choice(["\r\n", ""]) + blanks(dice, 1))
    # A line of blanks alone inside a field ends it for some readers.
    lines = [line for line in body.split("\r\n") if line.strip(" \t")]
    return "%s:%s\r\n" % (name, "\r\n".join(lines))


def body(dice):
    kinds = ["", "\r\n", "\r\n\r\n", " \r\n", "text\r\n", "two  blanks \t\r\n", "\t\r\n", ".\r\n", "..x\r\n", "long" * 200 + "\r\n", "\xe9\r\n"]
    return "".join(dice.choice(kinds) for _ in range(dice.randrange(0, 8))) + dice.choice(["", "no end", "\r\n"])


def message(dice):
    fields = [field(dice, dice.choice(["Subject", "subject", "To", "X-A", "X-B", "Received"])) for _ in range(dice.randrange(0, 8))]
    fields.insert(dice.randrange(len(fields) + 1), "From: Tom <tom@example.com>\r\n")
    return ("".join(fields) + "\r\n" + body(dice)).encode("latin-1")


def change(dice, sealed):
    """One small change somewhere."""
    at = dice.randrange(len(sealed))
    kind = dice.randrange(6)
    if kind == 0:  # a blank more where one is
        found = sealed.find(b" ", at)
        return sealed[:found] + b" " + sealed[found:] if found > 0 else sealed
    if kind == 1:
        return sealed + dice.choice([b"\r\n", b" \r\n", b"x\r\n", b"\r\n\r\n"])
    if kind == 2:
        return sealed[:at] + bytes([sealed[at] ^ 0x20]) + sealed[at + 1 :] if sealed[at : at + 1].isalpha() else sealed
    if kind == 3:  # a field on top
        return dice.choice([b"X-A: new\r\n", b"Subject: new\r\n", b"Received: new\r\n"]) + sealed
    if kind == 4:  # a fold somewhere
        head, _, rest = sealed.partition(b"\r\n\r\n")
        found = head.find(b" ", at % max(1, len(head)))
        return (head[:found] + b"\r\n" + head[found:] if found > 0 else head) + b"\r\n\r\n" + rest
    return sealed.replace(b"\r\n\r\n", b"\r\n \r\n\r\n", 1) if dice.randrange(8) == 0 else sealed


# ---- who judges


def ours(names, content, *options):
    told = subprocess.run(
        [str(BUILD / "src/cli/sealpost"), "check", "dkim", "--resolver", "127.0.0.1:%d" % names.port, "--json", *options],
        input=content, capture_output=True, timeout=60,
    )
    signatures = json.loads(told.stdout)["signatures"]
    return any(one["result"] == "pass" for one in signatures)


def dkimpy(content):
    try:
        return dkim.verify(content, dnsfunc=lambda name, **_: TEST.encode() if name == b"s._domainkey.example.com." else b"")
    except dkim.DKIMException:
        return False


def mail_dkim(names, contents, folder):
    paths = []
    for number, content in enumerate(contents):
        paths.append(folder / ("%d.eml" % number))
        paths[-1].write_bytes(content)
    done = subprocess.run(
        ["perl", str(HERE / "differential_dkim.pl"), str(names.port)], input="".join("%s\n" % path for path in paths),
        capture_output=True, text=True, timeout=600, check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(contents), done.stderr
    return [line.startswith("pass") for line in lines]


# ---- what is known to differ (docs/disagreements.md): who, and on what


def simple_body_without_an_end(content):
    """RFC 6376 3.4.3 adds the CRLF."""
    return b"/simple;" in content.partition(b"bh=")[0] and not content.endswith(b"\r\n")


KNOWN = {"Mail::DKIM": [simple_body_without_an_end], "dkimpy": []}


def expect_same(wanted, content, **verdicts):
    for who, said in verdicts.items():
        who = who.replace("_", "::")
        assert said == wanted or any(differs(content) for differs in KNOWN[who]), (who, said, wanted, content)


def sealed_by_us(key, dice, content):
    form = dice.choice(FORMS)
    words = ["--key", key, "--domain", "example.com", "--selector", "s", "--canonicalization", form, "--time", 1700000000]
    if dice.randrange(2):
        words += ["--headers", ":".join(["From", *dice.sample(["Subject", "To", "X-A", "X-A", "X-B", "Received", "Absent"], dice.randrange(0, 6))])]
    told = sign(content, *words)
    assert told.returncode == 0, (content, told.stderr)
    return told.stdout


def test_what_we_sign_others_verify(key, names, tmp_path):
    dice = random.Random(1)
    sealed = [sealed_by_us(key, dice, message(dice)) for _ in range(COUNT)]
    for content, theirs in zip(sealed, mail_dkim(names, sealed, tmp_path)):
        assert ours(names, content), content
        expect_same(True, content, dkimpy=dkimpy(content), Mail_DKIM=theirs)


def test_what_others_sign_we_verify(key, names):
    dice = random.Random(2)
    for _ in range(COUNT):
        content = message(dice)
        head, tail = dice.choice(FORMS).split("/")
        names_of = [b"From", *dice.sample([b"Subject", b"To", b"X-A", b"X-B", b"Absent"], dice.randrange(0, 5))]
        seal = dkim.sign(content, b"s", b"example.com", RSA.encode(), canonicalize=(head.encode(), tail.encode()), include_headers=names_of)
        assert ours(names, seal + content), seal + content


def test_what_opendkim_signs_we_verify(key, names):
    dice = random.Random(4)
    signed = 0
    for _ in range(COUNT // 4):
        content = b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n" + message(dice)
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        words = ["opendkim-testmsg", "-C", "-d", "example.com", "-k", str(key), "-s", "s"]
        done = subprocess.run(words, input=content, capture_output=True, timeout=30)
        if done.returncode == 0:
            assert ours(names, done.stdout, "--legacy"), done.stdout  # it knows rsa-sha1 alone
            signed += 1
        else:  # a field that it does not take for one
            assert b"Syntax error" in done.stderr
    assert signed > COUNT // 8


def test_on_changed_mail_all_say_the_same(key, names, tmp_path):
    dice = random.Random(3)
    changed = [change(dice, sealed_by_us(key, dice, message(dice))) for _ in range(2 * COUNT)]
    said = []
    for content, theirs in zip(changed, mail_dkim(names, changed, tmp_path)):
        said.append(ours(names, content))
        expect_same(said[-1], content, dkimpy=dkimpy(content), Mail_DKIM=theirs)
    assert min(said.count(True), said.count(False)) > COUNT // 8, said  # it has seen both
