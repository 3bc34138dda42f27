"""One real relay for a test: sealpostd on loopback, its zone, a sink that keeps what it was given."""
import json
import os
import pathlib
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

BUILD = pathlib.Path(os.environ.get("SEALPOST_BUILD", "build/test"))


def free_ports(count):
    """Different ones: they are all held until the last is found."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def free_port():
    return free_ports(1)[0]


def wait_for(what, seconds=20):
    """What what() returns as soon as it is true; the test's own deadline is the bound."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("did not happen within %d s" % seconds)


def is_running(thread):
    try:
        return (thread / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_alive(pid):
    """Any thread of it: one that waits for the disk outlives a kill, and holds the files and locks of all."""
    return any(map(is_running, pathlib.Path("/proc").glob("%d/task/*" % pid)))


class Sink:
    """A receiver: takes mail, or refuses it by the recipient's local-part."""

    def __init__(self):
        self.messages = []  # (sender, recipients, content)
        self.answers = {}  # local-part: reply
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), data_size_limit=64 * 1024 * 1024)
        self.controller.start()
        self.port = self.controller.port

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = self.answers.get(address.split("@")[0])
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        self.messages.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.original_content))
        return "250 2.0.0 taken"

    def stop(self):
        self.controller.stop()


class Relay:
    def __init__(self, mode="send", extra="", zones=None, sink=None, dns=None):
        """sink: the caller's own, what has a port where mail is delivered to. dns: YAML that says where the world's
        DNS is asked, in place of the zones here."""
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sealpost-test-"))
        os.chmod(self.directory, 0o755)
        self.port, self.tls_port = free_ports(2)
        self.own_sink = None if sink else Sink()
        self.sink = sink or self.own_sink
        self.records = {"example.com": []}
        self.process = None
        self.forgives = []  # expressions for what its log may tell: an experiment's own doing
        self.environment = {}  # of the daemon, beside our own
        self.before = []  # what the daemon's command begins with
        self.log = self.directory / "log"
        self.mode = mode
        self.extra = extra
        self.dns_of_world = dns
        self.anchors = []  # files of DNSSEC's trust anchors
        # What is in no zone is asked of a port where nobody answers: DNS that fails.
        self.zones = zones or {
            "example.com": ['@ TXT "v=spf1 include:elastx.email -all"', '_dmarc TXT "v=DMARC1; p=none"'],
            "com": [],
        }
        self.receivers = ["rcpt.test"]
        self.write()

    # ---- files

    def write(self):
        names = []
        for name, records in {**self.zones, **{r: ["@ MX 10 mx", "mx A 127.0.0.1"] for r in self.receivers}}.items():
            path = self.directory / ("zone-" + name)
            lines = ["$ORIGIN %s." % name, "$TTL 60", "@ SOA ns hostmaster 1 3600 600 86400 60", "@ NS ns", "ns A 127.0.0.1"]
            path.write_text("\n".join(lines + records) + "\n")
            names.append(str(path))
        config = """
service: {{ name: elastx, hostname: smtp.elastx.email, spf_include: elastx.email, console_url: "https://console.elastx.email" }}
state_directory: {0}/state
runtime_directory: {0}/run
listeners:
  - {{ address: "127.0.0.1:{1}", tls: starttls }}
  - {{ address: "127.0.0.1:{2}", tls: implicit }}
dns: {{ trust_anchors: [ {7} ], {3} }}
delivery: {{ mode: {4}, port: {5}, allow_private_addresses: true }}
queue: {{ retry: {{ first: 1s, max: 2s }}, reserve: 1MiB }}
processes: {{ submission: 1, delivery: 1 }}
limits: {{ rate: 100000/s, burst: 1000000, quota: 100000000/d }}
{6}
"""
        dns = self.dns_of_world or 'zone_files: [ %s ], resolvers: [ "127.0.0.1:9" ]' % ", ".join(names)
        self.config = self.directory / "sealpost.yaml"
        self.config.write_text(
            config.format(self.directory, self.port, self.tls_port, dns, self.mode, self.sink.port, self.extra, ", ".join(map(str, self.anchors)))
        )

    # ---- the daemon

    def start(self, wait=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.before, str(BUILD / "src/rooms/sealpostd"), "--config", str(self.config)],
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
            )
        if wait:
            wait_for(self.is_ready, 60)
        return self

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.api("GET", "/readyz").get("status") == "ready"
        except (OSError, ValueError):
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            finally:
                self.process.kill()
                self.process.wait()

    def close(self):
        self.stop()
        if self.own_sink:
            self.own_sink.stop()
        text = self.log.read_text()
        shutil.rmtree(self.directory)
        for expression in self.forgives:
            text = re.sub(expression, "", text)
        for trouble in ("ERROR: AddressSanitizer", "runtime error:", "must hold:", "LeakSanitizer: detected"):
            assert trouble not in text, text[text.index(trouble) - 2000 :]
        crash = re.search(r"^.* ended \(signal (?!9\)).*$", text, re.M)  # the tests kill with 9 alone
        assert not crash, crash[0]

    def rooms(self):
        """{(room, instance): pid} of the running rooms."""
        found = {}
        for line in subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True).stdout.splitlines():
            match = re.match(r"\s*(\d+) sealpostd --room (\S+) --instance (\d+)", line)
            if match:
                found[match[2], int(match[3])] = int(match[1])
        return found

    def kill(self, room, instance=0):
        os.kill(self.rooms()[room, instance], signal.SIGKILL)

    def kill_everything(self):
        """All at once, as a fallen machine; waits until they are gone, and their sockets with them."""
        os.kill(self.process.pid, signal.SIGSTOP)  # so that it starts none meanwhile
        rooms = list(self.rooms().values())
        for pid in [self.process.pid, *rooms]:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_for(lambda: not any(map(is_alive, rooms)))

    # ---- the API

    def api(self, method, path, body=None):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self.directory / "run/api.sock"))
            data = b"" if body is None else json.dumps(body).encode()
            head = "%s %s HTTP/1.1\r\nHost: relay\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (method, path, len(data))
            connection.sendall(head.encode() + data)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        head, _, text = answer.partition(b"\r\n\r\n")
        self.status = int(head.split()[1])
        return json.loads(text) if b"json" in head else text.decode()

    def add_account(self, name="user@domain.com"):
        account = self.api("POST", "/v1/accounts", {"account": name})
        assert self.status == 201, account
        return account

    def publish(self, domain, account, purposes=("token", "spf", "dkim", "dmarc")):
        """Writes what the relay says should be published, and has it read."""
        lines = []
        for record in self.records_of(domain, account):
            if record["purpose"] in purposes:
                strings = " ".join('"%s"' % part for part in record["strings"])
                lines.append("%s. %s %s" % (record["name"], record["type"], strings))
        self.zones[domain] = lines
        self.reload()

    def set_dns(self, dns):
        self.dns_of_world = dns
        self.reload()

    def reload(self):
        self.write()
        answer = self.api("POST", "/v1/service/reload")
        assert self.status == 200, answer

    def records_of(self, domain, account):
        return self.api("GET", "/v1/domains/%s/records?account=%s" % (domain, account))["records"]

    def dns(self, name, timeout=5):
        """The zone's TXT, as dkimpy asks for it."""
        wanted = name.decode().rstrip(".").lower() + ". "
        for lines in self.zones.values():
            for line in lines:
                if line.lower().startswith(wanted):
                    return "".join(re.findall(r'"([^"]*)"', line)).encode()
        return None

    # ---- a client

    def client(self, account=None, implicit=False):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if implicit:
            client = smtplib.SMTP_SSL("127.0.0.1", self.tls_port, timeout=60, context=context)
        else:
            client = smtplib.SMTP("127.0.0.1", self.port, timeout=60)
            client.starttls(context=context)
        if account:
            client.login(account["account"], account["password"])
        return client

    def try_send(self, account, sender, recipient="alice@rcpt.test"):
        """(code, text) of the reply that decides over a small message."""
        text = "From: %s\r\nTo: %s\r\nSubject: a test\r\n\r\ntext\r\n" % (sender, recipient)
        with self.client(account) as client:
            try:
                client.sendmail(sender, [recipient], text)
            except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as refused:
                return refused.smtp_code, refused.smtp_error.decode()
        return 250, ""

    def events(self):
        found = []
        for line in self.log.read_text().splitlines():
            if line.startswith("{"):
                found.append(json.loads(line))
        return found

    def event(self, name, seconds=20, **fields):
        def look():
            for event in self.events():
                if event.get("event") == name and all(event.get(key) == value for key, value in fields.items()):
                    return event
            return None

        return wait_for(look, seconds)
