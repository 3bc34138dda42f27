"""The public test suite of RFC 7208, as python3-spf's package installs it."""
import gzip
import json
import pathlib
import subprocess

import pytest
import yaml
from names import Names
from relay import BUILD

SUITE = pathlib.Path("/usr/share/doc/python3-spf/rfc7208-tests.yml.gz")
pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="the packages' documents are not installed")


def scenarios():
    if SUITE.exists():
        with gzip.open(SUITE) as text:
            yield from yaml.load_all(text, yaml.BaseLoader)


def in_quotes(text):
    octets = text.encode("latin-1" if max(map(ord, text), default=0) < 256 else "utf-8")
    return '"%s"' % "".join("\\%03d" % octet if octet in b'"\\;' or not 32 <= octet < 127 else chr(octet) for octet in octets)


def rows_of(name, listed):
    """The suite's rows of one name: TIMEOUT means that all that is not listed fails; SPF stands for TXT as well."""
    rows = []
    has_text = any(isinstance(row, dict) and "TXT" in row for row in listed)
    for row in listed:
        if row == "TIMEOUT":
            rows.append("SERVFAIL" if len(listed) == 1 else "ELSE SERVFAIL")
            continue
        kind, value = next(iter(row.items()))
        if value == "NONE" or (kind == "SPF" and has_text):
            continue
        kind = "TXT" if kind == "SPF" else kind
        if kind == "TXT":
            value = " ".join(in_quotes(part) for part in ([value] if isinstance(value, str) else value or [""]))
        elif kind == "MX":
            value = "%s %s." % (value[0], value[1].rstrip("."))
        elif kind in ("PTR", "CNAME"):
            value = value.rstrip(".") + "."
        rows.append((kind, value))
    return rows


def check(port, case):
    sender = case["mailfrom"]
    words = ["--ip", case["host"], "--helo", case["helo"], "--from", sender, "--resolver", "127.0.0.1:%d" % port, "--json"]
    shown = subprocess.run([str(BUILD / "src/cli/sealpost"), "check", "spf", *words], capture_output=True, text=True, timeout=60)
    return json.loads(shown.stdout or "{}"), shown


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario["description"].replace(" ", "-"))
def test_suite(scenario):
    server = Names({name: rows_of(name, listed) for name, listed in scenario["zonedata"].items()})
    wrong = []
    for name, case in scenario["tests"].items():
        told, shown = check(server.port, case)
        allowed = case["result"] if isinstance(case["result"], list) else [case["result"]]
        if told.get("result") not in allowed:
            wrong.append((name, case, told, shown.stderr))
        wanted = case.get("explanation")
        if told.get("result") == "fail" and wanted not in (None, "DEFAULT") and told["explanation"] != wanted:
            wrong.append((name, case, told))
    server.stop()
    assert not wrong, "\n\n".join(map(str, wrong))
