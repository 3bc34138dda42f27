"""The library that makes the system fail below the daemon (shim.c), and how it is told when."""
import os
import pathlib
import struct
import subprocess
import tempfile

from relay import BUILD

HERE = pathlib.Path(__file__).parent


def sanitizer():
    """The library of AddressSanitizer that the daemon was built with, if so: it must be the first."""
    linked = subprocess.run(["ldd", str(BUILD / "src/rooms/sealpostd")], capture_output=True, text=True, check=True).stdout
    return [line.split()[2] for line in linked.splitlines() if "libasan" in line]


class Shim:
    """kind, room, extra: as shim.c says. Arm it, and the call that is meant fails, once in all processes together."""

    def __init__(self, room="queue", kind="", **extra):
        self.directory = tempfile.TemporaryDirectory(prefix="sealpost-shim-")
        os.chmod(self.directory.name, 0o755)
        path = pathlib.Path(self.directory.name)
        self.library, self.counter, self.mended, self.clock = (path / name for name in ("shim.so", "count", "mended", "clock"))
        command = ["cc", "-std=c17", "-O1", "-shared", "-fPIC", "-o", str(self.library), str(HERE / "shim.c"), "-ldl"]
        # Counting every allocation is not for those who do not ask for it, nor beside AddressSanitizer.
        subprocess.run(command + (["-DFAULT_MEMORY"] if kind == "memory" else []), check=True)
        self.counter.write_bytes(bytes(4096))
        self.environment = {
            "LD_PRELOAD": " ".join([*sanitizer(), str(self.library)]),
            "FAULT_ROOM": room,
            "FAULT_KIND": kind,
            "FAULT_COUNT": str(self.counter),
            "FAULT_MEND": str(self.mended),
            **{"FAULT_" + name.upper(): value for name, value in extra.items()},
        }

    def arm(self, call):
        """0: none is meant, they are counted alone."""
        self.mended.unlink(missing_ok=True)
        with open(self.counter, "r+b") as file:
            file.write(struct.pack("=QQ", 0, call))

    def count(self):
        return struct.unpack("=Q", self.counter.read_bytes()[:8])[0]

    def mend(self):
        self.mended.touch()

    def set_clock(self, seconds):
        new = self.clock.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self.clock)

    def close(self):
        self.directory.cleanup()
