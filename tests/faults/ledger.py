"""What was acknowledged against what became of it: nothing may be missing, nothing changed.

The client writes down the queue id of each 250, the sink what it was given and which notices told the sender of, the
queue what it still holds. Safe to write in from several threads."""
import collections
import hashlib
import threading


def digest(body):
    return hashlib.sha256(body).hexdigest()


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.bodies = {}  # key: digest, of all that was ever sent
        self.acknowledged = {}  # key: (queue id, recipients)
        self.unsure = set()  # keys sent whose reply was lost: they may have been taken
        self.received = collections.Counter()  # (key, recipient): how often the sink took it
        self.told = set()  # (key, recipient) that a notice says has failed
        self.corrupt = []

    def sends(self, key, body):
        with self.lock:
            self.bodies[key] = digest(body)

    def acknowledges(self, key, queue_id, recipients):
        with self.lock:
            self.acknowledged[key] = queue_id, list(recipients)

    def doubts(self, key):
        with self.lock:
            self.unsure.add(key)

    def receives(self, key, recipient, body):
        with self.lock:
            if self.bodies.get(key) != digest(body):
                self.corrupt.append((key, recipient))
            else:
                self.received[key, recipient] += 1

    def tells(self, key, recipient):
        with self.lock:
            self.told.add((key, recipient))

    def missing(self, queued=()):
        """(key, recipient) that were acknowledged, and have neither come nor been told of, nor are in the queue.

        queued: (queue id, recipient)."""
        queued = set(queued)
        with self.lock:
            return {
                (key, recipient)
                for key, (queue_id, recipients) in self.acknowledged.items()
                for recipient in recipients
                if not self.received[key, recipient]
                and (key, recipient) not in self.told
                and (queue_id, recipient) not in queued
            }

    def report(self, queued=()):
        lost = self.missing(queued)
        return {
            "acknowledged": sum(len(recipients) for _, recipients in self.acknowledged.values()),
            "delivered": sum(1 for count in self.received.values() if count > 0),
            "told": len(self.told),
            "queued": len(set(queued)),
            "unsure": len(self.unsure),
            "corrupt": len(self.corrupt),
            "duplicates": sum(count - 1 for count in self.received.values() if count > 1),
            "lost": len(lost),
        }
