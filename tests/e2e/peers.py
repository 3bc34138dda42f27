"""Other people's servers on loopback, each in a directory of its own: Postfix receives mail, Knot answers DNS."""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from relay import free_port, wait_for


def directory(name):
    """Open to all: the servers' own users must reach what is in it."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="sealpost-test-%s-" % name))
    made.chmod(0o755)
    return made


def certificate(where, name):
    """A self-signed one: (certificate, key)."""
    files = where / "certificate.pem", where / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split()
    alternatives = "subjectAltName=DNS:%s,IP:127.0.0.1" % name
    command += ["-subj", "/CN=" + name, "-addext", alternatives, "-out", files[0], "-keyout", files[1]]
    subprocess.run(command, check=True, capture_output=True)
    return files


POSTFIX_SERVICES = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

POSTFIX_SETTINGS = """
compatibility_level = 3.6
queue_directory = {0}/queue
data_directory = {0}/data
maillog_file = {0}/maillog
maillog_file_prefixes = {0}
myhostname = mx.{1}
mydestination =
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
message_size_limit = 67108864
"""

RECEIVES = """
smtpd_relay_restrictions = permit_auth_destination, reject
virtual_mailbox_domains = {1}
virtual_mailbox_base = {0}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{2}
virtual_gid_maps = static:{3}
virtual_mailbox_limit = 0
mailbox_size_limit = 0
smtpd_tls_security_level = may
smtpd_tls_cert_file = {0}/certificate.pem
smtpd_tls_key_file = {0}/key.pem
smtpd_tls_received_header = yes
"""


SENDS = """
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{port}
smtp_tls_security_level = encrypt
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = static:{account}:{password}
smtp_sasl_tls_security_options = noanonymous
smtp_sasl_mechanism_filter = {mechanism}
minimal_backoff_time = 1s
queue_run_delay = 1s
"""


class Postfix:
    """Receives everything for one domain, in clear or over STARTTLS with a self-signed certificate."""

    settings = RECEIVES

    def __init__(self, domain="rcpt.test"):
        self.directory = directory("postfix")
        self.port = free_port()
        owner, reader = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
        for name, user in (("data", owner), ("mail", reader)):
            (self.directory / name).mkdir()
            os.chown(self.directory / name, user.pw_uid, user.pw_gid)
        (self.directory / "queue").mkdir()
        certificate(self.directory, "mx." + domain)
        settings = POSTFIX_SETTINGS + self.settings
        (self.directory / "main.cf").write_text(settings.format(self.directory, domain, reader.pw_uid, reader.pw_gid))
        (self.directory / "master.cf").write_text(POSTFIX_SERVICES.format(port=self.port))
        self.command("start")

    def command(self, verb):
        done = subprocess.run(
            ["postfix", "-c", str(self.directory), verb], capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stderr + self.log()

    def log(self):
        log = self.directory / "maillog"
        return log.read_text() if log.exists() else ""

    def take(self, seconds=30):
        """The next message, as it was received: CRLF, without what Postfix wrote above it."""
        inbox = self.directory / "mail/box/new"
        found = wait_for(lambda: inbox.is_dir() and sorted(inbox.iterdir()), seconds)[0]
        content = found.read_bytes()
        found.unlink()
        # Return-Path and Delivered-To by virtual(8), then one Received by smtpd(8).
        trace, rest = content.split(b"\nReceived: ", 1)
        assert trace.startswith(b"Return-Path: ")
        lines = rest.split(b"\n")
        end = next(i for i in range(1, len(lines)) if not lines[i].startswith((b" ", b"\t")))
        self.received = b"\n".join(lines[:end]).decode()
        return b"\r\n".join(lines[end:])

    def stop(self):
        self.command("stop")
        shutil.rmtree(self.directory)


class PostfixClient(Postfix):
    """A customer's: takes what its own machines send, and hands it to a relay with a login."""

    def __init__(self, port, account, password, mechanism="plain"):
        self.settings = SENDS.format(port=port, account=account, password=password, mechanism=mechanism)
        super().__init__("customer.test")


class Oracle:
    """A name server that counts, and answers as it is told: slowly, or not at all."""

    def __init__(self, records):
        """records: {(name, type): [data, ...]}, in the words of a zone file."""
        self.records = {(name.lower(), kind): data for (name, kind), data in records.items()}
        self.asked = []
        self.delay = 0
        self.silent = False
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.port = self.udp.getsockname()[1]
        self.tcp = socket.create_server(("127.0.0.1", self.port))
        for serve in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def answer(self, wire, udp):
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if self.silent:
            return None
        reply = dns.message.make_response(query)
        data = self.records.get((name, kind))
        alias = self.records.get((name, "CNAME"))
        if data or alias:
            kind = kind if data else "CNAME"
            reply.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, data or alias))
        else:
            reply.set_rcode(dns.rcode.NOERROR if any(name == known for known, _ in self.records) else dns.rcode.NXDOMAIN)
            soa = "ns. hostmaster. 1 3600 600 86400 1"
            reply.authority.append(dns.rrset.from_text(dns.name.root, 60, "IN", "SOA", soa))
        try:
            return reply.to_wire(max_size=1232 if udp else 65535)
        except dns.exception.TooBig:
            short = dns.message.make_response(query)
            short.flags |= dns.flags.TC
            return short.to_wire()

    def later(self, send, wire, udp):
        reply = self.answer(wire, udp)
        if reply:
            threading.Timer(self.delay, send, [reply]).start()

    def serve_udp(self):
        while True:
            try:
                wire, client = self.udp.recvfrom(65535)
            except OSError:
                return
            self.later(lambda reply, client=client: self.udp.sendto(reply, client), wire, True)

    def serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_connection, args=[connection], daemon=True).start()

    def serve_connection(self, connection):
        with connection, connection.makefile("rb") as stream:
            while len(head := stream.read(2)) == 2:
                wire = stream.read(int.from_bytes(head, "big"))
                self.later(lambda reply: connection.sendall(len(reply).to_bytes(2, "big") + reply), wire, False)

    def close(self):
        for each in (self.udp, self.tcp):
            each.shutdown(socket.SHUT_RDWR) if each is self.tcp else None
            each.close()


KNOT_SETTINGS = """
server:
    rundir: "{0}"
    listen: 127.0.0.1@{1}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: "{0}/log"
    any: info
database:
    storage: "{0}/database"
zone:
  - domain: "."
    file: "{0}/zone"
    zonefile-load: whole
    journal-content: none
"""


class Knot:
    """All the DNS there is: one zone, the root, with everybody's records."""

    def __init__(self, records=()):
        self.directory = directory("knot")
        self.port = free_port()
        self.process = None
        self.serial = 0
        self.config = self.directory / "knot.conf"
        self.config.write_text(KNOT_SETTINGS.format(self.directory, self.port))
        self.write(records)

    def write(self, records):
        """Lines "name. TYPE value"; names without an end dot are of the root too."""
        self.serial += 1
        head = ["$ORIGIN .", "$TTL 1", "@ SOA ns. hostmaster. %d 3600 600 86400 1" % self.serial, "@ NS ns.", "ns. A 127.0.0.1"]
        (self.directory / "zone").write_text("\n".join(head + list(records)) + "\n")

    def control(self, *verb):
        return subprocess.run(["knotc", "-c", self.config, "-b", *verb], capture_output=True, text=True)

    def start(self):
        self.run()
        wait_for(lambda: self.has(self.serial))
        return self

    def start_without_zone(self):
        """Every answer is SERVFAIL."""
        zone, aside = self.directory / "zone", self.directory / "aside"
        zone.rename(aside)
        self.run()
        aside.rename(zone)

    def run(self):
        with open(self.directory / "output", "ab") as output:
            self.process = subprocess.Popen(["knotd", "-c", self.config], stdout=output, stderr=output)
        wait_for(lambda: self.control("status").returncode == 0)

    def has(self, serial):
        return "%d" % serial in self.control("zone-read", ".", "@", "SOA").stdout.split()

    def publish(self, records):
        self.write(records)
        done = self.control("zone-reload", ".")
        assert done.returncode == 0, done.stderr
        wait_for(lambda: self.has(self.serial))

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.directory)
