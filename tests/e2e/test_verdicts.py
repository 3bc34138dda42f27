"""The life of a verdict: over a restart, while DNS is away, when a token goes and comes back."""
import time

import pytest
from peers import Knot
from relay import Relay, wait_for

FROM, TO = "tom@example.com", "alice@rcpt.test"
WORLD = [
    "rcpt.test. MX 10 mx.rcpt.test.",
    "mx.rcpt.test. A 127.0.0.1",
    'elastx.email. TXT "v=spf1 ip4:192.0.2.10 -all"',
]


class House:
    """A relay whose world is a Knot, with an account whose domain is ready."""

    def __init__(self, grace="24h"):
        self.knot = Knot(WORLD).start()
        self.relay = Relay(dns=self.dns(grace)).start()
        self.account = self.relay.add_account()
        self.publish()
        wait_for(lambda: self.send()[0] == 250, 10)

    def dns(self, grace):
        return 'resolvers: [ "127.0.0.1:%d" ], min_ttl: 1s, max_ttl: 2s, grace: %s' % (self.knot.port, grace)

    def records(self, without=()):
        rows = [r for r in self.relay.records_of("example.com", self.account["account"]) if r["purpose"] not in without]
        return ["%s. %s %s" % (r["name"], r["type"], " ".join('"%s"' % s for s in r["strings"])) for r in rows]

    def publish(self, without=(), more=()):
        self.knot.publish(WORLD + self.records(without) + list(more))

    def send(self, sender=FROM):
        return self.relay.try_send(self.account, sender)

    def close(self):
        self.relay.close()
        self.knot.close()


@pytest.fixture
def house():
    made = House()
    yield made
    made.close()


def test_a_restart_while_dns_is_away(house):
    time.sleep(1.5)  # what is kept is written once a second
    house.knot.stop()
    house.relay.kill("resolver")
    wait_for(lambda: house.send()[0] == 250, 10)
    house.relay.stop()
    house.relay.start()
    assert house.send()[0] == 250
    code, text = house.send("tom@never-asked.example")
    assert code == 451 and text.startswith("4.4.3 never-asked.example: DNS cannot be asked")
    # Beyond the grace nothing is known any more, and that is no refusal.
    house.relay.set_dns(house.dns("1s"))
    code, text = house.send()
    assert code == 451 and text.startswith("4.4.3 example.com: DNS cannot be asked")


def test_mail_waits_while_its_token_is_gone(house):
    house.relay.sink.answers["alice"] = "450 4.2.1 not now"
    assert house.send()[0] == 250
    house.relay.event("deferred", recipient=TO)
    house.relay.event("domain_ready", domain="example.com", account="user@domain.com")
    house.publish(without=["token"])
    broken = house.relay.event("domain_broken", domain="example.com", account="user@domain.com")
    assert broken["status"] == "5.7.1" and "token" in broken["reason"], broken
    house.relay.event("held", recipient=TO)
    del house.relay.sink.answers["alice"]
    house.relay.sink.messages.clear()
    assert house.send()[0] == 550
    time.sleep(1)
    assert not house.relay.sink.messages
    # It is back: nobody has to do anything.
    house.publish()
    house.relay.event("released", recipient=TO)
    wait_for(lambda: house.relay.sink.messages)
    ready = [e for e in house.relay.events() if e.get("event") == "domain_ready"]
    assert len(ready) == 2, ready


def test_a_change_is_told_without_mail(house):
    house.publish(without=["dmarc"])
    broken = house.relay.event("domain_broken", domain="example.com")
    assert broken["reason"] == "there is no DMARC record.", broken
    house.publish()
    wait_for(lambda: sum(e.get("event") == "domain_ready" for e in house.relay.events()) == 2)
