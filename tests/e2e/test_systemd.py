"""What systemd gives and wants: sockets that are passed on, and word that the service is ready."""
import os
import signal
import socket
import subprocess
import tempfile

from relay import BUILD, Relay, wait_for


def start_with_sockets(relay, listener, notify):
    """As systemd does: the socket is descriptor 3, LISTEN_PID the process that takes it."""

    def pass_on():
        os.dup2(listener.fileno(), 3, inheritable=True)
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.environ["LISTEN_FDS"] = "1"
        os.environ["NOTIFY_SOCKET"] = notify.getsockname()
        os.execv(BUILD / "src/rooms/sealpostd", ["sealpostd", "--config", str(relay.config)])

    with open(relay.log, "ab") as log:
        relay.process = subprocess.Popen(["true"], stderr=log, preexec_fn=pass_on, close_fds=False)


def heard(notify):
    notify.settimeout(60)
    return notify.recv(4096).decode()


def test_listeners_outlive_the_daemon_and_ready_is_told():
    relay = Relay()
    try:
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(folder + "/notify")
            with socket.create_server(("127.0.0.1", relay.port)) as listener:
                start_with_sockets(relay, listener, notify)
                assert "READY=1" in heard(notify)
                with relay.client() as client:
                    assert client.noop()[0] == 250
                relay.process.send_signal(signal.SIGHUP)
                assert "RELOADING=1" in heard(notify)
                assert "READY=1" in heard(notify)
                relay.process.terminate()
                assert "STOPPING=1" in heard(notify)
                relay.process.wait(30)
                # Whoever connects meanwhile waits, and is served by the next one.
                waiting = socket.create_connection(("127.0.0.1", relay.port))
                start_with_sockets(relay, listener, notify)
                waiting.settimeout(60)
                assert waiting.recv(4096).startswith(b"220 smtp.elastx.email")
                waiting.close()
                for pid in wait_for(lambda: len(relay.rooms()) == 6 and relay.rooms()).values():
                    if pid == relay.rooms()["submission", 0]:
                        continue
                    names = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
                    assert "socket:[%d]" % os.fstat(listener.fileno()).st_ino not in names
    finally:
        relay.close()
