"""What a round cost: CPU and memory of a control group, bytes written, flushes asked for."""
import os
import pathlib
import re
import shutil
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


class Group:
    """A control group: all processes of one mail server, also those that come and go within a round."""

    def __init__(self, name):
        old = pathlib.Path("/sys/fs/cgroup/cpuacct")
        unified = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
        self.path = None
        if os.geteuid() == 0 and (old.is_dir() or unified):
            self.path = (old if old.is_dir() else pathlib.Path("/sys/fs/cgroup")) / ("bench-%d-%s" % (os.getpid(), name))
            self.path.mkdir()

    def enter(self):
        if self.path:
            (self.path / "cgroup.procs").write_text("0")

    def cpu(self):
        """Seconds."""
        if not self.path:
            return 0
        usage = self.path / "cpuacct.usage"
        if usage.exists():
            return int(usage.read_text()) / 1e9
        return int(re.search(r"usage_usec (\d+)", (self.path / "cpu.stat").read_text()).group(1)) / 1e6

    def memory(self):
        """KiB that belong to these processes alone, now."""
        total = 0
        for pid in (self.path / "cgroup.procs").read_text().split() if self.path else []:
            try:
                status = pathlib.Path("/proc/%s/status" % pid).read_text()
            except OSError:
                continue  # it ended meanwhile
            total += sum(int(kib) for kib in re.findall(r"^RssAnon:\s*(\d+)", status, re.M))
        return total

    def remove(self):
        if self.path:
            try:
                self.path.rmdir()
            except OSError:
                pass  # a process is still ending


class Disk:
    """Bytes that reached the disk below a directory: the file system's own journal is counted, and whatever else runs."""

    def __init__(self, directory):
        device = os.stat(directory).st_dev
        self.path = pathlib.Path("/sys/dev/block/%d:%d/stat" % (os.major(device), os.minor(device)))

    def written(self):
        os.sync()
        return int(self.path.read_text().split()[6]) * 512 if self.path.exists() else 0


class Flushes:
    """fsync, fdatasync and sync_file_range of the whole machine while it stands."""

    events = ["syscalls:sys_enter_fsync", "syscalls:sys_enter_fdatasync"]

    def __enter__(self):
        self.count = None
        self.process = None
        if os.geteuid() == 0 and shutil.which("perf"):
            self.process = subprocess.Popen(["perf", "stat", "-a", "-x,", "-e", ",".join(self.events)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.send_signal(2)
            rows = [line.split(",") for line in self.process.communicate()[1].splitlines()]
            counts = [int(row[0]) for row in rows if row[0].isdigit()]
            self.count = sum(counts) if counts else None


def of_process(pid):
    """CPU seconds, bytes written, KiB at the peak."""
    stat = pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
    written = re.search(r"^write_bytes: (\d+)", pathlib.Path("/proc/%d/io" % pid).read_text(), re.M)
    peak = re.search(r"^VmHWM:\s*(\d+)", pathlib.Path("/proc/%d/status" % pid).read_text(), re.M)
    return (int(stat[11]) + int(stat[12])) / TICKS, int(written.group(1)), int(peak.group(1))
