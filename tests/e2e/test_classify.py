"""sealpost classify and parse: what other servers say, and how a message is read here."""
import json
import pathlib
import subprocess

import pytest
from relay import BUILD

NOTICES = pathlib.Path(__file__).parent.parent / "corpora/dsn"
# As Postfix 3.7 writes it.
POSTFIX = b"""Return-Path: <>
Date: Mon, 23 Nov 2026 10:00:00 +0000 (UTC)
From: MAILER-DAEMON@mx.test (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: bob@example.com
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4Sc1.1700/mx.test"
Message-Id: <20261123100000.1@mx.test>

This is a MIME-encapsulated message.

--4Sc1.1700/mx.test
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

<full@b.test>: host mx.b.test[192.0.2.7] said: 552 5.2.2 mailbox full (in reply to end of DATA command)

--4Sc1.1700/mx.test
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.test
X-Postfix-Queue-ID: 4Sc1
X-Postfix-Sender: rfc822; bob@example.com
Arrival-Date: Mon, 23 Nov 2026 09:59:58 +0000 (UTC)

Final-Recipient: rfc822; full@b.test
Original-Recipient: rfc822;info@b.test
Action: failed
Status: 5.0.0
Remote-MTA: dns; mx.b.test
Diagnostic-Code: smtp; 552 5.2.2 mailbox full

--4Sc1.1700/mx.test
Content-Description: Undelivered Message
Content-Type: message/rfc822

From: bob@example.com
Message-ID: <42@example.com>

hello

--4Sc1.1700/mx.test--
"""


def run(message, *words):
    return subprocess.run([str(BUILD / "src/cli/sealpost"), *words], input=message, capture_output=True, timeout=30)


@pytest.mark.parametrize(
    "reply, words, fate, code, status, kind, rests",
    [
        (b"550 5.1.1 no such user\r\n", [], "bounced", 550, "5.1.1", "bad-mailbox", False),
        (b"550-5.7.1 blocked\r\n550 5.7.1 see https://x.test\r\n", [], "bounced", 550, "5.7.1", "policy", False),
        (b"451 4.7.1 greylisted\n", [], "deferred", 451, "4.7.1", "policy", True),
        (b"421 too busy", [], "deferred", 421, "4.0.0", "other", True),
        (b"552 5.2.3 too large", ["--stage", "end"], "bounced", 552, "5.2.3", "too-large", False),
        (b"552 too many recipients", ["--stage", "rcpt"], "deferred", 552, "4.0.0", "other", False),
        (b"554 no service here", ["--stage", "connect"], "deferred", 554, "4.0.0", "other", False),
        (b"250 2.0.0 taken", ["--stage", "end"], "delivered", 250, "2.0.0", None, False),
    ],
)
def test_a_reply(reply, words, fate, code, status, kind, rests):
    told = run(reply, "classify", "reply", "--json", *words)
    answer = json.loads(told.stdout)
    assert told.returncode == 0
    assert [answer.get(name) for name in ("fate", "code", "status", "class", "rests_site")] == [fate, code, status, kind, rests]
    assert run(b"", "classify", "reply", "--json", *words, reply.decode().strip()).stdout == told.stdout


@pytest.mark.parametrize("reply", [b"", b"hello", b"550-5.1.1 more to come\r\n", b"550-a\r\n551 b\r\n", b"250 OK\r\n250 OK\r\n", b"99 no"])
def test_no_reply(reply):
    told = run(reply, "classify", "reply")
    assert told.returncode == 1 and b"that is no SMTP reply" in told.stderr and not told.stdout


def test_a_wrong_stage():
    told = run(b"250 OK", "classify", "reply", "--stage", "helo")
    assert told.returncode == 2 and b"--stage is connect, mail, rcpt, data or end, not helo" in told.stderr


def test_a_bounce_of_postfix():
    told = run(POSTFIX, "classify", "bounce", "--json")
    answer = json.loads(told.stdout)
    assert told.returncode == 0 and answer["message_id"] == "<42@example.com>" and answer["reporter"] == "mx.test"
    assert answer["recipients"] == [
        {
            "recipient": "full@b.test", "original": "info@b.test", "fate": "bounced", "action": "failed", "status": "5.2.2",
            "class": "full", "remote": "mx.b.test", "diagnostic": "552 5.2.2 mailbox full",
        }
    ]
    text = run(POSTFIX, "classify", "bounce").stdout.decode()
    assert text.splitlines()[1].split()[:4] == ["full@b.test", "bounced", "5.2.2", "full"]


def test_our_own_notices():
    fates = {}
    for path in NOTICES.glob("*.eml"):
        told = run(path.read_bytes(), "classify", "bounce", "--json")
        fates[path.stem] = told.returncode, [row["fate"] for row in json.loads(told.stdout)["recipients"]]
    assert fates == {
        "failure": (0, ["bounced"] * 3), "hostile": (0, ["bounced"]), "delay": (1, ["deferred"]), "success": (1, ["delivered"] * 2)
    }


def test_what_is_no_notice():
    told = run(b"From: a@b.test\n\nI am on holiday.\n", "classify", "bounce")
    assert told.returncode == 1 and told.stderr == b"sealpost: not a delivery status notification: it is no multipart/report (RFC 6522)\n"
    assert run(b"", "parse", "report").returncode == 1


def test_a_report():
    told = run(POSTFIX, "parse", "report")
    assert told.returncode == 0 and told.stdout.startswith(b"reporter    mx.test\n")
    assert json.loads(run(POSTFIX, "parse", "report", "--json").stdout)["arrival"] == "Mon, 23 Nov 2026 09:59:58 +0000 (UTC)"


@pytest.mark.parametrize(
    "message, taken, reply, reason",
    [
        (b"From: Tom <tom@Example.com>\nSubject: a\n folded one\n\nhi\n", True, None, None),
        (b"From: tom@example.com\nFrom: a@example.com\n\nhi\n", False, "550 5.6.0", "more than one From: field"),
        (b"Subject: x\n\nhi\n", False, "550 5.6.0", "From:"),
        (b"From: tom@example.com, a@other.com\n\nhi\n", False, "550 5.6.0", "domain"),
        (b"From: tom@example.com\nno colon here\n\nhi\n", False, "550 5.6.0", ""),
        ("From: tom@example.com\nSubject: h\u00e9\n\nhi\n".encode(), False, "550 5.6.9", ""),
        (b"From: tom@example.com\n\n" + b"x" * 1000 + b"\n", False, "550 5.6.0", ""),
    ],
)
def test_a_message(message, taken, reply, reason):
    told = run(message, "parse", "message", "--json")
    answer = json.loads(told.stdout)
    assert (told.returncode == 0) == taken == answer["taken"] and answer.get("reply") == reply
    assert reason is None or reason in answer["reason"]
    assert run(message, "parse", "message").returncode == told.returncode


def test_what_is_told_of_a_message():
    message = b"Received: a\nDKIM-Signature: x\nFrom: Tom <tom@Example.com>\nMessage-ID: <1@b>\nSubject: a\n folded one\n\nhi\n"
    answer = json.loads(run(message, "parse", "message", "--json").stdout)
    assert answer["from"] == [{"local_part": "tom", "domain": "example.com", "address": "tom@example.com"}]
    assert answer["fields"][4] == {"line": 5, "name": "Subject", "body": "a folded one"}
    assert (answer["message_id"], answer["hops"], answer["signed"], answer["body_size"]) == ("<1@b>", 1, True, 4)
    text = run(message, "parse", "message").stdout.decode()
    assert text.startswith("taken        yes\nfrom         tom@example.com\n") and "5     Subject         a folded one\n" in text
