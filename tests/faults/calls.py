#!/usr/bin/python3
"""Lets the n-th call of a room that changes a file fail, for each n of one history, and counts what became of the mail.

usage: calls.py [--fault kill|eio|full|memory] [--room ROOM] [--from N] [--step N] [--most N] [--control]

The history: the room starts on what a former life left, takes mail that is delivered, refused and deferred, large and
small, and the notice that it owes, until the queue is empty; meanwhile it prepares its next segment and takes it. kill: the process dies before the call. eio: the call fails, a write
half done. full: from this call on there is no space, until a moment later. memory: the n-th allocation finds nothing.
--control: what the journal writes is lost with the process. Ends in `..., lost 0`, but for that; exits 1 where
something was lost or altered, or came more than twice."""
import argparse
import pathlib
import subprocess
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import kills  # noqa: E402  (it knows where relay.py is)
from ledger import Ledger  # noqa: E402
from prepared import Watch, leave_no_spares  # noqa: E402
from shim import Shim  # noqa: E402
from relay import Relay, wait_for  # noqa: E402
from sink import Sink  # noqa: E402

KINDS = ["r", "nobody", "r", "later"]


class History(kills.Client):
    """A message of each kind, one after the other; what is not acknowledged is sent again as another."""

    def compose(self, key):
        index = int(key.split("-")[1])
        body = (key.encode() + b"\r\n.dot\r\n") * (1, 10, 20000, 2)[index]  # so much that a segment is prepared
        header = b"From: %s\r\nX-Key: %s\r\n\r\n" % (kills.FROM.encode(), key.encode())
        return ["%s-%s@rcpt.test" % (KINDS[index], key), "r-too-%s@rcpt.test" % key], header, body


def start(relay):
    """A room that cannot start ends the service, and whoever keeps it starts it again."""
    for _ in range(20):
        try:
            relay.start()
            return
        except AssertionError:
            if relay.process.poll() is None:
                raise
            time.sleep(0.3)
    raise AssertionError("it does not start: " + relay.log.read_text()[-2000:])


def left(relay):
    """What is queued; None while the room that is asked is being started again."""
    try:
        return kills.queued(relay)
    except subprocess.CalledProcessError:
        return None


class Trial:
    """One life after another of one relay, each with its ledger."""

    def __init__(self, room, kind, control):
        self.total = {}
        self.shim = Shim(room, kind, **({"write": "drop"} if control else {}))
        self.kind = kind
        self.control = control
        self.sink = Sink(Ledger())
        self.relay = Relay(sink=self.sink)
        self.watch = Watch(self.relay)
        if kind == "memory":  # a room that has none left for what is small ends, and is started again
            self.relay.forgives = [r"(must_alloc|must_realloc|take_configuration|tree_parse): must hold:.*", r" ended \(signal 6\)"]
        try:
            kills.prepare(self.relay)
        except BaseException:
            self.close()
            raise
        self.relay.environment = self.shim.environment

    def close(self):
        self.watch.stop()
        self.relay.close()
        self.sink.stop()
        self.shim.close()

    def run(self, call):
        """(report, calls that there were)."""
        book = self.sink.ledger = Ledger()
        self.relay.kill_everything()
        leave_no_spares(self.relay)
        self.shim.arm(call)
        mending = threading.Timer(2 if self.kind == "full" else 0, self.shim.mend)
        mending.start()
        start(self.relay)
        client = History(self.relay, book, call, len(KINDS), 0)
        client.start()
        client.join(60)
        if client.problem or client.is_alive():
            raise client.problem or AssertionError("the history does not end")
        mending.join()
        if self.control:
            self.relay.kill_everything()
            self.relay.environment = {}
            start(self.relay)
        else:
            wait_for(lambda: left(self.relay) == [], 60)
        try:
            wait_for(lambda: not book.missing(), 3 if self.control else kills.LATE)
        except AssertionError:
            pass
        queued = []
        wait_for(lambda: queued.append(left(self.relay)) or queued[-1] is not None)
        # What the index has while the journal has lost it waits in vain.
        report = book.report([] if self.control else queued[-1])
        for key, recipient in sorted(book.missing()):
            if not self.control:
                kills.tell_story(self.relay, book.acknowledged[key][0], recipient)
        for name, value in report.items():
            self.total[name] = self.total.get(name, 0) + value
        return report, self.shim.count()


def is_good(report):
    # One message was in flight, with its two recipients; or the notice of it.
    return report["lost"] == 0 and report["corrupt"] == 0 and report["duplicates"] <= 2


def play(kind, room="queue", first=1, step=1, most=10**6, control=False):
    """(total, trials, at how many of them the fault came, whether each was good, what became of next segments)."""
    trial = Trial(room, kind, control)
    good, trials, struck = True, 0, 0
    try:
        _, calls = trial.run(0)
        call = first
        if control:
            return trial.total, 1, 1, is_good(trial.total), trial.watch.count
        while call <= calls and trials < most:
            report, reached = trial.run(call)
            trials += 1
            struck += reached >= call  # a history is not the same each time, and may end before
            if not is_good(report):
                good = False
                print("call %d: %s" % (call, report))
            if sys.stderr.isatty():
                print("\r\033[Kcall %d of about %d" % (call, calls), end="", file=sys.stderr, flush=True)
            call += step
        return trial.total, trials, struck, good and struck > 0, trial.watch.count
    finally:
        trial.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fault", choices=["kill", "eio", "full", "memory"], default="kill")
    parser.add_argument("--room", default="queue")
    parser.add_argument("--from", dest="first", type=int, default=1)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--most", type=int, default=10**6)
    parser.add_argument("--control", action="store_true")
    chosen = parser.parse_args()
    total, trials, struck, good, prepared = play(chosen.fault, chosen.room, chosen.first, chosen.step, chosen.most, chosen.control)
    print("next segments: " + kills.told(prepared))
    print("%s struck at %d of %d calls of %s: " % (chosen.fault, struck, trials, chosen.room) + ", ".join("%s %d" % item for item in total.items()))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
