"""A restart under load: with the listening socket passed on nobody is turned away, and nothing that was taken is lost."""
import contextlib
import os
import signal
import smtplib
import socket
import tempfile
import threading

import pytest
from relay import wait_for
from test_offline import sealpost
from test_systemd import start_with_sockets

FROM, TO = "tom@example.com", "alice@rcpt.test"


class Client(threading.Thread):
    """Connects, sends three messages, and again; notes what was answered with 250, and who was not answered at all."""

    def __init__(self, relay, account, name):
        super().__init__(daemon=True)
        self.relay, self.account, self.word = relay, account, name
        self.taken, self.turned_away, self.interrupted = [], [], 0
        self.ends = threading.Event()
        self.number = 0

    def run(self):
        while not self.ends.is_set():
            try:
                with self.relay.client(self.account) as client:
                    for _ in range(3):
                        self.send(client)
            except ConnectionRefusedError as refused:
                self.turned_away.append(refused)
            except TimeoutError as late:
                self.turned_away.append(late)
            except (smtplib.SMTPException, OSError):
                self.interrupted += 1  # 421, or the end of the connection: it tries again

    def send(self, client):
        self.number += 1
        subject = "%s-%d" % (self.word, self.number)
        client.sendmail(FROM, [TO], "From: %s\r\nSubject: %s\r\n\r\ntext\r\n" % (FROM, subject))
        self.taken.append(subject)


def arrived(relay):
    subjects = set()
    for _, _, content in list(relay.sink.messages):
        subjects.update(line.split(b" ")[1].decode() for line in content.split(b"\r\n") if line.startswith(b"Subject: "))
    return subjects


@pytest.mark.parametrize("is_passed_on", [True, False])
def test_a_restart_under_load(ready, is_passed_on):
    """Without a socket from outside some are turned away meanwhile: else the test would see nothing."""
    ready.stop()
    clients = [Client(ready, ready.account, "client%d" % number) for number in range(4)]

    def taken():
        return sum(len(client.taken) for client in clients)

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as at_end:
        notify = at_end.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        notify.bind(folder + "/notify")
        if is_passed_on:
            listener = at_end.enter_context(socket.create_server(("127.0.0.1", ready.port), backlog=128))

        def start():
            if is_passed_on:
                start_with_sockets(ready, listener, notify)
            else:
                ready.start()

        start()
        for client in clients:
            client.start()
        for _ in range(2):
            before = taken()
            wait_for(lambda: taken() >= before + 20)
            ready.process.send_signal(signal.SIGTERM)
            ready.process.wait(15)  # sessions and deliveries under way have 10 s
            start()
        before = taken()
        wait_for(lambda: taken() >= before + 20)
        for client in clients:
            client.ends.set()
        for client in clients:
            client.join(60)
        assert not any(client.is_alive() for client in clients)
        assert is_passed_on == (not any(client.turned_away for client in clients))
        assert sum(client.interrupted for client in clients) > 0  # the restarts did meet them
        wanted = {subject for client in clients for subject in client.taken}
        wait_for(lambda: wanted <= arrived(ready), 30)


def test_a_daemon_that_runs_finds_a_flipped_bit(ready):
    ready.sink.answers["alice"] = "450 4.2.1 not now"
    with ready.client(ready.account) as client:
        for number in range(3):
            client.sendmail(FROM, [TO], "From: %s\r\n\r\nnumber %d\r\n" % (FROM, number))
    ready.event("deferred", recipient=TO)
    sound = sealpost(ready, "queue", "check")
    assert sound.returncode == 0 and sound.stdout == "3 messages checked, 0 faults\n", sound
    first = ready.api("GET", "/v1/queue/check")
    beyond = ready.api("GET", "/v1/queue/check?cursor=" + first["cursor"])
    assert first["done"] and beyond["done"] and beyond["checked"] == 3, beyond
    for segment in (ready.directory / "state/queue/journal").iterdir():
        at = segment.read_bytes().find(b"number 1")
        if at >= 0:
            with open(segment, "r+b") as file:
                file.seek(at)
                file.write(b"N")
                os.fsync(file.fileno())
    damaged = sealpost(ready, "queue", "check")
    assert damaged.returncode == 1 and "3 messages checked, 1 fault" in damaged.stdout and "journal is damaged" in damaged.stdout, damaged
    # The others go their way.
    del ready.sink.answers["alice"]
    ready.api("POST", "/v1/queue/actions", {"action": "retry", "account": ready.account["account"]})
    wait_for(lambda: len(ready.sink.messages) >= 2)
