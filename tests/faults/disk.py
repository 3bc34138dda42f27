#!/usr/bin/python3
"""Fills the file system below the relay's state while mail flows, and makes room again. Needs root and loop devices.

usage: disk.py [--lack space|inodes] [--seed N] [--control]

space: a file takes all but a part of the reserve, while the next segment is being prepared. inodes: empty files take all
there are, when one is prepared, and large mail needs more. Then new mail must be refused with 452 4.3.1 and nothing else, what waits must go on being delivered, the service
must start if it is killed, and new mail must be taken within five seconds of there being room. --control: what the journal writes is lost with the process, and
all are killed; then mail must be lost. Ends in `..., lost 0`; exits 1 where something was lost or altered, or did not
happen."""
import argparse
import errno
import os
import pathlib
import random
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import kills  # noqa: E402
import powercuts  # noqa: E402
from ledger import Ledger  # noqa: E402
from prepared import Watch  # noqa: E402
from shim import Shim  # noqa: E402
from relay import Relay, wait_for  # noqa: E402
from sink import LATER, Sink  # noqa: E402

MEGABYTE = 1 << 20
RESERVE = MEGABYTE  # what relay.py configures
PATIENCE = 5  # seconds from there being room to taking mail
SIZE = 512 * MEGABYTE  # a segment is prepared where it takes a quarter of what is free
AT = {"space": "begun", "inodes": "whole"}  # so far is the next segment
# Blocks as large as pages, as a disk of more than 512 MiB has them: then what SQLite maps is there.
OPTIONS = {"space": ["-b", "4096", "-m", "0"], "inodes": ["-b", "4096", "-m", "0", "-N", "128"]}
NO_ROOM = "452 4.3.1"


class Gate(Sink):
    """Puts off who is to wait, until it is open."""

    open = False

    def answer(self, recipient):
        return LATER if recipient.startswith("wait") and not self.open else super().answer(recipient)


class Large(kills.Load):
    """Messages of half a megabyte: soon they need a new segment."""

    def compose(self, key):
        recipients, header, _ = super().compose(key)
        return recipients, header, (key.encode() + b"\r\n") * (MEGABYTE // 2 // (len(key) + 2))


class Machine:
    """A relay whose state has a small disk of its own."""

    def __init__(self, lack, sink, control):
        self.lack = lack
        self.relay = Relay(sink=sink)
        self.watch = Watch(self.relay)
        self.shim = Shim("queue", write="drop") if control else None
        self.image, self.mount = self.relay.directory / "image", self.relay.directory / "state"
        try:
            powercuts.make_image("ext4", self.image, SIZE, OPTIONS[lack])
            self.mount.mkdir()
            powercuts.run("mount", "-o", "loop", str(self.image), str(self.mount))
            kills.prepare(self.relay)
        except BaseException:
            self.close()
            raise
        if self.shim:
            self.relay.kill_everything()
            self.relay.environment = self.shim.environment
            self.relay.start()

    def free_space(self):
        status = os.statvfs(self.mount)
        return status.f_bavail * status.f_frsize

    def fill(self, leave=0):
        """Until there are no more octets than that, or no inodes."""
        (self.mount / "ballast").mkdir(exist_ok=True)
        number = len(os.listdir(self.mount / "ballast"))
        try:
            while self.lack == "inodes" or self.free_space() > leave:
                with open(self.mount / "ballast" / str(number), "wb") as file:
                    if self.lack == "space":
                        os.posix_fallocate(file.fileno(), 0, max((self.free_space() - leave) // 2, 4096))
                number += 1
        except OSError as problem:
            assert problem.errno == errno.ENOSPC, problem

    def make_room(self):
        for file in (self.mount / "ballast").iterdir():
            file.unlink()

    def close(self):
        self.watch.stop()
        try:
            self.relay.stop()
            if os.path.ismount(self.mount):
                powercuts.run("umount", str(self.mount))
        finally:
            self.relay.close()
            if self.shim:
                self.shim.close()


def play(lack, seed, control=False):
    """(report, what did not happen as it should, seconds from there being room to mail being taken, next segments)."""
    book = Ledger()
    sink = Gate(book)
    wrong = []
    machine = None
    try:
        machine = Machine(lack, sink, control)
        relay = machine.relay
        assert kills.Letter(relay, book, "patient", "wait-patient@rcpt.test").post()
        kind = kills.Load if lack == "space" else Large
        clients = kills.start_load(relay, book, seed, kind=kind)
        wait_for(lambda: len(book.acknowledged) > 20)
        if not control:  # what is dropped is not seen to grow
            wait_for(lambda: machine.watch.count[AT[lack]], 60)

        def are_refused():
            machine.fill(leave=RESERVE * 15 // 16)  # again, when something was given back
            return all(client.refusals or not client.is_alive() for client in clients)

        wait_for(are_refused, 60)
        refusals = set().union(*(client.refusals for client in clients))
        # What waits goes on being delivered; what is still taken now and then, where a file has blanks, is kept.
        sink.open = True
        try:
            wait_for(lambda: book.received["patient", "wait-patient@rcpt.test"], 60)
        except AssertionError:
            wrong.append("what waited was not delivered while there was no room")
        machine.make_room()
        began = time.monotonic()
        wait_for(lambda: kills.Letter(relay, book, "after-%d" % random.randrange(10**9), "r-after@rcpt.test").post(), 60)
        took = time.monotonic() - began
        sink.open = False
        wait_for(kills.Letter(relay, book, "again", "wait-again@rcpt.test").post)
        relay.kill_everything()
        sink.open = True
        relay.environment = {}
        machine.fill()
        relay.start(wait=False)
        time.sleep(2)
        if relay.process.poll() is not None:
            wrong.append("it does not live while there is no room")
        machine.make_room()
        wait_for(relay.is_ready, 60)
        kills.stop_load(clients, control)
        # Later, while the queue cannot start, there are others (451 4.3.0).
        if refusals != {NO_ROOM}:
            wrong.append("refused with " + ", ".join(sorted(refusals)))
        kills.drain(relay, book, 5 if control else kills.PATIENCE)
        left = kills.queued(relay)
        for key, recipient in sorted(book.missing(left)) if not control else []:
            kills.tell_story(relay, book.acknowledged[key][0], recipient)
        return book.report(left), wrong, took, machine.watch.count
    finally:
        if machine:
            machine.close()
        sink.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lack", choices=sorted(AT), default="space")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--control", action="store_true")
    chosen = parser.parse_args()
    reason = powercuts.why_not("ext4")
    if reason:
        sys.exit("skipped: " + reason)
    report, wrong, took, prepared = play(chosen.lack, chosen.seed, chosen.control)
    print("next segments: " + kills.told(prepared))
    print("taken again %.1f s after there was room" % took)
    if took > PATIENCE:
        wrong.append("mail was not taken within %d s" % PATIENCE)
    for line in wrong:
        print("wrong: " + line)
    print("seed %d, no %s: " % (chosen.seed, chosen.lack) + ", ".join("%s %d" % item for item in report.items()))
    sys.exit(0 if not wrong and report["lost"] + report["corrupt"] + report["queued"] == 0 else 1)


if __name__ == "__main__":
    main()
