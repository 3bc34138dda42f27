"""The ledger itself: a check that cannot fail shows nothing."""
import pytest
from ledger import Ledger

BOTH = ["a@rcpt.test", "b@rcpt.test"]


@pytest.fixture
def book():
    """Three messages to two recipients each, all delivered but the last one's second."""
    made = Ledger()
    for key in ("m0", "m1", "m2"):
        made.sends(key, key.encode())
        made.acknowledges(key, "id-" + key, BOTH)
        for recipient in BOTH:
            if (key, recipient) != ("m2", "b@rcpt.test"):
                made.receives(key, recipient, key.encode())
    return made


def test_a_dropped_delivery_is_lost(book):
    report = book.report()
    assert (report["acknowledged"], report["delivered"], report["lost"]) == (6, 5, 1)
    assert book.missing() == {("m2", "b@rcpt.test")}


@pytest.mark.parametrize("queued", [("id-m1", "b@rcpt.test"), ("m2", "b@rcpt.test"), ("id-m2", "a@rcpt.test")])
def test_what_the_queue_holds_is_no_excuse_for_another(book, queued):
    assert book.report(queued=[queued])["lost"] == 1


def test_nothing_is_lost_that_came_late(book):
    book.receives("m2", "b@rcpt.test", b"m2")
    assert book.report()["lost"] == 0


def test_nothing_is_lost_that_is_queued(book):
    assert book.report(queued=[("id-m2", "b@rcpt.test")])["lost"] == 0


def test_nothing_is_lost_that_the_sender_was_told_of(book):
    book.tells("m2", "b@rcpt.test")
    assert book.report()["lost"] == 0


def test_one_that_comes_twice_is_a_duplicate(book):
    book.receives("m0", "a@rcpt.test", b"m0")
    assert book.report()["duplicates"] == 1


@pytest.mark.parametrize("body", [b"m1", b"m2.", b""])
def test_one_that_is_altered_is_corrupt_and_lost(book, body):
    book.receives("m2", "b@rcpt.test", body)
    report = book.report()
    assert (report["corrupt"], report["lost"], report["duplicates"]) == (1, 1, 0)


def test_one_in_doubt_is_neither_lost_nor_a_duplicate(book):
    book.sends("m3", b"m3")
    book.doubts("m3")
    assert (book.report()["unsure"], book.report()["lost"]) == (1, 1)
    book.receives("m3", "a@rcpt.test", b"m3")
    assert (book.report()["duplicates"], book.report()["lost"]) == (0, 1)
