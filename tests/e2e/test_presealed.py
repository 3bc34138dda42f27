"""Mail that the customer has sealed: byte for byte, or not at all."""
import smtplib
import subprocess

import dkim
import pytest
from relay import wait_for

FROM, TO = "tom@example.com", "alice@rcpt.test"
MESSAGE = b"From: Tom <tom@example.com>\r\nTo: alice@rcpt.test\r\nSubject:  sealed \t already\r\nX-Odd:\tas it is \r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def keys():
    def make():
        pem = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], check=True, capture_output=True).stdout
        public = subprocess.run(["openssl", "rsa", "-pubout"], input=pem, check=True, capture_output=True).stdout
        return pem, "".join(public.decode().splitlines()[1:-1])

    return {"mine": make(), "other": make()}


@pytest.fixture
def own(relay, keys):
    """A domain that passes but for our key; the customer's own is there, and one of another domain."""

    def publish(purposes=("token", "spf", "dmarc")):
        for domain, selector in (("example.com", "mine"), ("example.net", "other")):
            relay.zones.setdefault(domain, [])
            if domain == "example.com":
                relay.publish(domain, relay.account["account"], purposes)
            public = keys[selector][1]
            relay.zones[domain].append('%s._domainkey.%s. TXT "v=DKIM1; p=%s" "%s"' % (selector, domain, public[:200], public[200:]))
        relay.zones.setdefault("net", [])
        relay.write()
        assert relay.api("POST", "/v1/service/reload") and relay.status == 200

    relay.account = relay.add_account()
    publish()
    relay.publish_own = publish
    return relay


def seal(keys, message=MESSAGE, selector="mine", domain=b"example.com", **how):
    how.setdefault("include_headers", [b"from", b"to", b"subject", b"x-odd"])
    signer = dkim.DKIM(message)
    signer.should_not_sign = set()  # what nobody should do is tried too
    return signer.sign(selector.encode(), domain, keys[selector][0], **how) + message


def send(relay, message):
    """(code, text) of the reply to the dot."""
    with relay.client(relay.account) as client:
        client.mail(FROM)
        client.rcpt(TO)
        code, text = client.docmd("DATA")
        assert code == 354
        client.send(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        code, text = client.getreply()
        return code, text.decode()


def received(relay):
    return wait_for(lambda: relay.sink.messages)[0][2]


def verified(relay, content):
    return [dkim.DKIM(content).verify(index, dnsfunc=relay.dns) for index in range(content.count(b"DKIM-Signature:"))]


def test_it_is_relayed_byte_for_byte(own, keys):
    sealed = seal(keys)
    code, text = send(own, sealed)
    assert code == 250, text
    content = received(own)
    head, _, rest = content.partition(b"DKIM-Signature:")
    assert head.startswith(b"Received: ") and head.count(b"\r\n") == head.count(b"\r\n\t") + 1, "one field, and nothing else is added"
    assert b"DKIM-Signature:" + rest == sealed
    assert verified(own, content) == [True]


def test_with_our_key_in_dns_it_has_both(own, keys):
    own.publish_own(("token", "spf", "dkim", "dmarc"))
    sealed = seal(keys)
    assert send(own, sealed)[0] == 250
    content = received(own)
    assert content.endswith(sealed)
    assert content.count(b"DKIM-Signature:") == 3 and all(verified(own, content))


def test_without_a_seal_the_key_is_missing(own):
    code, text = send(own, MESSAGE)
    assert code == 550 and text.startswith("5.7.20 ") and "elastx._domainkey.example.com" in text


@pytest.mark.parametrize(
    "change, status",
    [
        (lambda keys: seal(keys).replace(b"hello", b"hallo"), "5.7.20"),
        (lambda keys: seal(keys).replace(b"already", b"not"), "5.7.20"),
        (lambda keys: seal(keys, length=True), "5.7.20"),
        (lambda keys: seal(keys, selector="other", domain=b"example.net"), "5.7.22"),
        (lambda keys: seal(keys, message=b"Bcc: carl@rcpt.test\r\n" + MESSAGE, include_headers=[b"from", b"bcc"]), "5.6.0"),
        (lambda keys: seal(keys, message=MESSAGE + b"one\r\ntwo\r\n").replace(b"one\r\n", b"one\n"), "5.6.11"),
    ],
)
def test_refused(own, keys, change, status):
    code, text = send(own, change(keys))
    assert code == 550 and text.startswith(status + " "), (code, text)


def test_private_fields_go_where_they_are_not_sealed(own, keys):
    sealed = seal(keys, message=b"Bcc: carl@rcpt.test\r\n" + MESSAGE)
    assert send(own, sealed)[0] == 250
    content = received(own)
    assert b"carl@" not in content and verified(own, content) == [True]
