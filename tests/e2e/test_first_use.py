"""What a new user meets who has no daemon, no right, no file: it says what is wrong, where, and what to do."""
import os
import pathlib
import pty
import subprocess
import tempfile

import pytest
from relay import BUILD

DONE, NO, USAGE, UNREACHED, UNTOLD = range(5)
SEALPOST = str(BUILD.resolve() / "src/cli/sealpost")
MESSAGE = b"From: tom@example.com\n\nhello\n"
CONFIG = "service: { name: s, hostname: h.example }\nstate_directory: %s/state\nruntime_directory: %s/run\n"
WRONG = [
    ("queue export", UNREACHED, "cannot read /nonexistent: No such file or directory; --config FILE names another"),
    ("--config {dir}/config queue check", UNREACHED, "no daemon answers, and no queue is found at {dir}/state/queue: No such"),
    ("--config {dir}/config account list", UNREACHED, "Is it running? Another place is named by --config FILE or --socket"),
    ("--config {dir}/config send --account a@b.example --to c@d.example --password-file {dir}/password", UNREACHED, "{dir}/config names no listeners"),
    ("send --account a@b.example --to c@d.example --password-file {dir}/empty", USAGE, "{dir}/empty holds no password"),
    ("send --account a@b.example --to c@d.example --password-file {dir}/nope", USAGE, "cannot read {dir}/nope: No such file"),
    ("send --account a@b.example --to c@d.example --from tom --password-file {dir}/password", USAGE, "--from is an address, not tom"),
    ("send --account a@b.example --to c@d.example --password-file {dir}/password --ca-file {dir}/nope", USAGE, "cannot read {dir}/nope: No such file"),
    ("send --account a --to c@d.example --password-file {dir}/password", USAGE, "--from ADDRESS is needed"),
    ("check dkim {dir}/message", USAGE, "a file comes on standard input: < {dir}/message"),
    ("check token example.com --account a --prefix p --trust-anchor {dir}/message", USAGE, "--trust-anchor FILE goes with --resolver"),
    ("check dkim --resolver 127.0.0.1:9 --trust-anchor {dir}/nope", USAGE, "cannot read {dir}/nope: No such file"),
    ("sign --key {dir}/nope --domain d.example --selector s", USAGE, "cannot read {dir}/nope: No such file"),
    ("domain add example.com --key {dir}/nope --selector s", USAGE, "cannot read {dir}/nope: No such file"),
]


@pytest.fixture
def directory():
    """Where others can walk to."""
    with tempfile.TemporaryDirectory(prefix="sealpost-test-") as name:
        made = pathlib.Path(name)
        made.chmod(0o755)
        (made / "config").write_text(CONFIG % (made, made))
        (made / "empty").write_text("\n")
        (made / "password").write_text("secret\n")
        (made / "message").write_bytes(MESSAGE)
        yield made


def sealpost(directory, line, **how):
    words = line.format(dir=directory).split()
    words = words if "--config" in words else ["--config", "/nonexistent", *words]
    return subprocess.run([SEALPOST, *words], input=MESSAGE, capture_output=True, timeout=60, **how)


@pytest.mark.parametrize("line, code, told", WRONG)
def test_wrong_words(directory, line, code, told):
    for json_too in ("", " --json"):
        done = sealpost(directory, line + json_too)
        assert done.returncode == code and not done.stdout, done
        assert told.format(dir=directory).encode() in done.stderr, done


def test_why_a_token_could_not_be_asked_for(directory):
    line = "check token example.com --account a --prefix p --resolver 127.0.0.1:9"
    assert sealpost(directory, line).stdout.strip().endswith(b"could not be asked for; timed out")
    assert b'"explanation":"timed out"' in sealpost(directory, line + " --json").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_without_the_right_to(directory):
    queue = directory / "state/queue"
    queue.mkdir(parents=True)
    (directory / "state/lock").touch(0o600)
    done = sealpost(directory, "--config {dir}/config queue check", user=65534, group=65534, extra_groups=[])
    assert done.returncode == UNREACHED and b"lock: Permission denied; run this as root\n" in done.stderr, done


def test_who_sits_at_a_terminal_is_told_that_it_waits():
    read, write = pty.openpty()
    waiting = subprocess.Popen([SEALPOST, "check", "dkim"], stdin=write, stderr=subprocess.PIPE)
    try:
        assert waiting.stderr.readline() == b"sealpost: reading the message from standard input (Ctrl-D ends it)\n"
    finally:
        waiting.kill()
        waiting.wait()
        os.close(read)
        os.close(write)
