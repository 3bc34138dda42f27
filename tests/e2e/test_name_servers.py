"""The doctor asks each of a domain's own name servers: who lags behind, who is dead, what caches still show."""
import hashlib
import json
import re
import subprocess

import pytest
from names import Names
from relay import BUILD, Relay, wait_for

ACCOUNT = "user@domain.com"
TOKEN = "elastx-mrs=" + hashlib.sha256(ACCOUNT.encode()).hexdigest()
SPF = "v=spf1 include:elastx.email -all"
DMARC = "v=DMARC1; p=none"
DOMAIN = "example.com"
SERVERS = {"ns1.example.com": "127.0.0.21", "ns2.example.com": "127.0.0.22"}


def txt(*strings):
    return ("TXT", " ".join('"%s"' % string for string in strings))


class World:
    """A resolver with a cache of its own, and two name servers of the domain behind it."""

    def __init__(self):
        here = [("NS", name + ".") for name in SERVERS]
        self.resolver = Names({DOMAIN: here, "elastx.email": [txt("v=spf1 ip4:192.0.2.10 -all")]})
        self.resolver.publish({"rcpt.test": [("MX", "10 mx.rcpt.test.")], "mx.rcpt.test": [("A", "127.0.0.1")]})
        self.resolver.publish({name: [("A", address)] for name, address in SERVERS.items()})
        self.own = [Names({}, SERVERS["ns1.example.com"])]
        self.own.append(Names({}, SERVERS["ns2.example.com"], self.own[0].port))
        self.relay = Relay(dns='resolvers: [ "127.0.0.1:%d" ], server_port: %d' % (self.resolver.port, self.own[0].port))
        self.relay.start()
        self.password = self.relay.add_account(ACCOUNT)["password"]
        self.relay.api("POST", "/v1/domains", {"domain": DOMAIN})
        key = [row for row in self.relay.records_of(DOMAIN, ACCOUNT) if row["purpose"] == "dkim"][0]["strings"]
        self.good = {
            DOMAIN: [*here, txt(TOKEN), txt(SPF)],
            "elastx._domainkey." + DOMAIN: [txt(*key)],
            "_dmarc." + DOMAIN: [txt(DMARC)],
        }
        self.good_everywhere()

    def good_everywhere(self):
        for names in (self.resolver, *self.own):
            names.publish(self.good)
            names.refuses = False
            names.ttl = 60

    def without(self, *texts):
        return {DOMAIN: [row for row in self.good[DOMAIN] if not any(text in row[1] for text in texts)]}

    def check(self):
        command = [str(BUILD / "src/cli/sealpost"), "--config", str(self.relay.config), "domain", "check", DOMAIN, "--account", ACCOUNT]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60)
        answer = self.relay.api("GET", "/v1/domains/%s/check?account=%s" % (DOMAIN, ACCOUNT))
        return told.returncode, told.stdout, answer

    def close(self):
        self.relay.close()
        for names in (self.resolver, *self.own):
            names.stop()


@pytest.fixture(scope="module")
def one_world():
    made = World()
    yield made
    made.close()


@pytest.fixture
def world(one_world):
    one_world.good_everywhere()
    return one_world


def row_of(answer, check):
    return [row for row in answer["checks"] if row["check"] == check][0]


def test_all_are_asked_and_agree(world):
    code, text, answer = world.check()
    assert code == 0 and text.endswith("example.com for user@domain.com: ready\n")
    assert "asked: the resolver, ns1.example.com, ns2.example.com\n" in text
    assert answer["servers"] == [{"server": name} for name in SERVERS]
    for row in answer["checks"]:
        assert row["state"] == "pass" and [server["state"] for server in row["servers"]] == ["pass", "pass"]
    assert row_of(answer, "dmarc")["servers"][1]["seen"] == [DMARC]
    for server in world.own:
        assert (DOMAIN, "TXT") in server.asked and ("elastx._domainkey." + DOMAIN, "TXT") in server.asked
        assert server.asked.count((DOMAIN, "TXT")) <= 4  # token and SPF are in one answer; two checks were made


def test_a_secondary_that_lags_behind(world):
    world.own[1].publish({**world.without("spf1"), "_dmarc." + DOMAIN: [txt("v=DMARC1; p=rejekt")]})
    code, text, answer = world.check()
    assert code == 0 and row_of(answer, "spf")["state"] == "warn"
    assert "the record includes this service; but ns2.example.com does not show the record: a secondary that lags behind" in text
    assert "    at            ns2.example.com: nothing\n" in text
    assert "    at            ns2.example.com: v=DMARC1; p=rejekt\n" in text
    assert [server["state"] for server in row_of(answer, "spf")["servers"]] == ["pass", "fail"]


def test_half_published(world):
    for names in (world.resolver, world.own[0]):
        names.publish(world.without(TOKEN))
    world.own[0].ttl = 7300
    code, text, answer = world.check()
    assert code == 1
    assert "ns2.example.com has the record already, ns1.example.com not yet" in text
    assert '    publish       example.com TXT "%s"\n' % TOKEN in text
    assert "    caches        may show what is there now for 3 hours after a change\n" in text
    assert row_of(answer, "token")["ttl"] == 7300


def test_servers_that_do_not_answer(world):
    world.own[0].refuses = True
    code, text, answer = world.check()
    assert code == 0 and "ns1.example.com was not asked: REFUSED (it does not serve the domain)\n" in text
    assert "asked: the resolver, ns2.example.com\n" in text
    assert selectors(world) == [b"elastx"]
    world.resolver.publish({"ns1.example.com": [("A", "127.0.0.23")]})
    code, text, answer = world.check()
    assert code == 0 and "ns1.example.com was not asked: connection refused\n" in text
    world.resolver.publish({"ns1.example.com": []})
    code, text, answer = world.check()
    assert code == 0 and "ns1.example.com was not asked: it has no address\n" in text
    world.resolver.publish({"ns1.example.com": [("A", SERVERS["ns1.example.com"])]})


def test_all_of_them_dead(world):
    """Mail goes on with what was seen last; the doctor names the dead."""
    assert world.check()[0] == 0
    for names in (world.resolver, *world.own):
        names.publish({name: ["SERVFAIL"] for name in world.good})
    code, text, answer = world.check()
    assert code == 4 and text.count(" unknown DNS could not be asked for ") == 4, text
    assert "SERVFAIL (its name servers do not answer, or answer wrongly)\n" in text
    assert "ns1.example.com was not asked: SERVFAIL\nns2.example.com was not asked: SERVFAIL\n" in text, text


def test_a_token_of_the_parent(world):
    told = world.relay.api("GET", "/v1/domains/news.%s/check?account=%s" % (DOMAIN, ACCOUNT))
    row = row_of(told, "token")
    assert row["state"] == "fail" and row["fix"] == TOKEN and row["name"] == "news." + DOMAIN
    assert row["detail"] == "the token of example.com does not count for news.example.com, which needs its own"


def test_what_lies_outside_the_zone_is_not_asked_of_them(world):
    selector = "elastx._domainkey." + DOMAIN
    keys = world.good[selector]
    for names in world.own:
        names.publish({selector: [("CNAME", "key.provider.test.")]})
    world.resolver.publish({selector: [("CNAME", "key.provider.test.")], "key.provider.test": keys})
    for names in world.own:
        names.asked.clear()
    code, text, answer = world.check()
    assert code == 0 and [server["state"] for server in row_of(answer, "dkim")["servers"]] == ["pass", "pass"], text
    assert not any(name in ("key.provider.test", "elastx.email") for names in world.own for name, _ in names.asked)


def test_a_cache_on_the_way_keeps_nobody_waiting(world):
    """The resolver that the relay asks still says that nothing is there; the domain's own servers know better."""
    world.resolver.publish({**world.without(TOKEN, "spf1"), "_dmarc." + DOMAIN: [], "elastx._domainkey." + DOMAIN: []})
    code, text, answer = world.check()
    assert code == 0, text
    assert selectors(world) == [b"elastx"]
    # Nor does it let pass what is gone there.
    world.good_everywhere()
    for names in world.own:
        names.publish(world.without(TOKEN))
    code, text, answer = world.check()
    assert code == 1 and row_of(answer, "token")["state"] == "fail"
    # What submission remembers of a verdict ends within 10 s.
    account = {"account": ACCOUNT, "password": world.password}
    code, text = wait_for(lambda: (lambda said: said[0] != 250 and said)(world.relay.try_send(account, "tom@" + DOMAIN)), 15)
    assert code == 550 and TOKEN in text


def next_record(world):
    """What domain rotate prints: {name: rows}."""
    command = [str(BUILD / "src/cli/sealpost"), "--config", str(world.relay.config), "domain", "rotate", DOMAIN, "--json"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    assert [(key["selector"], key["phase"]) for key in answer["keys"]] == [
        ("elastx", "active"), ("elastx-ed", "active"), ("elastx2", "next"), ("elastx2-ed", "next")
    ]
    assert [row["name"] for row in answer["records"]] == ["elastx2._domainkey." + DOMAIN, "elastx2-ed._domainkey." + DOMAIN]
    return {row["name"]: [txt(*row["strings"])] for row in answer["records"]}


def selectors(world):
    """What a message is sealed with."""
    account = {"account": ACCOUNT, "password": world.password}
    world.relay.sink.messages.clear()
    assert world.relay.try_send(account, "tom@" + DOMAIN)[0] == 250
    wait_for(lambda: world.relay.sink.messages)
    return sorted(re.findall(rb"s=([\w-]+);", world.relay.sink.messages[0][2].partition(b"\r\n\r\n")[0]))


def test_the_key_before_seals_until_all_name_servers_show_the_next(world):
    assert world.check()[0] == 0
    record = next_record(world)
    assert selectors(world) == [b"elastx"]
    world.resolver.publish(record)
    world.own[0].publish(record)
    code, text, answer = world.check()
    assert code == 0 and answer["checks"][4]["name"] == "elastx2._domainkey." + DOMAIN
    assert answer["checks"][4]["state"] == "warn" and "ns2.example.com does not show the record" in answer["checks"][4]["detail"]
    assert selectors(world) == [b"elastx"]
    world.own[1].publish(record)
    code, text, answer = world.check()
    assert code == 0 and "from now on it seals" in text
    world.relay.event("key_rotated", domain=DOMAIN)
    # What submission remembers of a verdict ends within 10 s.
    assert wait_for(lambda: selectors(world) == [b"elastx2", b"elastx2-ed"], 15)
    code, text, answer = world.check()
    assert "that of the key before, elastx._domainkey.example.com, may be taken out of DNS in 120 hours" in text
    # Not before mail that it has sealed is gone; and the name is needed for the next but one.
    command = [str(BUILD / "src/cli/sealpost"), "--config", str(world.relay.config), "domain", "rotate", DOMAIN]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert told.returncode == 1 and "may still be on its way" in told.stderr
    for names in (world.resolver, *world.own):
        names.publish({"elastx._domainkey." + DOMAIN: []})
    assert selectors(world) == [b"elastx2", b"elastx2-ed"]
