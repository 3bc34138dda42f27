"""What becomes of the files that the journal prepares for its next segments, as seen from outside."""
import os
import threading
import time

NAMES = ("preparing", "prepared")
MEGABYTE = 1 << 20
SEGMENT = 64 * MEGABYTE


def leave_no_spares(relay):
    """Cuts a piece off the blank ends of the segments of a relay that is down: then none is used again, and the next life
    prepares one."""
    for path in (relay.directory / "state/queue/journal").iterdir():
        if path.name in NAMES or path.stat().st_size != SEGMENT:
            continue
        with open(path, "r+b") as file:
            file.seek(SEGMENT - 8 * MEGABYTE)
            if not any(file.read()):
                file.truncate(SEGMENT - 8 * MEGABYTE)


class Watch(threading.Thread):
    """begun, whole, taken: how many were, as long as the directory is there. A file is known by its inode."""

    def __init__(self, relay):
        super().__init__(daemon=True)
        self.directory = relay.directory / "state/queue/journal"
        self.count = {"begun": 0, "whole": 0, "taken": 0}
        self.names = {}
        self.stopping = threading.Event()
        self.start()

    def run(self):
        while not self.stopping.wait(0.003):
            try:
                with os.scandir(self.directory) as entries:
                    seen = {entry.inode(): entry.name for entry in entries}
            except OSError:  # the disk is being taken away
                continue
            for inode, name in seen.items():
                self.note(self.names.get(inode), name)
            self.names = seen

    def note(self, before, name):
        if name == "preparing" and before != "preparing":
            self.count["begun"] += 1
        if before == "preparing" and name != "preparing":
            self.count["whole"] += 1
        if before in NAMES and name not in NAMES:
            self.count["taken"] += 1

    def wait_for(self, what, seconds):
        """Until one more was, or that long."""
        before, end = self.count[what], time.monotonic() + seconds
        while self.count[what] == before and time.monotonic() < end:
            time.sleep(0.001)

    def stop(self):
        self.stopping.set()
        self.join()
