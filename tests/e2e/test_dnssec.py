"""A signed world (Knot): what validates counts, what is bogus is a failure of DNS and never a verdict, what is not signed counts too."""
import json
import subprocess

import dns.dnssec
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import pytest
from peers import Knot
from relay import BUILD, Relay, wait_for

ACCOUNT = "user@domain.com"
KINDS = ["good", "bogus", "stripped", "insecure"]
# Each is a zone of its own below a signed root: with its right DS, with a DS of another key, with a DS but not signed,
# with neither.
SIGNED = ["good", "bogus"]
ZONE = """
  - domain: "{name}"
    file: "{directory}/{file}"
    zonefile-load: whole
    zonefile-sync: -1
    journal-content: none
    dnssec-signing: {signed}
"""
HEAD = "$ORIGIN {origin}\n$TTL 1\n@ SOA ns. hostmaster. {serial} 3600 600 86400 1\n@ NS ns.\n"


class SignedWorld(Knot):
    """The root and the domains as zones of one server."""

    def __init__(self):
        super().__init__()
        (self.directory / "database").mkdir()
        text = self.config.read_text()
        zones = ZONE.format(name=".", directory=self.directory, file="zone", signed="on")
        for kind in KINDS:
            signed = "on" if kind in SIGNED else "off"
            zones += ZONE.format(name=kind + ".test.", directory=self.directory, file=kind, signed=signed)
        self.config.write_text(text[: text.index("zone:")] + "zone:" + zones)
        for kind in KINDS:
            self.write_domain(kind, [])

    def write_domain(self, kind, lines):
        self.serial += 1
        head = HEAD.format(origin=kind + ".test.", serial=self.serial)
        (self.directory / kind).write_text(head + "\n".join(lines) + "\n")

    def reload(self, zone):
        serial = self.serial
        done = self.control("zone-reload", zone)
        assert done.returncode == 0, done.stderr
        wait_for(lambda: self.answers(zone, serial))

    def answers(self, zone, serial):
        reply = self.ask(zone, "SOA")
        return any(item.serial >= serial for rrset in reply.answer for item in rrset if rrset.rdtype == dns.rdatatype.SOA)

    def ask(self, name, kind):
        query = dns.message.make_query(name, kind, want_dnssec=True)
        return dns.query.tcp(query, "127.0.0.1", port=self.port, timeout=5)

    def key(self, zone):
        """The DNSKEY that a DS or a trust anchor is of."""
        for rrset in self.ask(zone, "DNSKEY").answer:
            if rrset.rdtype == dns.rdatatype.DNSKEY:
                return next(item for item in rrset if item.flags == 257)
        return None

    def ds(self, kind, of):
        made = dns.dnssec.make_ds(dns.name.from_text(kind + ".test."), self.key(of), "SHA256")
        return "%s.test. DS %s" % (kind, made.to_text())


@pytest.fixture(scope="module")
def world():
    made = SignedWorld()
    try:
        made.run()
        wait_for(lambda: all(made.key(zone) for zone in [".", "good.test.", "bogus.test."]))
        made.base = [line for kind in KINDS for line in ["%s.test. NS ns." % kind]]
        made.base += ["rcpt.example. MX 10 mx.rcpt.example.", "mx.rcpt.example. A 127.0.0.1", 'elastx.email. TXT "v=spf1 ip4:192.0.2.10 -all"']
        made.write([*made.base, made.ds("good", "good.test."), made.ds("bogus", "good.test."), made.ds("stripped", "good.test.")])
        made.reload(".")
        made.anchor = made.directory / "anchor"
        made.anchor.write_text(". IN DNSKEY %s\n" % made.key(".").to_text())
        made.anchor.chmod(0o644)
        made.relay = Relay(dns='resolvers: [ "127.0.0.1:%d" ], min_ttl: 1s, max_ttl: 2s' % made.port)
        try:
            made.relay.anchors = [made.anchor]
            made.relay.write()
            made.relay.start()
            made.account = made.relay.add_account(ACCOUNT)
            for kind in KINDS:
                rows = made.relay.records_of(kind + ".test", ACCOUNT)
                lines = ["%s. TXT %s" % (row["name"], " ".join('"%s"' % part for part in row["strings"])) for row in rows]
                made.write_domain(kind, [*lines, "@ MX 10 mx.rcpt.example."])
                made.reload(kind + ".test.")
            yield made
        finally:
            made.relay.close()
    finally:
        made.close()


def sealpost(world, *words, message=None):
    command = [str(BUILD / "src/cli/sealpost"), "--config", str(world.relay.config), *words]
    return subprocess.run(command, input=message, capture_output=True, text=True, timeout=60)


def doctor(world, kind):
    return sealpost(world, "domain", "check", kind + ".test", "--account", ACCOUNT)


@pytest.mark.parametrize("kind", ["good", "insecure"])
def test_what_validates_counts_and_what_is_not_signed_too(world, kind):
    told = wait_for(lambda: (lambda told: told.returncode == 0 and told)(doctor(world, kind)), 30)
    assert told.stdout.count(" pass ") == 4
    assert world.relay.try_send(world.account, "tom@%s.test" % kind, "anna@rcpt.example")[0] == 250
    world.relay.event("delivered", recipient="anna@rcpt.example", sender="tom@%s.test" % kind)


@pytest.mark.parametrize("kind", ["bogus", "stripped"])
def test_what_is_bogus_is_no_verdict(world, kind):
    told = doctor(world, kind)
    assert told.returncode == 4, told.stdout
    assert "is not taken by resolvers that validate (DNSSEC bogus: " in told.stdout
    assert "have the zone signed anew, or its DS record mended at the registrar" in told.stdout
    assert " publish " not in told.stdout and " replace with " not in told.stdout
    code, text = world.relay.try_send(world.account, "tom@%s.test" % kind, "anna@rcpt.example")
    assert code == 451 and text.startswith("4.4.3 ") and "DNSSEC bogus" in text


@pytest.mark.parametrize("kind, code, result", [("good", 0, "pass"), ("bogus", 4, "temperror"), ("stripped", 4, "temperror"), ("insecure", 0, "pass")])
def test_the_checks_without_a_daemon(world, kind, code, result):
    where = ["--resolver", "127.0.0.1:%d" % world.port, "--trust-anchor", str(world.anchor), "--json"]
    told = sealpost(world, "check", "spf", "--ip", "192.0.2.10", "--from", "tom@%s.test" % kind, *where)
    assert (told.returncode, json.loads(told.stdout)["result"]) == (code, result)
    told = sealpost(world, "check", "token", kind + ".test", "--account", ACCOUNT, *where)
    assert told.returncode == code, told
    told = sealpost(world, "check", "dmarc", "--from", "tom@%s.test" % kind, "--spf", kind + ".test", *where)
    assert told.returncode == code, told


def test_mail_for_a_bogus_domain_waits(world):
    assert world.relay.try_send(world.account, "tom@good.test", "bert@bogus.test")[0] == 250
    event = world.relay.event("deferred", recipient="bert@bogus.test")
    assert event["status"] == "4.4.3" and "DNSSEC bogus" in event["reply"]


def test_a_mended_ds_opens_the_door(world):
    """So it was the DS alone that was wrong. libunbound knows a zone's keys as bad for a minute: a new one knows nothing."""
    world.write([*world.base, world.ds("good", "good.test."), world.ds("bogus", "bogus.test.")])
    world.reload(".")
    world.relay.kill("resolver")
    wait_for(world.relay.is_ready)
    wait_for(lambda: doctor(world, "bogus").returncode == 0, 40)
    wait_for(lambda: doctor(world, "stripped").returncode == 0, 40)  # without a DS it is not signed
    wait_for(lambda: world.relay.try_send(world.account, "tom@bogus.test", "anna@rcpt.example")[0] == 250, 40)
