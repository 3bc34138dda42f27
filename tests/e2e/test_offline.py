"""The queue's files while no daemon runs."""
import json
import os
import subprocess
import urllib.parse

import pytest
from relay import BUILD, wait_for

FROM, TO = "tom@example.com", "alice@rcpt.test"


def sealpost(relay, *words):
    return subprocess.run(
        [str(BUILD / "src/cli/sealpost"), "--config", str(relay.config), *words], capture_output=True, text=True, timeout=60
    )


def queue_some(relay, count):
    relay.sink.answers["alice"] = "450 4.2.1 not now"
    with relay.client(relay.account) as client:
        for number in range(count):
            client.sendmail(FROM, [TO, "bob%d@rcpt.test" % number], "From: %s\r\n\r\nnumber %d\r\n" % (FROM, number))
    wait_for(lambda: len(relay.sink.messages) == count)


def test_export_and_check_without_a_daemon(ready):
    queue_some(ready, 3)
    running = sorted(json.loads(line)["id"] for line in sealpost(ready, "queue", "export").stdout.splitlines())
    owners = {path: path.stat().st_uid for path in (ready.directory / "state/queue").iterdir()}
    ready.stop()
    rows = [json.loads(line) for line in sealpost(ready, "queue", "export", "--json").stdout.splitlines()]
    assert sorted(row["id"] for row in rows) == running and len(rows) == 3
    for row in rows:
        assert row["account"] == "user@domain.com" and row["sender"] == FROM and row["recipient"] == TO
        assert row["state"] in ("deferred", "queued") and row["size"] > 0 and row["next_attempt"]
    assert sealpost(ready, "queue", "export", rows[0]["id"]).stdout.count("\n") == 1
    assert sealpost(ready, "queue", "export", "state=held").stdout == ""
    checked = sealpost(ready, "queue", "check")
    assert checked.returncode == 0 and checked.stdout == "3 messages checked, 0 faults\n", checked
    assert {path: path.stat().st_uid for path in (ready.directory / "state/queue").iterdir()} == owners
    # And the daemon takes it from there.
    del ready.sink.answers["alice"]
    ready.start()
    wait_for(lambda: len([m for m in ready.sink.messages if TO in m[1]]) == 3, 40)


def test_a_flipped_bit_is_found(ready):
    queue_some(ready, 2)
    ready.stop()
    for segment in (ready.directory / "state/queue/journal").iterdir():
        content = segment.read_bytes()
        at = content.find(b"number 1")
        if at >= 0:
            with open(segment, "r+b") as file:
                file.seek(at)
                file.write(b"N")
    checked = sealpost(ready, "queue", "check", "--json")
    told = json.loads(checked.stdout)
    assert checked.returncode == 1 and not told["good"] and len(told["faults"]) == 1, told
    assert "journal is damaged" in told["faults"][0]


NAMED = [("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("GET", "/records"), ("GET", "/check")]
NO_DOMAINS = [
    ("https://example.com/mail", "is example.com meant?"),
    ("tom@example.com", "is example.com meant?"),
    ("192.0.2.1", "the domain ends in a number"),
    ("example..com", "not a domain name: "),
    ("-", "not a domain name: "),
    ("", "the domain is empty"),
]


@pytest.mark.parametrize("given, told", NO_DOMAINS)
def test_what_is_no_domain(given, told):
    """It is refused before anybody is asked, and no keys are made for it."""
    for verb in ("check", "records", "add", "rotate", "show", "remove"):
        command = [str(BUILD / "src/cli/sealpost"), "--socket", "/nonexistent", "domain", verb, given]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        assert done.returncode == 2 and told in done.stderr, (verb, done.stderr)


def test_what_is_no_domain_over_http(ready):
    """The same words."""
    for given, told in NO_DOMAINS:
        name = urllib.parse.quote(given, safe="")
        asked = [("POST", "/v1/domains", {"domain": given})]
        if given and "/" not in given:
            asked += [(method, "/v1/domains/" + name + rest, None) for method, rest in NAMED]
        for method, path, body in asked:
            answer = ready.api(method, path, body)
            assert ready.status == 400 and told in answer["detail"], (method, path, answer)
    assert [row["domain"] for row in ready.api("GET", "/v1/domains")["domains"]] == ["example.com"]


def test_not_beside_a_daemon_that_does_not_answer(ready):
    os.unlink(ready.directory / "run/api.sock")
    beside = sealpost(ready, "queue", "check")
    assert beside.returncode == 3 and "in use by another process" in beside.stderr, beside
