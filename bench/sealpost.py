"""sealpostd as the bench runs it: on loopback, with zone files in place of DNS."""
import http.client
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import measure

BUILD = pathlib.Path(__file__).resolve().parents[1] / "build/release"
ACCOUNT = "bench@mycorp.se"


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit("%s: %s%s" % (words[0], done.stdout, done.stderr))
    return done.stdout


def build():
    if not (BUILD / "build.ninja").exists():
        run("meson", "setup", BUILD, BUILD.parents[1], "--buildtype=release", "-Db_lto=true")
    run("ninja", "-C", BUILD, "src/rooms/sealpostd", "src/cli/sealpost", "bench/bench_load", "bench/bench_sink", "bench/bench_limits")


CONFIGURATION = """
service: {{ name: elastx, hostname: smtp.elastx.email, spf_include: elastx.email }}
state_directory: {directory}/state
runtime_directory: {directory}/run
listeners:
  - {{ address: "127.0.0.1:{port}", tls: {tls} }}
require: {{ token: {require}, spf: {require}, dkim: {require}, dmarc: {require} }}
dns: {{ zone_files: [ {zones} ], resolvers: [ "127.0.0.1:9" ], trust_anchors: [] }}
delivery: {{ port: {sink}, allow_private_addresses: true }}
queue: {{ reserve: 64MiB }}
limits: {{ rate: 1000000/s, burst: 10000000, quota: 1000000000/d, connections_per_address: 20000, connections: 20000 }}
log: {{ level: warning }}
"""
# Where mail goes: a sink, a port at which nobody listens, a sink that never answers.
RECEIVERS = {"rcpt.test": "127.0.0.1", "other.test": "127.0.0.1", "dead.test": "127.0.0.2", "tarpit.test": "127.0.0.3"}
SOA = "@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"


class Sealpost:
    name = "Sealpost"
    kinds = ("B1", "B2", "B3", "B7")

    def __init__(self, kind, port, sink, _certificate=None, domains=0):
        self.sealed = kind != "B3"
        self.port = port
        self.domains = domains
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-sealpost-"))
        self.directory.chmod(0o755)
        self.zones = {name: "@ MX 10 mx\nmx A %s\n" % address for name, address in RECEIVERS.items()}
        self.zones.update({"com": "", "example.com": ""})
        self.write_zones()
        self.config = self.directory / "sealpost.yaml"
        self.config.write_text(
            CONFIGURATION.format(
                directory=self.directory,
                port=port,
                tls="starttls" if self.sealed else "none, plaintext_auth: true",
                require="enforce" if self.sealed else "off",
                zones=", ".join("%s/zone-%s" % (self.directory, name) for name in self.zones),
                sink=sink,
            )
        )

    def write_zones(self):
        for name, rows in self.zones.items():
            (self.directory / ("zone-" + name)).write_text("$ORIGIN %s.\n$TTL 3600\n" % name + SOA + rows)

    def start(self, enter):
        self.log = open(self.directory / "log", "ab")
        began = time.monotonic()
        self.process = subprocess.Popen([BUILD / "src/rooms/sealpostd", "--config", self.config], stderr=self.log, stdin=subprocess.DEVNULL, preexec_fn=enter)
        self.wait_ready()
        self.start_seconds = time.monotonic() - began
        if (self.directory / "password").exists():
            return
        self.password = json.loads(self.command("--json", "account", "add", ACCOUNT))["password"]
        (self.directory / "password").write_text(self.password)
        self.command("account", "set", ACCOUNT, "connections=100000")
        if self.sealed:
            records = self.command("domain", "records", "example.com", "--account", ACCOUNT, "--format", "zone")
            self.zones["example.com"] = records.replace("elastx-ed._domainkey", "unused")
            self.write_zones()
            self.command("service", "reload")

    def command(self, *words):
        return run(BUILD / "src/cli/sealpost", "--config", self.config, *words)

    def wait_ready(self):
        for _ in range(6000):
            if subprocess.run([BUILD / "src/cli/sealpost", "--config", self.config, "service", "status"], capture_output=True).returncode == 0:
                return
            time.sleep(0.01)
        raise SystemExit("sealpostd is not ready:\n" + (self.directory / "log").read_text())

    def login(self):
        return ["--login", ACCOUNT, self.password]

    def rooms(self):
        """{name: pid}, the supervisor among them."""
        found = {"supervisor": self.process.pid}
        for line in run("ps", "-o", "pid=,args=", "--ppid", self.process.pid).splitlines():
            words = line.split()
            if "--room" in words:
                found[words[words.index("--room") + 1] + words[words.index("--instance") + 1]] = int(words[0])
        return found

    def measured(self):
        return {room: measure.of_process(pid) for room, pid in self.rooms().items()}

    def api(self):
        """A connection to the operator's API."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.directory / "run/api.sock"))
        return connection

    def halt(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()

    def stop(self):
        self.halt()
        shutil.rmtree(self.directory)


def differences(before, after, count):
    """By kind of room: CPU us, bytes written, both a message, and KiB at the peak."""
    rooms = {}
    for room, now in after.items():
        was = before.get(room, (0, 0, 0))
        cpu, written, peak = rooms.get(room.rstrip("0123456789"), (0, 0, 0))
        rooms[room.rstrip("0123456789")] = (cpu + (now[0] - was[0]) * 1e6 / count, written + (now[1] - was[1]) / count, peak + now[2])
    return rooms
