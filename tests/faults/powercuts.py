#!/usr/bin/python3
"""Cuts the power below the relay's state while mail flows, and counts what became of it. Needs root and loop devices.

usage: powercuts.py [--system ext4|xfs] [--cuts N] [--seed N] [--control]

The state is on a file system of its own; a cut makes it forget everything that was not flushed, by the ioctl
GOINGDOWN. All processes are killed, it is mounted again, and the relay goes on with what is there. Every second cut waits
until the file of the next segment is begun, whole or taken. After ten cuts the disk is a new one: an old one has spare
segments, and prepares none. --control: flushes say yes and do nothing; then mail must be lost. Ends in `..., lost 0`;
exits 1 where something was lost or altered, or more came twice than was in flight."""
import argparse
import fcntl
import os
import pathlib
import random
import struct
import subprocess
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import kills  # noqa: E402
from ledger import Ledger  # noqa: E402
from prepared import Watch  # noqa: E402
from shim import Shim  # noqa: E402
from relay import Relay, wait_for  # noqa: E402
from sink import Sink  # noqa: E402

GOING_DOWN = 0x8004587D  # _IOR('X', 125, uint32_t)
WITHOUT_FLUSH = 2
CUTS_A_DISK = 10
MOMENTS = [None, "begun", None, "whole", None, "taken"]
PATIENCE = 3  # seconds for such a moment
MAKE = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"]}


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


def why_not(system):
    """Why it cannot be done here; None: it can."""
    if os.geteuid() != 0:
        return "needs root"
    if not pathlib.Path("/dev/loop-control").exists():
        return "needs loop devices"
    image, mount = pathlib.Path("/tmp/sealpost-probe-%d" % os.getpid()), pathlib.Path("/tmp/sealpost-probe-%d.d" % os.getpid())
    try:
        make_image(system, image)
        mount.mkdir()
        run("mount", "-o", "loop", str(image), str(mount))
        run("umount", str(mount))
    except (OSError, subprocess.CalledProcessError) as problem:
        return "cannot mount %s: %s" % (system, problem)
    finally:
        image.unlink(missing_ok=True)
        if mount.exists():
            mount.rmdir()
    return None


def make_image(system, image, size=512 << 20, options=()):
    with open(image, "wb") as file:
        file.truncate(size)
    run(*MAKE[system], *options, str(image))


class Machine:
    """A relay whose state is on a disk that can lose its power."""

    def __init__(self, system, sink, control):
        self.shim = Shim("all", flush="drop") if control else None
        self.relay = Relay(sink=sink)
        # SQLite's shared index is mapped, and cannot be read on a dead disk.
        self.relay.forgives = [r"ERROR: AddressSanitizer: BUS", r" ended \(signal 7\)"]
        self.image, self.mount = self.relay.directory / "image", self.relay.directory / "state"
        self.mounted = False
        self.watch = Watch(self.relay)
        self.slowest = 0  # seconds
        self.in_flight = 0
        try:
            make_image(system, self.image)
            self.mount.mkdir()
            self.plug_in()
            kills.prepare(self.relay)
            # What a customer has set up long ago is on the disk, whatever the control drops.
            os.sync()
        except BaseException:
            self.close()
            raise
        if self.shim:
            self.relay.kill_everything()
            self.relay.environment = self.shim.environment
            self.relay.start()

    def plug_in(self):
        """Again, while the system still holds what was there before the cut: that answers nothing but errors."""

        def is_there():
            run("mount", "-o", "loop", str(self.image), str(self.mount))
            self.mounted = True
            try:
                (self.mount / "probe").touch()
                return True
            except OSError:
                self.unplug()
                return False

        wait_for(is_there, 30)

    def unplug(self):
        def has_gone():
            self.mounted = subprocess.run(["umount", str(self.mount)], capture_output=True).returncode != 0
            return not self.mounted

        wait_for(has_gone, 30)

    def cut(self):
        self.in_flight += self.relay.api("GET", "/v1/queue")["leased"] + kills.SESSIONS
        directory = os.open(self.mount, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(directory, GOING_DOWN, struct.pack("I", WITHOUT_FLUSH))
        finally:
            os.close(directory)
        self.relay.kill_everything()
        self.unplug()
        self.plug_in()
        began = time.monotonic()
        self.relay.start()
        self.slowest = max(self.slowest, time.monotonic() - began)

    def close(self):
        self.watch.stop()
        try:
            self.relay.stop()
            if self.mounted:
                self.unplug()
        finally:
            self.relay.close()
            if self.shim:
                self.shim.close()


class Mixed(kills.Load):
    """Every fifth message of the first client is a large one, so that segments are filled."""

    def compose(self, key):
        recipients, header, body = super().compose(key)
        return recipients, header, body * (1 + (1 << 19) // len(body)) if self.number == 0 and self.count % 5 == 0 else body


def wait_for_moment(machine, choice, moment):
    if moment is None:
        time.sleep(choice.uniform(0.05, 0.6))
        return
    machine.watch.wait_for(moment, PATIENCE)
    time.sleep(choice.choice([0, choice.uniform(0, 0.02), choice.uniform(0, 0.2)]))


def add(total, counts):
    for name, value in counts.items():
        total[name] = total.get(name, 0) + value


def play_disk(system, cuts, seed, control, totals):
    """One disk's life; adds to what was counted: the report, the next segments."""
    book = Ledger()
    sink = Sink(book)
    machine = None
    choice = random.Random(seed)
    try:
        machine = Machine(system, sink, control)
        relay = machine.relay
        clients = kills.start_load(relay, book, seed, kind=Mixed)
        for number in range(cuts):
            wait_for_moment(machine, choice, MOMENTS[(number + seed) % len(MOMENTS)])
            machine.cut()
            if sys.stderr.isatty():
                print("\r\033[K%d cuts, %d messages" % (number + 1, len(book.acknowledged)), end="", file=sys.stderr, flush=True)
        kills.stop_load(clients, control)
        wait_for(lambda: not kills.queued(relay), 120)
        try:
            wait_for(lambda: not book.missing(), 2 if control else 30)
        except AssertionError:
            pass
        left = kills.queued(relay)
        if not control:
            for key, recipient in sorted(book.missing(left)):
                kills.tell_story(relay, book.acknowledged[key][0], recipient)
        add(totals[0], book.report(left))
        add(totals[1], machine.watch.count)
        totals[2].append((machine.slowest, machine.in_flight))
    finally:
        if machine:
            machine.close()
        sink.stop()


def play(system, cuts, seed, control=False):
    """(report, what became of next segments, seconds of the slowest start, what was in flight at most)."""
    totals = ({}, {}, [])
    for number, first in enumerate(range(0, cuts, CUTS_A_DISK)):
        play_disk(system, min(CUTS_A_DISK, cuts - first), seed + number, control, totals)
    return totals[0], totals[1], max(slowest for slowest, _ in totals[2]), sum(in_flight for _, in_flight in totals[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", choices=sorted(MAKE), default="ext4")
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--control", action="store_true")
    chosen = parser.parse_args()
    reason = why_not(chosen.system)
    if reason:
        sys.exit("skipped: " + reason)
    report, prepared, slowest, in_flight = play(chosen.system, chosen.cuts, chosen.seed, chosen.control)
    print("next segments: %s; the slowest start took %.1f s" % (kills.told(prepared), slowest))
    print("in flight when the power went: at most %d" % in_flight)
    print("seed %d, %d power cuts on %s: %s" % (chosen.seed, chosen.cuts, chosen.system, kills.told(report)))
    sys.exit(0 if report["lost"] + report["corrupt"] == 0 and report["duplicates"] <= in_flight else 1)


if __name__ == "__main__":
    main()
