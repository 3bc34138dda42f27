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
        client.command_encoding = "utf-8"
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
    "two addresses": ("5.5.4", "tom@example.com><ceo@victim.com", FROM_OURS),
    "two addresses with a comma": ("5.1.7", "tom@example.com,ceo@victim.com", FROM_OURS),
    "an address twice": ("5.1.7", "tom@example.com@victim.com", FROM_OURS),
    "another's in quotes": (NOT_ALLOWED, '"tom@example.com"@victim.com', FROM_OURS),
    "another's MAIL FROM with a dot behind": (NOT_ALLOWED, "ceo@victim.com.", FROM_OURS),
    "another's MAIL FROM in U-labels": ("5.6.7", "ceo@vi\u0107tim.com", FROM_OURS),
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
    "an ideographic dot": ("5.6.9", OURS, "From: tom@example\u3002com\r\n"),
    "an overlong at": ("5.6.9", OURS, b"From: ceo\xc1\x80victim.com <tom@example.com>\r\n"),
    "a second address on a folded line": (UNREADABLE, OURS, "From: %s\r\n\tceo@victim.com\r\n" % OURS),
    "a second address after a comma and a fold": (UNREADABLE, OURS, "From: %s,\r\n <ceo@victim.com>\r\n" % OURS),
    "an address twice in From": (UNREADABLE, OURS, "From: tom@example.com@victim.com\r\n"),
    "an address literal in From": (UNREADABLE, OURS, "From: ceo@[192.0.2.1]\r\n"),
    "no domain": (UNREADABLE, OURS, "From: ceo\r\n"),
    "empty angle brackets": (UNREADABLE, OURS, "From: ceo@victim.com <>\r\n"),
    "a group within a group": (UNREADABLE, OURS, "From: a: b: ceo@victim.com;;\r\n"),
    "a group that is not closed": (UNREADABLE, OURS, "From: Board: %s\r\n" % OURS),
    "nested comments that do not match": (UNREADABLE, OURS, "From: ((ceo@victim.com) <%s>\r\n" % OURS),
    "brackets in an encoded word": (UNREADABLE, OURS, "From: =?utf-8?Q?=3Cceo=40victim.com=3E?= <%s>\r\n" % OURS),
    "brackets in an encoded word of base64": (UNREADABLE, OURS, "From: =?utf-8?B?PGNlb0B2aWN0aW0uY29tPg==?= <%s>\r\n" % OURS),
    "brackets in an encoded word in quotes": (UNREADABLE, OURS, 'From: "=?utf-8?Q?=22_=3Cceo=40victim.com=3E?=" <%s>\r\n' % OURS),
    "a NUL in an encoded word": (UNREADABLE, OURS, "From: =?utf-8?Q?ceo=40victim.com=00?= <%s>\r\n" % OURS),
    "a line end in an encoded word": (UNREADABLE, OURS, "From: =?utf-8?Q?ceo=40victim.com=0D=0A?= <%s>\r\n" % OURS),
    "an encoded word as the local-part": (UNREADABLE, OURS, "From: =?utf-8?Q?ceo=40victim.com=00?=@example.com\r\n"),
    "two From in other letters": (UNREADABLE, OURS, FROM_OURS + "fROM: ceo@victim.com\r\n"),
    "From with 8-bit beside ours": (UNREADABLE, OURS, FROM_OURS.encode() + b"From\xa0: ceo@victim.com\r\n"),
    "From with a vertical tab beside ours": (UNREADABLE, OURS, FROM_OURS + "From\x0b: ceo@victim.com\r\n"),
    "a folded field name": (UNREADABLE, OURS, FROM_OURS + "Fro\r\n m: ceo@victim.com\r\n"),
    "a vertical tab in From": (UNREADABLE, OURS, "From: %s\x0bceo@victim.com\r\n" % OURS),
    "a line of blanks in From": (UNREADABLE, OURS, "From: %s\r\n \r\n ceo@victim.com\r\n" % OURS),
    "From behind a line of blanks, twice": (UNREADABLE, OURS, FROM_OURS + "X: y\r\n \r\nFrom: ceo@victim.com\r\n"),
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
    "an empty Sender": (UNREADABLE, OURS, FROM_OURS + "Sender:\r\n"),
    "a Sender of two": (UNREADABLE, OURS, FROM_OURS + "Sender: %s, ceo@victim.com\r\n" % OURS),
    "a Sender of two readings": (UNREADABLE, OURS, FROM_OURS + "Sender: ceo@victim.com <%s>\r\n" % OURS),
    "a Sender that hides brackets": (UNREADABLE, OURS, FROM_OURS + "Sender: =?utf-8?Q?=3Cceo=40victim.com=3E?= <%s>\r\n" % OURS),
    "a sub-domain's Sender": (NOT_OURS, OURS, FROM_OURS + "Sender: ceo@sub.example.com\r\n"),
    "<> with another's Sender": (NOT_OURS, "", FROM_OURS + "Sender: ceo@victim.com\r\n"),
    "another's mail, resent by the account": (NOT_ALLOWED, OURS, "From: ceo@victim.com\r\nResent-From: %s\r\n" % OURS),
    "two Resent-From, one another's": (NOT_OURS, OURS, FROM_OURS + "Resent-From: %s, ceo@victim.com\r\n" % OURS),
    "a blank before Resent-From's colon": (UNREADABLE, OURS, FROM_OURS + "Resent-From : ceo@victim.com\r\n"),
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
    "the envelope in upper case": ("TOM@EXAMPLE.COM", FROM_OURS),
    "the envelope in quotes": ('"tom"@example.com', FROM_OURS),
    "a percent sign, which names no other domain": ("ceo%victim.com@example.com", "From: ceo%victim.com@example.com\r\n"),
    "a quoted local-part": (OURS, 'From: "tom b"@example.com\r\n'),
    "a comma in an encoded word": (OURS, "From: =?utf-8?Q?Svensson=2C_T=C3=B6m_=28=22T=22=29?= <%s>\r\n" % OURS),
    "Japanese, whose bytes look like brackets": (OURS, "From: =?ISO-2022-JP?B?GyRCPDw+PhsoQg==?= <%s>\r\n" % OURS),
    "an address without a name in an encoded word": (OURS, "From: =?UTF-8?B?dG9tQGV4YW1wbGUuY29t?= <%s>\r\n" % OURS),
    "a name of many words and comments": (OURS, "From: Tom (T.) of \"Example, Inc.\" <%s> (sales)\r\n" % OURS),
    "resent twice by the account": (OURS, FROM_OURS + "Resent-From: %s\r\nResent-From: tom@two.com\r\nResent-Sender: %s\r\n" % (OURS, OURS)),
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


def test_no_identity_rides_on_a_parameter_or_on_another_transaction(relay):
    """What MAIL says beside the address, and what was refused or begun before, lend nobody's name."""
    with relay.client(relay.account) as client:
        assert client.docmd("MAIL FROM:<ceo@victim.com>")[0] == 550
        assert client.docmd("RCPT TO:<%s>" % TO)[0] == 503
        assert client.docmd("MAIL FROM:<%s> AUTH=<ceo@victim.com>" % OURS)[0] in (250, 501, 555)
        client.docmd("RSET")
        assert client.docmd("MAIL FROM:<%s>" % OURS)[0] == 250
        assert client.docmd("MAIL FROM:<ceo@victim.com>")[0] == 503
        assert client.docmd("RCPT TO:<%s>" % TO)[0] == 250
        assert client.docmd("DATA")[0] == 354
        client.send(b"From: tom@example.com\r\nReturn-Path: <ceo@victim.com>\r\nSubject: one of ours\r\n\r\ntext\r\n.\r\n")
        assert client.getreply()[0] == 250
    ours = wait_for(lambda: [message for message in relay.sink.messages if b"one of ours" in message[2]])
    assert ours[0][0] == OURS and b"victim.com" not in ours[0][2]


def test_the_same_over_implicit_tls(relay):
    with relay.client(relay.account, implicit=True) as client:
        assert client.docmd("MAIL FROM:<ceo@victim.com>")[0] == 550
        for header, code in (("From: ceo@victim.com", 550), ("From: =?utf-8?Q?=3Cceo=40victim.com=3E?= <%s>" % OURS, 550), (FROM_OURS.strip(), 250)):
            client.docmd("MAIL FROM:<%s>" % OURS)
            client.docmd("RCPT TO:<%s>" % TO)
            assert client.docmd("DATA")[0] == 354
            client.send(header.encode() + b"\r\n\r\ntext\r\n.\r\n")
            assert client.getreply()[0] == code


def test_nobody_else_s_server_is_open(relay):
    """Without login, and for a login of nobody."""
    with relay.client() as client:
        client.ehlo()
        assert client.docmd("MAIL FROM:<%s>" % OURS)[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("user@domain.com", "guessed")
        assert client.docmd("BDAT 5 LAST")[0] == 500  # CHUNKING is not offered
        assert client.docmd("VRFY tom")[0] == 252 and client.docmd("EXPN list")[0] in (502, 550, 252)
