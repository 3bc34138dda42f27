"""The world's DNS is a real name server: what is published there counts, within its TTL, and its death is no verdict."""
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


@pytest.fixture
def knot():
    made = Knot(WORLD).start()
    yield made
    made.close()


def dns(knot, grace):
    return 'resolvers: [ "127.0.0.1:%d" ], min_ttl: 1s, max_ttl: 2s, grace: %s' % (knot.port, grace)


@pytest.fixture
def relay(knot):
    made = Relay(dns=dns(knot, "24h"))
    try:
        made.start()
        made.account = made.add_account()
        yield made
    finally:
        made.close()


def records(relay, purposes=("token", "spf", "dkim", "dmarc"), domain="example.com"):
    """What the relay says should be published, in the words of a zone file."""
    wanted = [r for r in relay.records_of(domain, relay.account["account"]) if r["purpose"] in purposes]
    return ["%s. %s %s" % (r["name"], r["type"], " ".join('"%s"' % s for s in r["strings"])) for r in wanted]


def send(relay, sender=FROM):
    return relay.try_send(relay.account, sender)


def publish_all(knot, relay):
    knot.publish(WORLD + records(relay))
    # That nothing was there may be remembered for a second, the zone's negative TTL.
    wait_for(lambda: send(relay)[0] == 250, 10)


def test_published_records_open_the_door(knot, relay):
    code, text = send(relay)
    assert code == 550 and '"%s"' % relay.account["token"] in text
    publish_all(knot, relay)
    wait_for(lambda: relay.sink.messages)


def test_a_removed_token_stops_new_mail_within_its_ttl(knot, relay):
    publish_all(knot, relay)
    knot.publish(WORLD + records(relay, ("spf", "dkim", "dmarc")))
    removed = time.monotonic()
    code, text = wait_for(lambda: (lambda answer: answer[0] != 250 and answer)(send(relay)), 10)
    assert time.monotonic() - removed < 4  # the TTL is 1 s, kept 2 s at most
    assert code == 550 and text.startswith("5.7.1 ")


def retry(relay):
    answer = relay.api("POST", "/v1/queue/actions", {"action": "retry", "account": relay.account["account"]})
    assert relay.status == 200, answer


def test_queued_mail_is_held_while_its_token_is_gone(knot, relay):
    relay.sink.answers["alice"] = "450 4.2.1 not now"
    publish_all(knot, relay)
    relay.event("deferred", recipient=TO)
    knot.publish(WORLD + records(relay, ("spf", "dkim", "dmarc")))
    relay.event("held", recipient=TO)
    del relay.sink.answers["alice"]
    retry(relay)
    time.sleep(2)
    assert not relay.sink.messages
    knot.publish(WORLD + records(relay))
    wait_for(lambda: relay.sink.messages)  # by itself


@pytest.mark.parametrize("fault", ["stopped", "SERVFAIL"])
def test_a_dead_name_server_is_no_verdict(knot, relay, fault):
    publish_all(knot, relay)
    knot.stop()
    if fault == "SERVFAIL":
        knot.start_without_zone()
    time.sleep(2)  # beyond the answers' TTL
    for _ in range(3):
        assert send(relay)[0] == 250
    code, text = send(relay, "tom@never-asked.example")
    assert code == 451 and text.startswith("4.4.3 ")
    relay.set_dns(dns(knot, "1s"))
    code, text = send(relay)
    assert code == 451 and text.startswith("4.4.3 ")
    knot.stop()
    knot.start()
    wait_for(lambda: send(relay)[0] == 250, 35)
