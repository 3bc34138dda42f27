"""The short forms of what is done by name, and a message that ends the room that tries it, and a clock that jumps."""
import bits
import calls
import disk
import kills
import limits
import powercuts
import pytest
from ledger import Ledger
from relay import Relay, wait_for
from shim import Shim
from sink import Sink


@pytest.mark.parametrize("kind, first", [("kill", 20), ("eio", 25)])
def test_nothing_is_lost_when_a_call_fails(kind, first):
    total, trials, struck, good, _ = calls.play(kind, first=first, most=1)
    assert trials == struck == 1 and good, total


def test_a_journal_that_forgets_is_found_out():
    total, *_ = calls.play("kill", control=True)
    assert total["lost"] > 0, total


@pytest.mark.parametrize("system", sorted(powercuts.MAKE))
def test_power_cuts(system):
    reason = powercuts.why_not(system)
    if reason:
        pytest.skip(reason)
    report, *_ = powercuts.play(system, cuts=2, seed=3)
    assert report["acknowledged"] > 0 and report["lost"] + report["corrupt"] == 0, report


def test_dropped_flushes_are_found_out():
    reason = powercuts.why_not("ext4")
    if reason:
        pytest.skip(reason)
    report, *_ = powercuts.play("ext4", cuts=2, seed=3, control=True)
    assert report["lost"] > 0, report


@pytest.mark.parametrize("damage", ["bits", "sectors"])
def test_a_damaged_journal(damage):
    report, held = bits.play(damage, count=30, seed=3)
    assert held > 0 and report["delivered"] > 0 and report["lost"] + report["corrupt"] == 0, (held, report)


def test_a_forged_journal_is_found_out():
    report, _ = bits.play("bits", count=0, seed=3, control=True)
    assert report["corrupt"] == 1, report


@pytest.mark.parametrize("lack", ["descriptors", "processes"])
def test_too_few(lack):
    if limits.why_not(lack):
        pytest.skip(limits.why_not(lack))
    report, wrong = limits.play(lack, seed=3)
    assert not wrong and report["acknowledged"] > 0 and report["lost"] + report["corrupt"] == 0, (wrong, report)


def test_a_full_disk():
    reason = powercuts.why_not("ext4")
    if reason:
        pytest.skip(reason)
    report, wrong, *_ = disk.play("space", seed=3)
    assert not wrong and report["acknowledged"] > 0 and report["lost"] + report["corrupt"] == 0, (wrong, report)


def test_a_message_that_ends_delivery_is_quarantined():
    book = Ledger()
    sink = Sink(book)
    shim = Shim("delivery", poison="poison-poison")
    relay = Relay(sink=sink)
    relay.environment = shim.environment
    try:
        kills.prepare(relay)
        client = relay.client(relay.account)
        texts = {"good-%d" % i: b"text\r\n" for i in range(5)}
        texts["bad"] = b"poison-poison\r\n"
        for key, body in texts.items():
            book.sends(key, body)
            client.sendmail(kills.FROM, ["r-%s@rcpt.test" % key], b"From: %s\r\nX-Key: %s\r\n\r\n" % (kills.FROM.encode(), key.encode()) + body)
        held = relay.event("held", seconds=30)
        assert held["recipient"] == "r-bad@rcpt.test"
        assert held["reason"].startswith("quarantined: ")
        wait_for(lambda: len(book.received) == 5)
        # What was received a moment before the room ended was not told; it is tried again.
        wait_for(lambda: kills.queued(relay) == [(held["id"], "r-bad@rcpt.test")], 60)
        shown = relay.api("GET", "/v1/messages/" + held["id"])
        assert shown["recipients"][0]["state"] == "held", shown
        # What it stumbled over is mended: released, it goes.
        relay.kill_everything()
        relay.environment = {}
        relay.start()
        relay.api("POST", "/v1/queue/actions", {"action": "release", "id": held["id"]})
        assert relay.status == 200
        wait_for(lambda: not kills.queued(relay))
        assert book.received["bad", "r-bad@rcpt.test"] == 1
    finally:
        relay.close()
        sink.stop()
        shim.close()


def test_a_clock_that_jumps_ends_nothing():
    book = Ledger()
    sink = Sink(book)
    shim = Shim("all", clock="")
    shim.environment["FAULT_CLOCK"] = str(shim.clock)
    relay = Relay(sink=sink)
    relay.environment = shim.environment
    try:
        kills.prepare(relay)
        client = relay.client(relay.account)
        for number, seconds in enumerate((0, 365 * 86400, -86400)):
            shim.set_clock(seconds)
            key = "jump-%d" % number
            book.sends(key, b"text\r\n")
            client.sendmail(kills.FROM, ["later-%s@rcpt.test" % key], b"From: %s\r\nX-Key: %s\r\n\r\ntext\r\n" % (kills.FROM.encode(), key.encode()))
            wait_for(lambda: book.received[key, "later-%s@rcpt.test" % key] == 1)
        assert not [event for event in relay.events() if event.get("event") in ("expired", "bounced")]
        assert sum(1 for event in relay.events() if event.get("event") == "deferred") == 3
        years = {event["time"][:4] for event in relay.events() if event.get("event") == "delivered"}
        assert len(years) == 2, years  # the clock did jump
    finally:
        relay.close()
        sink.stop()
        shim.close()
