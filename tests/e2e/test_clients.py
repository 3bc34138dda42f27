"""What customers' machines run: swaks, msmtp, curl, Python's smtplib. Each checks the certificate and its mail arrives."""
import email
import email.policy
import os
import shutil
import smtplib
import ssl
import subprocess

import dkim
import pytest
from peers import PostfixClient, certificate, directory
from relay import Relay, wait_for

FROM, TO = "tom@example.com", ["alice@rcpt.test", "bob@rcpt.test"]


@pytest.fixture(scope="module")
def relay():
    where = directory("clients")
    cert, key = certificate(where, "smtp.elastx.email")
    made = Relay(extra='tls: { certificate: "%s", key: "%s" }' % (cert, key))
    made.certificate = str(cert)
    try:
        made.start()
        made.account = made.add_account()
        made.publish("example.com", made.account["account"])
        yield made
    finally:
        made.close()
        shutil.rmtree(where)


def text(subject, end="\n"):
    lines = ["From: Tom <%s>" % FROM, "To: " + ", ".join(TO), "Subject: " + subject, "", "First line", ".dot", "..", ""]
    return end.join(lines)


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def arrived(relay, subject):
    """Once for both recipients or once for each, sealed, with every line as it was given."""

    def look():
        return [m for m in relay.sink.messages if b"Subject: " + subject.encode() + b"\r\n" in m[2]]

    found = wait_for(lambda: sorted(r for m in look() for r in m[1]) == TO and look())
    sender, _, content = found[0]
    assert sender == FROM
    assert content.endswith(b"\r\n\r\nFirst line\r\n.dot\r\n..\r\n")
    assert dkim.DKIM(content).verify(0, dnsfunc=relay.dns)
    return content


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(
    "way", [["--tls"], ["--tls-on-connect"], ["--tls", "--pipeline"]], ids=["starttls", "implicit", "pipelining"]
)
def test_swaks(relay, way, mechanism):
    subject = "swaks %s %s" % (" ".join(way), mechanism)
    port = relay.tls_port if "--tls-on-connect" in way else relay.port
    server = ["--server", "127.0.0.1", "--port", port, "--tls-verify", "--tls-ca-path", relay.certificate]
    login = ["--auth", mechanism, "--auth-user", relay.account["account"], "--auth-password", relay.account["password"]]
    told = run("swaks", *server, *way, *login, "--from", FROM, "--to", ",".join(TO), "--data", "-", input=text(subject)[:-1])
    assert "250 2.0.0 queued as " in told
    if "--pipeline" in way:  # all of it was sent before the first answer
        assert told.index("RCPT TO:<bob@rcpt.test>") < told.index("250 2.1.0")
    arrived(relay, subject)


@pytest.mark.parametrize("mechanism", ["plain", "login"])
@pytest.mark.parametrize("starttls", ["on", "off"])
def test_msmtp(relay, starttls, mechanism):
    subject = "msmtp %s %s" % (starttls, mechanism)
    config = relay.directory / "msmtprc"
    rows = {
        "host": "127.0.0.1",
        "port": relay.port if starttls == "on" else relay.tls_port,
        "from": FROM,
        "tls": "on",
        "tls_starttls": starttls,
        "tls_trust_file": relay.certificate,
        "auth": mechanism,
        "user": relay.account["account"],
        "password": relay.account["password"],
    }
    config.write_text("account default\n" + "".join("%s %s\n" % row for row in rows.items()))
    config.chmod(0o600)
    run("msmtp", "--file", config, *TO, input=text(subject))
    arrived(relay, subject)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_curl(relay, scheme, mechanism):
    subject = "curl %s %s" % (scheme, mechanism)
    port = relay.port if scheme == "smtp" else relay.tls_port
    to = [word for recipient in TO for word in ("--mail-rcpt", recipient)]
    login = ["--user", "%s:%s" % (relay.account["account"], relay.account["password"]), "--login-options", "AUTH=" + mechanism]
    secure = ["--ssl-reqd", "--cacert", relay.certificate]
    url = "%s://127.0.0.1:%d/client.example" % (scheme, port)
    run("curl", "-sS", *secure, *login, "--mail-from", FROM, *to, "--upload-file", "-", url, input=text(subject, "\r\n"))
    arrived(relay, subject)


@pytest.mark.parametrize("mechanism", ["plain", "login"])
@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
def test_smtplib(relay, implicit, mechanism):
    subject = "smtplib %s %s" % (implicit, mechanism)
    context = ssl.create_default_context(cafile=relay.certificate)
    if implicit:
        client = smtplib.SMTP_SSL("127.0.0.1", relay.tls_port, timeout=30, context=context)
    else:
        client = smtplib.SMTP("127.0.0.1", relay.port, timeout=30)
        client.starttls(context=context)
    with client:
        client.ehlo()
        client.user, client.password = relay.account["account"], relay.account["password"]
        client.auth(mechanism.upper(), getattr(client, "auth_" + mechanism))
        assert client.sendmail(FROM, TO, text(subject)) == {}
        assert client.sendmail(FROM, TO[0], text(subject + " again")) == {}
    arrived(relay, subject)


def test_smtplib_sends_what_python_composes(relay):
    composed = email.message.EmailMessage(policy=email.policy.SMTP)
    composed["From"], composed["To"], composed["Subject"] = "Tom Påle <%s>" % FROM, TO, "smtplib composed"
    composed.set_content("A text with å\n")
    composed.add_alternative("<p>A text with å</p>\n", subtype="html")
    composed.add_attachment(b"\0\1\2" * 1000, maintype="application", subtype="octet-stream", filename="å.bin")
    with relay.client(relay.account) as client:
        client.send_message(composed)  # smtplib sends 8-bit text, and says nothing of it
    content = wait_for(lambda: [m for m in relay.sink.messages if b"smtplib composed" in m[2]])[0][2]
    received = email.message_from_bytes(content, policy=email.policy.default)
    assert dkim.DKIM(content).verify(0, dnsfunc=relay.dns)
    assert received["From"] == "Tom Påle <%s>" % FROM
    assert received.get_body(("html",)).get_content().splitlines() == ["<p>A text with å</p>"]
    assert list(received.iter_attachments())[0].get_content() == b"\0\1\2" * 1000


@pytest.mark.skipif(os.geteuid() != 0, reason="Postfix is started by root alone")
@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_postfix_with_a_relayhost(relay, mechanism):
    subjects = ["postfix %s %d" % (mechanism, number) for number in range(20)]
    postfix = PostfixClient(relay.port, relay.account["account"], relay.account["password"], mechanism)
    try:
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as client:
            for subject in subjects:
                assert client.sendmail(FROM, TO, text(subject)) == {}
        for subject in subjects:
            arrived(relay, subject)
        wait_for(lambda: postfix.log().count("status=sent (250 2.0.0 queued as ") == 2 * len(subjects))
    finally:
        postfix.stop()
