"""A customer looks on while the records arrive."""
import subprocess

from relay import BUILD, wait_for


def test_another_mistake_is_told(relay):
    """The state stays what it was, and still something has changed."""
    account = relay.add_account()["account"]
    command = [str(BUILD / "src/cli/sealpost"), "--config", str(relay.config), "domain", "check", "example.com"]
    watch = subprocess.Popen([*command, "--account", account, "--watch"], stdout=subprocess.PIPE, text=True)
    try:
        lines = iter(watch.stdout.readline, "")
        assert any("there is no token of this service" in line for line in lines)
        relay.zones["example.com"].append('@ TXT "elastx-mrs=%s"' % ("0" * 64))
        relay.reload()
        assert any("it is the token of another user account" in line for line in lines)
    finally:
        watch.kill()
        watch.wait()


def test_it_goes_on_when_the_api_is_restarted(relay):
    account = relay.add_account()["account"]
    files = [relay.directory / "shown", relay.directory / "told"]
    with open(files[0], "wb") as shown, open(files[1], "wb") as told:
        command = [str(BUILD / "src/cli/sealpost"), "--config", str(relay.config), "domain", "check", "example.com"]
        watch = subprocess.Popen([*command, "--account", account, "--watch"], stdout=shown, stderr=told)
    try:
        wait_for(lambda: "not ready" in files[0].read_text())
        hidden = relay.directory / "run/hidden"
        (relay.directory / "run/api.sock").rename(hidden)
        relay.kill("api")
        wait_for(lambda: "Asking again for 60 s" in files[1].read_text())
        hidden.rename(relay.directory / "run/api.sock")
        relay.publish("example.com", account)
        assert watch.wait(60) == 0
    finally:
        watch.kill()
        watch.wait()
    assert files[1].read_text().count("Asking again") == 1


def test_it_ends_when_the_domain_is_ready(relay):
    account = relay.add_account()["account"]
    with open(relay.directory / "watched", "wb") as told:
        watch = subprocess.Popen(
            [str(BUILD / "src/cli/sealpost"), "--config", str(relay.config), "domain", "check", "example.com"]
            + ["--account", account, "--watch"],
            stdout=told,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(lambda: "not ready" in (relay.directory / "watched").read_text())
        relay.publish("example.com", account)
        assert watch.wait(60) == 0
    finally:
        watch.kill()
        watch.wait()
    lines = (relay.directory / "watched").read_text().splitlines()
    ends = [line for line in lines if line.startswith("example.com for ")]
    assert len(ends) >= 2 and ends[0].endswith("not ready"), lines  # said again only when something has changed
    assert ends[-1] == "example.com for user@domain.com: ready" and "\r" not in "".join(lines)
