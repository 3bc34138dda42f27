"""Ways to leave under an identity that the account does not have: none of them does. And what looks alike and is right."""
import smtplib

import pytest
from relay import Relay, wait_for

OURS, TO = "tom@example.com", "alice@rcpt.test"
FOREIGN = ['@ TXT "v=spf1 include:elastx.email -all"', '_dmarc TXT "v=DMARC1; p=none"']


@pytest.fixture(scope="module")
def relay():
    """example.com names the account, two.com too; victim.com, its neighbours and sub.example.com name nobody."""
    zones = {name: FOREIGN for name in ("example.com", "two.com", "victim.com", "xn--exmple-cua.com")}
    made = Relay(zones={**zones, "com": [], "example.com": FOREIGN + ["sub TXT \"v=spf1 include:elastx.email -all\""]})
    try:
        made.start()
        made.account = made.add_account()
        made.zones["xn--exmple-cua.com"] = FOREIGN
        for domain in ("example.com", "two.com"):
            made.publish(domain, made.account["account"])
        yield made
    finally:
        made.close()


def reply(relay, sender, header, body="text\r\n", recipient=TO):
    """(code, text) of the first reply that refuses, else of the last one; the header as it stands, in bytes or text."""
    header = header if isinstance(header, bytes) else header.encode()
    with relay.client(relay.account) as client:
        for command in ("MAIL FROM:<%s>" % sender, "RCPT TO:<%s>" % recipient, "DATA"):
            code, text = client.docmd(command)
            if code >= 400:
                return code, text.decode()
        client.send(header + b"\r\n" + body.encode() + b"\r\n.\r\n")
        code, text = client.getreply()
        return code, text.decode()


def refused(relay, status, sender, header, **more):
    before = len(relay.sink.messages)
    code, text = reply(relay, sender, header, **more)
    assert 500 <= code < 600 and text.startswith(status), (code, text)
    # Nothing of it leaves: what is sent after it arrives as the next one.
    assert reply(relay, OURS, "From: %s\r\n" % OURS)[0] == 250
    wait_for(lambda: len(relay.sink.messages) > before)
    assert len(relay.sink.messages) == before + 1


FROM_OURS = "From: %s\r\n" % OURS
# RFC 7372 3: 5.7.26 where DMARC would refuse it; Sender and Resent-* are a rule of ours.
NOT_ALLOWED, NOT_OURS, UNREADABLE = "5.7.26", "5.7.1 ", "5.6.0"

ATTACKS = {
    # the envelope
    "another's MAIL FROM": (NOT_ALLOWED, "ceo@victim.com", FROM_OURS),
    "a sub-domain's MAIL FROM": (NOT_ALLOWED, "ceo@sub.example.com", FROM_OURS),
    "MAIL FROM in the parent domain": (NOT_ALLOWED, "ceo@com", FROM_OURS),
    "a source route": (NOT_ALLOWED, "@victim.com:tom@example.com", "From: ceo@victim.com\r\n"),
    "an address literal": ("5.1.7", "ceo@[192.0.2.1]", FROM_OURS),
    "percent hack": (NOT_ALLOWED, "ceo%example.com@victim.com", FROM_OURS),
    "two ats": ("5.5.4", 'ceo@victim.com"@example.com', FROM_OURS),
    # From:
    "another's From": (NOT_ALLOWED, OURS, "From: ceo@victim.com\r\n"),
    "<> with another's From": (NOT_ALLOWED, "", "From: ceo@victim.com\r\n"),
    "<> with nobody's From": (UNREADABLE, "", "Subject: x\r\n"),
    "a sub-domain's From": (NOT_ALLOWED, OURS, "From: ceo@sub.example.com\r\n"),
    "another's From in upper case": (NOT_ALLOWED, OURS, "FROM: CEO@VICTIM.COM\r\n"),
    "two From, ours first": (UNREADABLE, OURS, FROM_OURS + "From: ceo@victim.com\r\n"),
    "two From, ours last": (UNREADABLE, OURS, "From: ceo@victim.com\r\n" + FROM_OURS),
    "blanks before the colon": (UNREADABLE, OURS, "From : ceo@victim.com\r\n"),
    "blanks before the colon beside ours": (UNREADABLE, OURS, FROM_OURS + "From : ceo@victim.com\r\n"),
    "a tab before the colon beside ours": (UNREADABLE, OURS, FROM_OURS + "From\t: ceo@victim.com\r\n"),
    "a blank before the name beside ours": (UNREADABLE, OURS, " From: ceo@victim.com\r\n" + FROM_OURS),
    "no From": (UNREADABLE, OURS, "Subject: x\r\n"),
    "an empty From": (UNREADABLE, OURS, "From:\r\n"),
    "two mailboxes": (UNREADABLE, OURS, "From: %s, ceo@victim.com\r\n" % OURS),
    "two mailboxes of the account's domains": (UNREADABLE, OURS, "From: %s, tom@two.com\r\n" % OURS),
    "a group": (UNREADABLE, OURS, "From: Board: %s, ceo@victim.com;\r\n" % OURS),
    "an empty group": (UNREADABLE, OURS, "From: Board:;\r\n"),
    "two angle brackets": (UNREADABLE, OURS, "From: <ceo@victim.com> <%s>\r\n" % OURS),
    "an address before the brackets": (UNREADABLE, OURS, "From: ceo@victim.com <%s>\r\n" % OURS),
    "an address behind the brackets": (UNREADABLE, OURS, "From: <%s> ceo@victim.com\r\n" % OURS),
    "a comment with an address": (UNREADABLE, OURS, "From: (<ceo@victim.com>) %s\r\n" % OURS),
    "a comment in the address": (UNREADABLE, OURS, "From: tom@(victim.com)example.com\r\n"),
    "a comment without an end": (UNREADABLE, OURS, "From: ceo@victim.com (%s\r\n" % OURS),
    "quotes without an end": (UNREADABLE, OURS, 'From: "ceo@victim.com <%s>\r\n' % OURS),
    "a quoted pair out of place": (UNREADABLE, OURS, "From: ceo@victim.com\\ <%s>\r\n" % OURS),
    "an at in a quoted local-part": (UNREADABLE, OURS, 'From: "ceo@victim.com"@example.com\r\n'),
    "an encoded word as the address": (UNREADABLE, OURS, "From: =?utf-8?Q?ceo=40victim.com?= <=?utf-8?Q?tom?=@example.com>\r\n"),
    "a source route in From": (UNREADABLE, OURS, "From: <@example.com:ceo@victim.com>\r\n"),
    "a folded address": (UNREADABLE, OURS, "From: ceo@victim.\r\n com\r\n"),
    "obsolete dots": (UNREADABLE, OURS, "From: ceo . x @ victim . com\r\n"),
    "a trailing dot": (UNREADABLE, OURS, "From: ceo@victim.com.\r\n"),
    "a look-alike in U-labels": ("5.6.9", OURS, "From: tom@exämple.com\r\n"),
    "a look-alike in A-labels": (NOT_ALLOWED, OURS, "From: tom@xn--exmple-cua.com\r\n"),
    "a colon and no name": (UNREADABLE, OURS, ": x\r\nFrom: ceo@victim.com\r\n" + FROM_OURS),
    "a line that is no field": (UNREADABLE, OURS, "From ceo@victim.com\r\n" + FROM_OURS),
    "a NUL in the name": ("5.6.11", OURS, b"From: ceo@victim.com\0 <tom@example.com>\r\n"),
    "a bare CR": ("5.6.11", OURS, b"X: a\rFrom: ceo@victim.com\r\nFrom: tom@example.com\r\n"),
    "a bare LF": (UNREADABLE, OURS, b"X: a\nFrom: ceo@victim.com\r\nFrom: tom@example.com\r\n"),
    "a line too long to be read by all": (UNREADABLE, OURS, "From: %s %s <%s>\r\n" % ("ceo@victim.com", "x" * 1000, OURS)),
    # others whom a reader may be shown
    "another's Sender": (NOT_OURS, OURS, FROM_OURS + "Sender: ceo@victim.com\r\n"),
    "two Sender": (UNREADABLE, OURS, FROM_OURS + "Sender: %s\r\nSender: ceo@victim.com\r\n" % OURS),
    "another's Resent-From": (NOT_OURS, OURS, FROM_OURS + "Resent-From: ceo@victim.com\r\n"),
    "another's Resent-Sender": (NOT_OURS, OURS, FROM_OURS + "Resent-From: %s\r\nResent-Sender: ceo@victim.com\r\n" % OURS),
    "another's second Resent-Sender": (NOT_OURS, OURS, FROM_OURS + "Resent-From: %s\r\nResent-Sender: %s\r\nResent-Sender: ceo@victim.com\r\n" % (OURS, OURS)),
    "another's second Resent-From": (NOT_OURS, OURS, FROM_OURS + "Resent-From: %s\r\nResent-From: ceo@victim.com\r\n" % OURS),
    "a Resent-From of two readings": (UNREADABLE, OURS, FROM_OURS + "Resent-From: %s <ceo@victim.com>\r\n" % OURS),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_none_leaves(relay, attack):
    refused(relay, *ATTACKS[attack])


ENDS = ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r\n", "\r\n.\r", "\r.\r", "\n\n.\r\n", "\r\n.\r\r\n", "\r\n\0.\r\n", "\r\n.\0\r\n"]


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_no_message_within_a_message(relay, end):
    """What some servers take for the end of the message, with a second one of another's behind it."""
    before = len(relay.sink.messages)
    within = "MAIL FROM:<ceo@victim.com>\r\nRCPT TO:<alice@rcpt.test>\r\nDATA\r\nFrom: ceo@victim.com\r\n\r\nhello"
    code, text = reply(relay, OURS, FROM_OURS, body="one" + end + within)
    assert code == 250 or text.startswith("5.6.11"), (code, text)
    assert reply(relay, OURS, "From: %s\r\nSubject: the last\r\n" % OURS)[0] == 250
    expected = before + (2 if code == 250 else 1)
    wait_for(lambda: any(b"the last" in content for _, _, content in relay.sink.messages[before:]))
    wait_for(lambda: len(relay.sink.messages) == expected)
    assert not any(sender.startswith("ceo") for sender, _, _ in relay.sink.messages)
    assert all(b"\r" not in content.replace(b"\r\n", b"") and b"\n" not in content.replace(b"\r\n", b"") for _, _, content in relay.sink.messages)


LEGITIMATE = {
    "upper case": (OURS, "From: TOM@EXAMPLE.COM\r\n"),
    "another of the account's domains": (OURS, "From: tom@two.com\r\n"),
    "<> with a From that passes": ("", FROM_OURS),
    "a name with an address in quotes": (OURS, 'From: "ceo@victim.com" <%s>\r\n' % OURS),
    "a comment": (OURS, "From: %s (Tom, of Example)\r\n" % OURS),
    "an encoded name": (OURS, "From: =?utf-8?Q?T=C3=B6m?= <%s>\r\n" % OURS),
    "a folded name": (OURS, "From: Tom\r\n of Example\r\n <%s>\r\n" % OURS),
    "two mailboxes of one domain": (OURS, "From: %s, tim@example.com\r\nSender: %s\r\n" % (OURS, OURS)),
    "a group of one domain": (OURS, "From: Board: %s, tim@example.com;\r\n" % OURS),
    "resent by the account": (OURS, FROM_OURS + "Resent-From: tom@two.com\r\nResent-To: x@victim.com\r\n"),
    "another in the body, which is nobody's": (OURS, FROM_OURS + "\r\nFrom: ceo@victim.com\r\nSender: ceo@victim.com\r\n"),
    "another in Reply-To": (OURS, FROM_OURS + "Reply-To: ceo@victim.com\r\n"),
}


@pytest.mark.parametrize("what", LEGITIMATE)
def test_what_is_right_leaves(relay, what):
    assert reply(relay, *LEGITIMATE[what])[0] == 250


def test_nobody_else_s_server_is_open(relay):
    """Without login, and for a login of nobody."""
    with relay.client() as client:
        client.ehlo()
        assert client.docmd("MAIL FROM:<%s>" % OURS)[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("user@domain.com", "guessed")
        assert client.docmd("BDAT 5 LAST")[0] == 500  # CHUNKING is not offered
        assert client.docmd("VRFY tom")[0] == 252 and client.docmd("EXPN list")[0] in (502, 550, 252)
