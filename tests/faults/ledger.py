"""What was acknowledged against what became of it: nothing may be missing, nothing changed.

The client writes down the queue id of each 250, the sink what it was given, the queue what it still holds."""
import collections
import hashlib


def digest(body):
    return hashlib.sha256(body).hexdigest()


class Ledger:
    def __init__(self):
        self.acknowledged = {}  # key: (recipients, digest of the body)
        self.unsure = set()  # keys sent whose reply was lost: they may have been taken
        self.received = collections.Counter()  # (key, recipient): how often the sink took it
        self.corrupt = []
        self.bodies = {}  # key: digest, of all that was ever sent

    def sends(self, key, body):
        self.bodies[key] = digest(body)

    def acknowledge(self, key, recipients):
        self.acknowledged[key] = list(recipients)

    def doubts(self, key):
        self.unsure.add(key)

    def receives(self, key, recipient, body):
        if self.bodies.get(key) != digest(body):
            self.corrupt.append((key, recipient))
        else:
            self.received[key, recipient] += 1

    def missing(self):
        """(key, recipient) that were acknowledged and have not come."""
        return {(key, one) for key, all_of in self.acknowledged.items() for one in all_of if not self.received[key, one]}

    def report(self, still_queued=(), told=()):
        """still_queued, told: (key, recipient) that the queue holds, or that a notice told the sender of."""
        lost = self.missing() - set(still_queued) - set(told)
        return {
            "acknowledged": sum(len(r) for r in self.acknowledged.values()),
            "delivered": len(self.received),
            "queued": len(set(still_queued)),
            "told": len(set(told)),
            "unsure": len(self.unsure),
            "duplicates": sum(count - 1 for count in self.received.values()),
            "corrupt": len(self.corrupt),
            "lost": len(lost),
        }
