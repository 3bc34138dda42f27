#!/usr/bin/python3
"""Kills rooms at random while mail flows, and counts what became of it.

usage: kills.py [--messages N] [--kills N] [--connections N] [--seed N]

No client is further than two kills ahead. After 5,000 messages the state is a new one: an old one has spare segments, and
prepares none.
Ends with `acknowledged N, delivered N, ..., duplicates N, lost N`; exits 1 where something acknowledged was lost or
altered, or more came twice than was in flight when something died. SEALPOST_BUILD names the build (build/release)."""
import argparse
import collections
import json
import math
import os
import pathlib
import random
import smtplib
import subprocess
import sys
import threading
import time

os.environ.setdefault("SEALPOST_BUILD", "build/release")
sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "e2e")]
from ledger import Ledger  # noqa: E402
from prepared import Watch  # noqa: E402
from relay import BUILD, Relay, wait_for  # noqa: E402
from sink import Sink  # noqa: E402

FROM = "tom@example.com"
ROOMS = ["submission", "vault", "resolver", "queue", "delivery", "api", "everything"]
OFTEN = 5  # deaths after which a room is started again seconds later
SESSIONS = 10  # of one delivery process with one site: each may have begun something since the queue was asked
PART = 5000  # messages of one state
LATE = 120  # seconds for a notice: one that finds no space is tried again after a minute
PATIENCE = 300  # seconds for one message, and for the queue to become empty


class Client(threading.Thread):
    """Sends its share, over as many connections as it takes; a message whose reply was lost is sent again as another."""

    def __init__(self, relay, ledger, number, count, seed):
        super().__init__(daemon=True)
        self.relay, self.ledger = relay, ledger
        self.number, self.count = number, count
        self.random = random.Random("%d %d" % (seed, number))
        self.connection = None
        self.problem = None
        self.refusals = collections.Counter()  # "452 4.3.1": how often

    def run(self):
        try:
            for index in range(self.count):
                self.send_until_taken("c%d-%d" % (self.number, index))
        except Exception as problem:  # told by the main thread
            self.problem = problem
        if self.connection:
            self.connection.close()

    def send_until_taken(self, name):
        end = time.monotonic() + PATIENCE
        attempt = 0
        while not self.send("%s-%d" % (name, attempt)):
            if time.monotonic() > end:
                raise AssertionError("%s is not taken" % name)
            attempt += 1
            time.sleep(0.1)

    def compose(self, key):
        size = self.random.choice([0, 100, 1000, 5000, 10000]) if self.random.random() > 0.01 else 100000
        lines = [key.encode(), b".dot"] + [self.random.randbytes(35).hex().encode() for _ in range(size // 70)]
        body = b"\r\n".join(lines) + b"\r\n"
        kinds = ["r", "r", "r"] * 20 + ["nobody", "later"]
        recipients = ["%s-%d-%s@rcpt.test" % (self.random.choice(kinds), i, key) for i in range(self.random.choice([1, 1, 2]))]
        return recipients, b"From: %s\r\nX-Key: %s\r\n\r\n" % (FROM.encode(), key.encode()), body

    def send(self, key):
        """False: it was not acknowledged, and may or may not have been taken."""
        recipients, header, body = self.compose(key)
        self.ledger.sends(key, body)
        try:
            if self.connection is None:
                self.connection = self.relay.client(self.relay.account)
            queue_id = self.transact(recipients, header + body)
        except smtplib.SMTPResponseException as refusal:
            if refusal.smtp_code >= 500:
                raise
            self.refusals["%d %s" % (refusal.smtp_code, text_of(refusal.smtp_error).split()[0])] += 1
            self.hang_up()
            return False
        except (OSError, smtplib.SMTPException):  # it died
            self.ledger.doubts(key)
            self.hang_up()
            return False
        self.ledger.acknowledges(key, queue_id, recipients)
        return True

    def transact(self, recipients, content):
        expect(self.connection.mail(FROM), 250)
        for recipient in recipients:
            expect(self.connection.rcpt(recipient), 250)
        text = expect(self.connection.data(content), 250)
        return text.split(" queued as ")[1].split()[0]

    def hang_up(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Letter(Client):
    """One message to one recipient."""

    def __init__(self, relay, ledger, key, recipient):
        super().__init__(relay, ledger, 0, 1, 0)
        self.key, self.recipient = key, recipient

    def compose(self, key):
        return [self.recipient], b"From: %s\r\nX-Key: %s\r\n\r\n" % (FROM.encode(), key.encode()), b"text\r\n"

    def post(self):
        taken = self.send(self.key)
        self.hang_up()
        return taken


class Paced(Client):
    """Waits while more is acknowledged than may be."""

    def __init__(self, pace, *arguments):
        super().__init__(*arguments)
        self.pace = pace

    def send_until_taken(self, name):
        while len(self.ledger.acknowledged) > self.pace["most"]:
            time.sleep(0.01)
        super().send_until_taken(name)


class Load(Client):
    """Sends until it is told to stop."""

    def __init__(self, relay, ledger, number, seed):
        super().__init__(relay, ledger, number, 0, seed)
        self.stopping = threading.Event()

    def run(self):
        try:
            while not self.stopping.is_set():
                self.send_until_taken("c%d-%d" % (self.number, self.count))
                self.count += 1
        except Exception as problem:  # told by who stops it
            self.problem = problem
        self.hang_up()


def start_load(relay, ledger, seed, kind=Load, first=0):
    """first: the number of the first client; no two may have the same."""
    clients = [kind(relay, ledger, first + number, seed) for number in range(4)]
    for client in clients:
        client.start()
    return clients


def stop_load(clients, whatever_happened=False):
    for client in clients:
        client.stopping.set()
    for client in clients:
        client.join(PATIENCE)
        if client.problem and not whatever_happened:
            raise client.problem


def text_of(reply):
    return reply.decode() if isinstance(reply, bytes) else reply


def expect(reply, code):
    if reply[0] != code:
        raise smtplib.SMTPResponseException(*reply)
    return reply[1].decode()


class Killer:
    """Kills one room or all of them, and keeps count of what was in flight then."""

    def __init__(self, relay, choice):
        self.relay, self.choice = relay, choice
        self.killed = []
        self.deaths = collections.Counter()  # of each room, since all began anew
        self.in_flight = 0
        self.slowest = 0  # seconds until all were ready again
        self.watch = Watch(relay)

    def kill(self):
        """Once, or a second time while the first is being mended."""
        leased = self.relay.api("GET", "/v1/queue")["leased"]
        for _ in range(self.choice.choice([1, 1, 2])):
            name = self.strike()
            if name in ("delivery", "queue", "everything"):
                self.in_flight += leased + SESSIONS
            self.killed.append(name)
            time.sleep(self.choice.uniform(0, 0.2))
        began = time.monotonic()
        wait_for(self.relay.is_ready, 60)
        self.slowest = max(self.slowest, time.monotonic() - began)

    def strike(self):
        victim = self.choice.choice(ROOMS)
        self.deaths[victim] += 1
        if victim == "everything" or self.deaths[victim] > OFTEN:
            victim = "everything"
            self.deaths.clear()
            self.relay.kill_everything()
            self.relay.start()
        else:
            wait_for(lambda: (victim, 0) in self.relay.rooms())
            self.relay.kill(victim)
        return victim


def queued(relay):
    """(queue id, recipient), with the daemon or without."""
    command = [str(BUILD / "src/cli/sealpost"), "--config", str(relay.config), "queue", "export", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [(row["id"], row["recipient"]) for row in map(json.loads, done.stdout.splitlines())]


def progress(book, total, killer):
    if sys.stderr.isatty():
        line = "%d of %d messages, killed: %s" % (len(book.acknowledged), total, " ".join(killer.killed))
        print("\r\033[K" + line[:100], end="", file=sys.stderr, flush=True)


def drain(relay, book, patience=PATIENCE):
    """Until the queue is empty and the notices that it owes have come; what is left then, the report tells."""
    for done, patience in ((lambda: not queued(relay), patience), (lambda: not book.missing(), min(patience, LATE))):
        try:
            wait_for(done, patience)
        except AssertionError:
            pass


def tell_story(relay, queue_id, recipient):
    print("lost: %s to %s" % (queue_id, recipient))
    for line in relay.log.read_text().splitlines():
        if queue_id in line:
            print("  " + line)


def prepare(relay):
    relay.start()
    relay.account = relay.add_account()
    relay.publish("example.com", relay.account["account"])
    relay.zones["example.com"].append("@ MX 10 mx.rcpt.test.")  # for the notices
    relay.reload()


def play(messages, kills, connections, seed):
    """(report, killer). An AssertionError, when something did not go on at all."""
    book = Ledger()
    sink = Sink(book)
    relay = Relay(sink=sink)
    killer = Killer(relay, random.Random(seed))
    total = messages // connections * connections
    try:
        prepare(relay)
        # Spread over the run, each at a moment of its own.
        moments = sorted(killer.choice.uniform(0.02, 0.98) * total for _ in range(kills))
        pace = {"most": 0}
        clients = [Paced(pace, relay, book, n, messages // connections, seed) for n in range(connections)]
        for client in clients:
            client.start()
        for moment, later in zip(moments, moments[2:] + [math.inf] * 2):
            pace["most"] = later
            while len(book.acknowledged) < moment and any(client.is_alive() for client in clients):
                progress(book, total, killer)
                time.sleep(0.005)
            killer.kill()
        pace["most"] = math.inf
        for client in clients:
            while client.is_alive():
                progress(book, total, killer)
                client.join(1)
            if client.problem:
                raise client.problem
        drain(relay, book)
        relay.stop()
        left = queued(relay)
        for key, recipient in sorted(book.missing(left)):
            tell_story(relay, book.acknowledged[key][0], recipient)
        return book.report(left), killer
    finally:
        progress(book, total, killer)
        killer.watch.stop()
        relay.close()
        sink.stop()


def is_good(report, killer):
    spoilt = report["lost"] + report["corrupt"] + report["queued"]
    return spoilt == 0 and report["duplicates"] <= killer.in_flight


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    chosen = parser.parse_args()
    print("seed %d" % chosen.seed, flush=True)
    total, prepared, killed = collections.Counter(), collections.Counter(), collections.Counter()
    in_flight, slowest, good = 0, 0, True
    parts = max(1, chosen.messages // PART)
    for part in range(parts):
        report, killer = play(chosen.messages // parts, chosen.kills // parts, chosen.connections, chosen.seed + part)
        for counter, more in ((total, report), (prepared, killer.watch.count), (killed, collections.Counter(killer.killed))):
            counter.update(more)
        in_flight += killer.in_flight
        slowest = max(slowest, killer.slowest)
        good &= is_good(report, killer)
        print("%d of %d: %s" % (part + 1, parts, told(report)), flush=True)
    print("killed %d: %s; the slowest was ready again after %.1f s" % (sum(killed.values()), told(killed), slowest))
    print("next segments: " + told(prepared))
    print("in flight when something died: at most %d" % in_flight)
    print(told(total))
    sys.exit(0 if good else 1)


def told(counts):
    return ", ".join("%s %d" % item for item in counts.items())


if __name__ == "__main__":
    main()
