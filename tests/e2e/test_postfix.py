"""Mail arrives at a real Postfix, found by MX, and its seal is good for whoever verifies it there."""
import os

import judges
import pytest
from peers import Knot, Postfix
from relay import Relay

FROM, TO = "tom@example.com", "alice@rcpt.test"
RSA, ED25519 = ("example.com", "elastx", "rsa-sha256"), ("example.com", "elastx-ed", "ed25519-sha256")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="Postfix is started by root alone")


@pytest.fixture(scope="module")
def postfix():
    made = Postfix("rcpt.test")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def relay(postfix):
    made = Relay(sink=postfix)
    made.receivers.append("elsewhere.test")  # leads to Postfix, which does not know it
    made.write()
    try:
        made.start()
        made.account = made.add_account()
        made.publish("example.com", made.account["account"])
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def name_server(relay):
    made = Knot(relay.zones["example.com"]).start()
    yield made.port
    made.close()


def message(body, extra=""):
    return "From: Tom <%s>\r\nTo: %s\r\nSubject: a test\r\n%s\r\n%s" % (FROM, TO, extra, body)


LINE = "0123456789abcdef" * 4 + "\r\n"
FOLDED = "X-Folded: one\r\n two\r\n\tthree\r\nReply-To: \r\n tom@example.com\r\nReferences: <a@b>\r\n <c@d>  \r\n"
MESSAGES = {
    "one byte": message("x\r\n"),
    "10 KB": message(LINE * 155),
    "25 MiB": message(LINE * ((25 * 1024 * 1024 - 400) // len(LINE))),
    "dots": message(".\r\n..\r\n.dot\r\n...\r\n\r\n.\r\nend\r\n"),
    "empty": message(""),
    "only empty lines": message("\r\n\r\n\r\n"),
    "blanks": message("a  b\t c \r\n \t\r\n\r\n"),
    "folded": message("text\r\n", FOLDED),
}


def send(relay, text):
    with relay.client(relay.account) as client:
        assert client.sendmail(FROM, [TO], text) == {}


@pytest.mark.parametrize("name", MESSAGES)
def test_seal_is_good_for_every_judge(relay, postfix, name_server, name):
    text = MESSAGES[name]
    send(relay, text)
    content = postfix.take()
    assert content.split(b"\r\n\r\n", 1)[1] == text.encode().split(b"\r\n\r\n", 1)[1]
    assert set(judges.tags(content)) == {RSA, ED25519}
    assert judges.dkimpy(content, relay, name_server) == {RSA: "pass", ED25519: "pass"}
    assert judges.opendkim(content, relay, name_server) == {RSA: "pass", ED25519: "pass"}
    assert judges.mail_dkim(content, relay, name_server) == {RSA: "pass", ED25519: "invalid"}


@pytest.mark.parametrize("judge", [judges.dkimpy, judges.opendkim, judges.mail_dkim])
def test_judges_see_a_changed_message(relay, postfix, name_server, judge):
    send(relay, message("the text\r\n"))
    content = postfix.take()
    for altered in (content.replace(b"the text", b"The text"), content.replace(b"Subject: a", b"Subject: b")):
        assert altered != content
        assert "pass" not in judge(altered, relay, name_server).values()


def test_postfix_is_reached_over_tls(relay, postfix):
    send(relay, message("text\r\n"))
    postfix.take()
    assert "TLSv1.3" in postfix.received and "ESMTPS" in postfix.received
    assert "smtp.elastx.email" in postfix.received
    assert relay.event("delivered", recipient=TO)["tls"]


def test_unknown_recipient_is_bounced_in_postfix_words(relay, postfix):
    with relay.client(relay.account) as client:
        client.sendmail(FROM, ["alice@elsewhere.test"], message("text\r\n"))
    assert relay.event("bounced", recipient="alice@elsewhere.test")["code"] == 554
