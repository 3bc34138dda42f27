"""The customer's page of a service named elastx, example by example: what it tells customers to do works to the letter."""
import subprocess

import dns.message
import dns.query
import dns.rdatatype
import pytest
from peers import Knot
from relay import Relay, wait_for

ACCOUNT = "user@domain.com"
# "To generate the value of the record, take the SHA256 sum of your user account email address", as one line of shell.
TOKEN_LINE = """echo "elastx-mrs=$(echo -n "user@domain.com" | sha256sum | cut -d ' ' -f 1)" """
TOKEN = "elastx-mrs=f7ee5ec7312165148b69fcca1d29075b14b8aef0b5048a332b18b88d09069fb7"
SPF = "v=spf1 include:elastx.email -all"
DMARC = "v=DMARC1; p=quarantine; adkim=r; aspf=r;"
DOMAINS = ["example.com", "example.se"]  # of the sender addresses tom@example.com and alice@example.se
WORLD = ["rcpt.test. MX 10 mx.rcpt.test.", "mx.rcpt.test. A 127.0.0.1", 'elastx.email. TXT "v=spf1 ip4:192.0.2.10 -all"']


def shell(line):
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout.strip()


def split(value):
    """The record is longer than one string of TXT holds: it is published in parts."""
    return " ".join('"%s"' % value[i : i + 250] for i in range(0, len(value), 250))


class Customer:
    """Does by hand what the page says, with the DKIM value as provided by the service, and nothing else."""

    def __init__(self):
        self.knot = Knot(WORLD).start()
        resolvers = 'resolvers: [ "127.0.0.1:%d" ], min_ttl: 1s, max_ttl: 1s' % self.knot.port
        self.relay = Relay(dns=resolvers).start()
        self.account = self.relay.add_account(ACCOUNT)

    def dkim(self, domain):
        records = self.relay.records_of(domain, ACCOUNT)
        name = "elastx._domainkey." + domain
        return next(r["value"] for r in records if r["name"].rstrip(".") == name)

    def records(self, domain):
        return {
            "token": '%s. TXT "%s"' % (domain, shell(TOKEN_LINE)),
            "spf": '%s. TXT "%s"' % (domain, SPF),
            "dkim": "elastx._domainkey.%s. TXT %s" % (domain, split(self.dkim(domain))),
            "dmarc": '_dmarc.%s. TXT "%s"' % (domain, DMARC),
        }

    def publish(self, without=None):
        lines = [line for domain in DOMAINS for kind, line in self.records(domain).items() if kind != without]
        self.knot.publish(WORLD + lines)

    def send(self, sender):
        """Port 587 with STARTTLS, user account and password."""
        return self.relay.try_send(self.account, sender)

    def wait_for(self, sender, *reply):
        """Publishing takes a second: the time of the records that were there before."""

        def answered():
            code, text = self.send(sender)
            return (code, *text.split()[:1]) == reply

        wait_for(answered)

    def dig(self, name):
        answer = dns.query.udp(dns.message.make_query(name, "TXT"), "127.0.0.1", port=self.knot.port, timeout=5)
        return [str(row) for rrset in answer.answer if rrset.rdtype == dns.rdatatype.TXT for row in rrset]

    def close(self):
        self.relay.close()
        self.knot.close()


@pytest.fixture(scope="module")
def customer():
    made = Customer()
    yield made
    made.close()


def test_the_shell_line_makes_the_token(customer):
    assert shell(TOKEN_LINE) == TOKEN == customer.account["token"]


def test_the_records_are_as_the_page_shows_them(customer):
    customer.publish()
    for domain in DOMAINS:
        assert '"%s"' % TOKEN in customer.dig(domain)
        assert '"%s"' % SPF in customer.dig(domain)
        (key,) = customer.dig("elastx._domainkey." + domain)
        assert key.startswith('"v=DKIM1; ') and "p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" in key  # RSA, 2048 bits
        assert key.count('" "') == 1  # two strings


@pytest.mark.parametrize("sender", ["tom@example.com", "alice@example.se", "anybody-at-all@example.com"])
def test_mail_of_every_sender_address_is_sent(customer, sender):
    customer.publish()
    customer.wait_for(sender, 250)
    delivered = wait_for(lambda: [m for m in customer.relay.sink.messages if m[0] == sender])
    assert b"d=%s; s=elastx" % sender.split("@")[1].encode() in delivered[0][2].replace(b"\r\n\t", b" ")


def test_the_service_asks_for_the_values_of_the_page(customer):
    records = {r["purpose"]: r for r in customer.relay.records_of("fresh.example", ACCOUNT) if r["purpose"] != "dkim"}
    assert (records["token"]["name"].rstrip("."), records["token"]["value"]) == ("fresh.example", TOKEN)
    assert (records["spf"]["name"].rstrip("."), records["spf"]["value"]) == ("fresh.example", SPF)
    assert records["dmarc"]["name"].rstrip(".") == "_dmarc.fresh.example"


@pytest.mark.parametrize(
    "kind, status", [("token", "5.7.1"), ("spf", "5.7.23"), ("dkim", "5.7.20"), ("dmarc", "5.7.1")]
)
def test_each_record_is_required(customer, kind, status):
    customer.publish(without=kind)
    customer.wait_for("tom@example.com", 550, status)


def test_a_token_for_the_parent_says_nothing_of_the_child(customer):
    customer.publish()
    customer.wait_for("tom@example.com", 250)
    code, text = customer.send("tom@new.example.com")
    assert code == 550 and "new.example.com" in text
