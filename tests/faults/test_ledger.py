"""The ledger itself: a check that cannot fail shows nothing."""
import ledger


def filled():
    book = ledger.Ledger()
    for number in range(3):
        book.sends("m%d" % number, b"body %d" % number)
        book.acknowledge("m%d" % number, ["a@rcpt.test", "b@rcpt.test"])
    return book


def deliver(book, number, recipient, body=None):
    book.receives("m%d" % number, recipient, body or b"body %d" % number)


def test_all_came():
    book = filled()
    for number in range(3):
        for recipient in ("a@rcpt.test", "b@rcpt.test"):
            deliver(book, number, recipient)
    report = book.report()
    assert (report["acknowledged"], report["delivered"], report["lost"], report["duplicates"]) == (6, 6, 0, 0)


def test_one_that_is_dropped_is_lost():
    book = filled()
    for number in range(3):
        deliver(book, number, "a@rcpt.test")
    deliver(book, 0, "b@rcpt.test")
    assert book.report()["lost"] == 2
    assert book.report(still_queued=[("m1", "b@rcpt.test")])["lost"] == 1
    assert book.report(still_queued=[("m1", "b@rcpt.test")], told=[("m2", "b@rcpt.test")])["lost"] == 0


def test_one_that_comes_twice_is_a_duplicate():
    book = filled()
    deliver(book, 0, "a@rcpt.test")
    deliver(book, 0, "a@rcpt.test")
    assert book.report()["duplicates"] == 1


def test_one_that_is_altered_is_corrupt_and_lost():
    book = filled()
    deliver(book, 0, "a@rcpt.test", b"body 1")
    assert book.report()["corrupt"] == 1
    assert ("m0", "a@rcpt.test") in book.missing()
