#!/usr/bin/python3
"""Damages the journal below the relay while mail waits in it, and counts what became of it.

usage: bits.py [--damage bits|sectors] [--count N] [--seed N] [--control]

What waits is in a prepared segment, too. bits: so many are flipped, at random among what was written. sectors: so many sectors of 512 octets are zero. What is damaged
must be found, held and told of, what is not must be delivered, and nothing altered may leave. --control: the checksums are
made right again; then something altered leaves. Ends in `..., lost 0`; exits 1 where something was lost or altered."""
import argparse
import pathlib
import random
import struct
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import disk  # noqa: E402
import kills  # noqa: E402
from ledger import Ledger  # noqa: E402
from prepared import NAMES, Watch  # noqa: E402
from relay import Relay, wait_for  # noqa: E402

MESSAGES = 200
SEGMENT_HEADER, RECORD_HEADER, SECTOR = 64, 56, 512
MAGIC = b"SPRC"


class Waiting(kills.Client):
    """All that it sends is put off by the gate."""

    def compose(self, key):
        recipients, header, body = super().compose(key)
        return ["wait-%d-%s@rcpt.test" % (i, key) for i in range(len(recipients))], header, body


def crc32c(data):
    """RFC 3720 B.4."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


class Journal:
    def __init__(self, relay):
        directory = relay.directory / "state/queue/journal"
        self.segments = {path: bytearray(path.read_bytes()) for path in sorted(directory.iterdir()) if path.name not in NAMES}
        self.records = [(path, at, length) for path in self.segments for at, length in self.walk(self.segments[path])]

    def walk(self, data):
        """(where, length of what comes behind the header) of each record."""
        at = SEGMENT_HEADER
        while data[at : at + 4] == MAGIC:
            length = struct.unpack_from("<I", data, at + 48)[0]
            yield at, length
            at += (RECORD_HEADER + length + 7) // 8 * 8

    def flip(self, choice, count):
        for _ in range(count):
            path, at, length = choice.choice(self.records)
            self.segments[path][at + choice.randrange(RECORD_HEADER + length)] ^= 1 << choice.randrange(8)

    def tear(self, choice, count):
        for _ in range(count):
            path, at, length = choice.choice(self.records)
            begin = (at + choice.randrange(RECORD_HEADER + length)) // SECTOR * SECTOR
            self.segments[path][begin : begin + SECTOR] = bytes(SECTOR)

    def forge(self):
        """The first message that has a body: another body, and a checksum that is right."""
        for path, at, length in self.records:
            data = self.segments[path]
            dot = data.find(b"\r\n.dot\r\n", at, at + RECORD_HEADER + length)
            if dot < 0:
                continue
            data[dot + 3] ^= 1
            struct.pack_into("<I", data, at + 52, crc32c(data[at : at + 52] + data[at + RECORD_HEADER : at + RECORD_HEADER + length]))
            return

    def write(self):
        for path, data in self.segments.items():
            path.write_bytes(data)


def play(damage, count, seed, control=False):
    """(report, how many recipients are held as damaged)."""
    book = Ledger()
    sink = disk.Gate(book)
    relay = Relay(sink=sink)
    watch = Watch(relay)
    choice = random.Random(seed)
    try:
        kills.prepare(relay)
        client = Waiting(relay, book, 0, MESSAGES, seed)
        client.start()
        client.join()
        wait_for(lambda: len(kills.queued(relay)) == sum(len(recipients) for _, recipients in book.acknowledged.values()))
        time.sleep(1)
        relay.kill_everything()
        journal = Journal(relay)
        assert watch.count["taken"] > 0, "no prepared segment was taken"
        assert len(journal.records) >= MESSAGES
        if control:
            journal.forge()
        else:
            {"bits": journal.flip, "sectors": journal.tear}[damage](choice, count)
        journal.write()
        sink.open = True
        relay.start()
        wait_for(lambda: book.corrupt or not book.missing(held(relay)), 60)
        wait_for(lambda: len(kills.queued(relay)) == len(held(relay)), 60)
        return book.report(held(relay)), len(held(relay))
    finally:
        watch.stop()
        relay.close()
        sink.stop()


def held(relay):
    """(queue id, recipient) that the log tells of, for being damaged."""
    return {
        (event["id"], event["recipient"]) for event in relay.events() if event.get("event") == "held" and "damaged" in event["reason"]
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--damage", choices=["bits", "sectors"], default="bits")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--control", action="store_true")
    chosen = parser.parse_args()
    report, damaged = play(chosen.damage, chosen.count, chosen.seed, chosen.control)
    print("seed %d, %d %s, held as damaged %d: " % (chosen.seed, chosen.count, chosen.damage, damaged) + ", ".join("%s %d" % item for item in report.items()))
    sys.exit(0 if report["lost"] + report["corrupt"] == 0 and damaged > 0 else 1)


if __name__ == "__main__":
    main()
