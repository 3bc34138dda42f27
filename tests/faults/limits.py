#!/usr/bin/python3
"""Runs the relay with too few descriptors or processes while mail flows, and lifts the limit. Needs root for processes.

usage: limits.py [--lack descriptors|processes] [--seed N] [--control]

descriptors: each process may open 64, and a hundred clients connect. processes: the relay runs as a user of its own, and
rooms are killed while that user may start nothing. Meanwhile no process may spin; afterwards all must be as before.
--control: what the journal writes is lost with the process, and all are killed; then mail must be lost. Ends in
`..., lost 0`; exits 1 where something was lost or altered, or did not happen."""
import argparse
import os
import pathlib
import random
import shutil
import socket
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

DESCRIPTORS = 64
CLIENTS = 100
USER = 51234  # of nobody else: RLIMIT_NPROC counts all processes of a user
AS_USER = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups"]
WATCHED = 3  # seconds
SPIN = 0.5  # of a processor
TICKS = os.sysconf("SC_CLK_TCK")


def why_not(lack):
    return "needs root" if lack == "processes" and os.geteuid() != 0 else None


def processor_time(relay):
    """Seconds that the supervisor and its rooms have worked; those that ended are counted by the supervisor's own."""
    total = 0
    for pid in [relay.process.pid, *relay.rooms().values()]:
        try:
            fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += sum(map(int, fields[11:15 if pid == relay.process.pid else 13]))
    return total / TICKS


def share_of_processor(relay):
    before, began = processor_time(relay), time.monotonic()
    time.sleep(WATCHED)
    return (processor_time(relay) - before) / (time.monotonic() - began)


def lack_descriptors(relay):
    """True: it spun."""
    callers = [socket.create_connection(("127.0.0.1", relay.port)) for _ in range(CLIENTS)]
    time.sleep(1)
    try:
        return share_of_processor(relay) > SPIN
    finally:
        for caller in callers:
            caller.close()


def let_start(relay, processes):
    command = ["prlimit", "--pid", str(relay.process.pid), "--nproc=%s:" % processes]
    subprocess.run(AS_USER + command, check=True)


def lack_processes(relay):
    """True: it spun."""
    let_start(relay, 1)
    for room in ("submission", "delivery", "queue"):
        relay.kill(room)
    time.sleep(1)
    spun = share_of_processor(relay) > SPIN
    assert ("queue", 0) not in relay.rooms(), "the limit does not hold"
    let_start(relay, 10000)
    return spun


def play(lack, seed, control=False):
    """(report, what did not happen as it should)."""
    book = Ledger()
    sink = Sink(book)
    relay = Relay(sink=sink)
    watch = Watch(relay)
    shim = Shim("queue", write="drop") if control else None
    wrong = []
    try:
        if lack == "descriptors":
            relay.before = ["prlimit", "--nofile=%d:%d" % (DESCRIPTORS, DESCRIPTORS)]
        else:
            relay.before = AS_USER
            shutil.chown(relay.directory, USER, USER)
        kills.prepare(relay)
        if shim:
            relay.kill_everything()
            relay.environment = shim.environment
            relay.start()
        clients = kills.start_load(relay, book, seed)
        wait_for(lambda: len(book.acknowledged) > 20 and (control or watch.count["begun"]), 60)
        if lack == "descriptors":
            kills.stop_load(clients)  # so that nobody works but for those who connect
        if (lack_descriptors if lack == "descriptors" else lack_processes)(relay):
            wrong.append("more than half a processor was spent on nothing")
        wait_for(relay.is_ready, 60)
        if lack == "descriptors":
            clients = kills.start_load(relay, book, seed, first=len(clients))
        taken = len(book.acknowledged)
        wait_for(lambda: len(book.acknowledged) > taken + 20, 60)
        kills.stop_load(clients)
        if control:
            relay.kill_everything()
            relay.environment = {}
            relay.start()
        kills.drain(relay, book, 5 if control else kills.PATIENCE)
        left = kills.queued(relay)
        for key, recipient in sorted(book.missing(left)) if not control else []:
            kills.tell_story(relay, book.acknowledged[key][0], recipient)
        return book.report(left), wrong
    finally:
        watch.stop()
        relay.close()
        sink.stop()
        if shim:
            shim.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lack", choices=["descriptors", "processes"], default="descriptors")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--control", action="store_true")
    chosen = parser.parse_args()
    if why_not(chosen.lack):
        sys.exit("skipped: " + why_not(chosen.lack))
    report, wrong = play(chosen.lack, chosen.seed, chosen.control)
    for line in wrong:
        print("wrong: " + line)
    print("seed %d, few %s: " % (chosen.seed, chosen.lack) + ", ".join("%s %d" % item for item in report.items()))
    sys.exit(0 if not wrong and report["lost"] + report["corrupt"] + report["queued"] == 0 else 1)


if __name__ == "__main__":
    main()
