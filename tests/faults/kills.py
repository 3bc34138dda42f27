#!/usr/bin/python3
"""Kills rooms at random while mail flows, and counts what became of it.

usage: kills.py [--messages N] [--kills N] [--connections N] [--seed N]

Ends with `acknowledged N, delivered N, ..., lost N`; exits 1 where something acknowledged was lost or altered, or more
came twice than was in flight when something died. SEALPOST_BUILD names the build (build/release)."""
import argparse
import asyncio
import json
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
from relay import BUILD, Relay, wait_for  # noqa: E402

FROM = "tom@example.com"
# What delivery may have in flight when it dies: its sessions of one site, and the same again whose report is on its way.
IN_FLIGHT = 2 * 10


class Sink:
    """A receiver that does nothing but write down; in a thread of its own, with a loop of its own."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 20))
        self.port = self.server.sockets[0].getsockname()[1]
        self.answers = {}
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def serve(self, reader, writer):
        writer.write(b"220 sink ESMTP\r\n")
        recipients = []
        try:
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    writer.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
                elif verb == b"RCPT":
                    recipients.append(line[line.index(b"<") + 1 : line.index(b">")].decode())
                    writer.write(b"250 2.1.5 ok\r\n")
                elif verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    content = await reader.readuntil(b"\r\n.\r\n")
                    self.take(recipients, content[:-3])
                    recipients = []
                    writer.write(b"250 2.0.0 taken\r\n")
                elif verb == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                else:
                    recipients = []
                    writer.write(b"250 2.0.0 ok\r\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        writer.close()

    def take(self, recipients, content):
        header, _, body = content.partition(b"\r\n\r\n")
        key = header.split(b"X-Key: ")[1].split(b"\r\n")[0].decode()
        for recipient in recipients:
            self.ledger.receives(key, recipient, body.replace(b"\r\n..", b"\r\n."))

    async def close(self):
        self.server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def stop(self):
        asyncio.run_coroutine_threadsafe(self.close(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)


class Client(threading.Thread):
    """Sends its share, over as many connections as it takes; a message whose reply was lost is sent again as another."""

    def __init__(self, relay, ledger, lock, number, count, seed):
        super().__init__(daemon=True)
        self.relay, self.ledger, self.lock = relay, ledger, lock
        self.number, self.count = number, count
        self.random = random.Random(seed * 1000 + number)
        self.connection = None

    def run(self):
        for index in range(self.count):
            attempt = 0
            while not self.send("c%d-%d-%d" % (self.number, index, attempt)):
                attempt += 1
                time.sleep(0.1)
        if self.connection:
            self.connection.close()

    def send(self, key):
        body = b"%s\r\n%s\r\n.dot\r\n" % (key.encode(), b"x" * self.random.choice([0, 1, 70, 500]))
        # Now and then one that does not fit into a frame between rooms.
        body += (b"y" * 70 + b"\r\n") * self.random.choice([0] * 49 + [1100])
        recipients = ["r%d@rcpt.test" % self.random.randrange(50) for _ in range(self.random.choice([1, 1, 2]))]
        recipients = list(dict.fromkeys(recipients))
        text = b"From: %s\r\nX-Key: %s\r\n\r\n" % (FROM.encode(), key.encode()) + body
        with self.lock:
            self.ledger.sends(key, body)
        try:
            if self.connection is None:
                self.connection = self.relay.client(self.relay.account)
            self.connection.sendmail(FROM, recipients, text)
        except smtplib.SMTPServerDisconnected:
            self.leave(key)
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as refusal:
            codes = [refusal.smtp_code] if hasattr(refusal, "smtp_code") else [c for c, _ in refusal.recipients.values()]
            assert all(400 <= code < 500 for code in codes), refusal
            self.leave(None)
        except OSError:
            self.leave(key)
        else:
            with self.lock:
                self.ledger.acknowledge(key, recipients)
            return True
        return False

    def leave(self, key):
        if key:
            with self.lock:
                self.ledger.doubts(key)
        if self.connection:
            self.connection.close()
        self.connection = None


def kill_everything(relay):
    for pid in [relay.process.pid, *relay.rooms().values()]:
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
    relay.process.wait()
    relay.start()


def kill_one(relay, choice):
    """The name of what died, once all is well again."""
    rooms = sorted(relay.rooms())
    victim = choice.choice(rooms + ["everything"])
    if victim == "everything":
        kill_everything(relay)
        return victim
    try:
        relay.kill(*victim)
    except (KeyError, ProcessLookupError):
        return "nothing"
    wait_for(relay.is_ready, 60)
    return victim[0]


def progress(text):
    if sys.stderr.isatty():
        print("\r\033[K" + text, end="", file=sys.stderr, flush=True)


def queued(relay):
    exported = subprocess.run(
        [str(BUILD / "src/cli/sealpost"), "--config", str(relay.config), "queue", "export", "--json"], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in exported.stdout.splitlines()]


def play(messages, kills, connections, seed):
    choice = random.Random(seed)
    book = Ledger()
    sink = Sink(book)
    relay = Relay()
    relay.sink.stop()
    relay.sink.port = sink.port
    relay.write()
    killed = []
    try:
        relay.start()
        relay.account = relay.add_account()
        relay.publish("example.com", relay.account["account"])
        lock = threading.Lock()
        clients = [Client(relay, book, lock, n, messages // connections, seed) for n in range(connections)]
        for client in clients:
            client.start()
        total = messages // connections * connections
        for number in range(kills):
            # Spread over the run, at a moment that is not the same each time.
            moment = total * (number + choice.random()) / kills
            while len(book.acknowledged) < moment and any(c.is_alive() for c in clients):
                progress("%d of %d messages, killed: %s" % (len(book.acknowledged), total, " ".join(killed)))
                time.sleep(0.02)
            killed.append(kill_one(relay, choice))
        for client in clients:
            while client.is_alive():
                progress("%d of %d messages, killed: %s" % (len(book.acknowledged), total, " ".join(killed)))
                client.join(1)
        wait_for(lambda: not queued(relay), 300)
    except AssertionError as problem:
        print("\n%s" % problem, file=sys.stderr)
    finally:
        progress("")
        left = queued(relay) if relay.process.poll() is None else []
        sink.stop()
        relay.sink.stop = lambda: None
        relay.close()
    report = book.report(still_queued=[(row["id"], row["recipient"]) for row in left])
    return report, killed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the messages and the choice of victims")
    chosen = parser.parse_args()
    report, killed = play(chosen.messages, chosen.kills, chosen.connections, chosen.seed)
    print("killed: %s (seed %d)" % (" ".join(killed), chosen.seed))
    print(", ".join("%s %d" % item for item in report.items()))
    allowed = IN_FLIGHT * (len(killed) + 1)
    if report["duplicates"] > allowed:
        print("more came twice than the %d that can have been in flight" % allowed)
    good = report["lost"] == 0 and report["corrupt"] == 0 and report["queued"] == 0 and report["duplicates"] <= allowed
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
