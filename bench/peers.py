"""Other people's mail servers, each in a directory of its own, on a port of its own, and durable: what Sealpost is held
against. They get the recipient's address from their configuration, where Sealpost asks DNS."""
import os
import pathlib
import platform
import pwd
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE.parent / "build/peers"
# Debian's mail servers exclude each other: these are unpacked, not installed.
UNPACKED = ["opendkim", "libopendkim11", "libmilter1.0.1", "libvbr2", "librbl1", "exim4-daemon-light", "opensmtpd"]
NAME, PASSWORD = "bench@mycorp.se", "a-password-of-the-bench"


def run(*words, **how):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **how)
    if done.returncode != 0:
        raise SystemExit("%s: %s%s" % (words[0], done.stdout, done.stderr))
    return done.stdout


def setup():
    """Fetches and unpacks what is not there yet."""
    if (CACHE / "done").exists():
        return
    debs = CACHE / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    os.chmod(debs, 0o777)
    run("apt-get", "download", "-q", *UNPACKED, cwd=debs)
    for deb in debs.glob("*.deb"):
        run("dpkg", "-x", deb, CACHE)
    (CACHE / "done").touch()


def program(name):
    return str(CACHE / "usr/sbin" / name)


def environment():
    libraries = CACHE / ("usr/lib/%s-linux-gnu" % platform.machine())
    return dict(os.environ, LD_LIBRARY_PATH=str(libraries))


class Peer:
    """One mail server: start(group) puts all its processes into the control group, port is where it listens."""

    kinds = ()

    def __init__(self, kind, port, sink, certificate):
        self.kind, self.port, self.sink = kind, port, sink
        self.sealed = kind != "B3"
        self.certificate, self.key = certificate
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-%s-" % self.name.split()[0].lower()))
        self.directory.chmod(0o755)
        self.processes = []

    def fill(self, template):
        words = dict(directory=self.directory, port=self.port, sink=self.sink, certificate=self.certificate, key=self.key, name=NAME, password=PASSWORD, exim=program("exim4"))
        for word, value in words.items():
            template = template.replace("@%s@" % word, str(value))
        return template

    def write(self, name, template):
        path = self.directory / name
        path.write_text(self.fill(template))
        return path

    def own(self, name, user):
        path = self.directory / name
        path.mkdir(exist_ok=True)
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
        return path

    def spawn(self, words, enter, env=None):
        log = open(self.directory / "output", "ab")
        self.processes.append(subprocess.Popen([str(word) for word in words], preexec_fn=enter, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env))

    def spawn_apart(self, users, places, words, enter):
        """Their users and places are compiled in: they see their own, in a mount namespace, and the system's stay as they are."""
        rows = [(user, 61201 + i) for i, user in enumerate(users)]
        (self.directory / "passwd").write_text(pathlib.Path("/etc/passwd").read_text() + "".join("%s:x:%d:%d::/var/lib/opensmtpd/empty:/bin/false\n" % (user, i, i) for user, i in rows))
        (self.directory / "group").write_text(pathlib.Path("/etc/group").read_text() + "".join("%s:x:%d:\n" % row for row in rows))
        script = "mount --make-rprivate /\n%s\nmount --bind @directory@/passwd /etc/passwd\nmount --bind @directory@/group /etc/group\nexec %s" % (places, " ".join(str(word) for word in words))
        self.spawn(["unshare", "-m", "sh", "-ec", self.fill(script)], enter, environment())

    def login(self):
        return ["--login", NAME, PASSWORD] if self.sealed else []

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


MASTER = """
127.0.0.1:@port@ inet n - n - 100 smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 10 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - 100 smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
MAIN = """
compatibility_level = 3.6
queue_directory = @directory@/queue
data_directory = @directory@/data
maillog_file = @directory@/maillog
maillog_file_prefixes = @directory@
myhostname = relay.bench.test
mydestination =
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_discard_ehlo_keywords = chunking
relayhost = [127.0.0.1]:@sink@
smtp_connection_cache_destinations = [127.0.0.1]:@sink@
smtp_connection_reuse_count_limit = 1000
smtp_tls_security_level = none
default_destination_concurrency_limit = 50
initial_destination_concurrency = 20
default_destination_rate_delay = 0s
qmgr_message_active_limit = 20000
in_flow_delay = 0
default_process_limit = 200
"""
MAIN_SEALED = """
smtpd_tls_security_level = may
smtpd_tls_cert_file = @certificate@
smtpd_tls_key_file = @key@
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = @directory@/sasl
smtpd_sasl_local_domain = mycorp.se
smtpd_milters = unix:@directory@/milter
milter_default_action = tempfail
"""
SASL = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: @directory@/sasl/sasldb2
mech_list: PLAIN
"""
OPENDKIM = """
Mode s
Domain example.com
Selector bench
KeyFile @directory@/dkim.pem
Canonicalization relaxed/relaxed
SignatureAlgorithm rsa-sha256
Socket local:@directory@/milter
UMask 000
Background no
Syslog no
UserID root
RequireSafeKeys no
"""


class Postfix(Peer):
    name = "Postfix + OpenDKIM"
    kinds = ("B1", "B2", "B3", "B7")

    def start(self, enter):
        self.own("data", "postfix")
        (self.directory / "queue").mkdir()
        self.write("main.cf", MAIN + (MAIN_SEALED if self.sealed else ""))
        self.write("master.cf", MASTER)
        if self.sealed:
            self.own("sasl", "postfix")
            self.write("sasl/smtpd.conf", SASL)
            run("saslpasswd2", "-p", "-c", "-f", self.directory / "sasl/sasldb2", "-u", "mycorp.se", "bench", input=PASSWORD)
            os.chmod(self.directory / "sasl/sasldb2", 0o644)
            run("openssl", "genrsa", "-out", self.directory / "dkim.pem", 2048)
            configuration = self.write("opendkim.conf", OPENDKIM)
            self.spawn([program("opendkim"), "-f", "-x", configuration], enter, environment())
        subprocess.run(["postfix", "-c", self.directory, "start"], check=True, capture_output=True, preexec_fn=enter, stdin=subprocess.DEVNULL)

    def stop(self):
        subprocess.run(["postfix", "-c", self.directory, "stop"], capture_output=True, stdin=subprocess.DEVNULL)
        super().stop()


EXIM = """
exim_user = mail
exim_group = mail
never_users =
primary_hostname = relay.bench.test
exim_path = @exim@
local_interfaces = 127.0.0.1
daemon_smtp_ports = @port@
spool_directory = @directory@/spool
log_file_path = @directory@/spool/%slog
tls_advertise_hosts = @tls@
@certificates@
acl_smtp_rcpt = accept
acl_smtp_data = accept
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 1000
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
smtp_accept_reserve = 0
smtp_enforce_sync = false
split_spool_directory = true
message_logs = false
queue_run_max = 5
log_selector = -all
chunking_advertise_hosts =
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = out
begin transports
out:
  driver = smtp
  port = @sink@
  hosts_avoid_tls = *
  allow_localhost
  connection_max_messages = 1000
@seal@
begin retry
* * F,1h,1s
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{@name@}}{eq{$auth3}{@password@}}}}
  server_set_id = $auth2
  server_advertise_condition = yes
"""
EXIM_SEAL = """  dkim_domain = example.com
  dkim_selector = bench
  dkim_private_key = @directory@/dkim.pem
  dkim_canon = relaxed
"""


class Exim(Peer):
    name = "Exim"
    kinds = ("B1", "B2", "B3", "B7")

    def start(self, enter):
        self.own("spool", "mail")
        template = EXIM.replace("@tls@", "*" if self.sealed else "").replace("@seal@", EXIM_SEAL if self.sealed else "")
        template = template.replace("@certificates@", "tls_certificate = @certificate@\ntls_privatekey = @key@" if self.sealed else "")
        if self.sealed:
            key = self.directory / "dkim.pem"
            run("openssl", "genrsa", "-out", key, 2048)
            os.chmod(key, 0o644)
        configuration = self.write("exim.conf", template)
        os.chmod(configuration, 0o644)
        self.spawn_apart(["Debian-exim"], "", [program("exim4"), "-C", configuration, "-bdf", "-q2s"], enter)


SMTPD = """
smtp limit max-mails 100000
listen on 127.0.0.1 port @port@
action "out" relay host "smtp+notls://127.0.0.1:@sink@"
match from any for any action "out"
"""


class OpenSMTPD(Peer):
    name = "OpenSMTPD"
    kinds = ("B3",)  # 6.8 cannot serve TLS with OpenSSL 3

    def start(self, enter):
        (self.directory / "spool").mkdir()
        os.chmod(self.directory / "spool", 0o711)
        os.chmod(self.write("smtpd.conf", SMTPD), 0o644)
        places = "mkdir -p /var/spool/smtpd /var/lib/opensmtpd/empty\nmount --bind @directory@/spool /var/spool/smtpd\nmount -t tmpfs none /run"
        self.spawn_apart(["opensmtpd", "opensmtpq"], places, [program("smtpd"), "-d", "-f", self.directory / "smtpd.conf"], enter)

    def login(self):
        return ["--no-pipelining", "--connections", "8"]  # it accepts no more at once


PEERS = [Postfix, OpenSMTPD, Exim]
