"""sealpost sign: the published signatures come out byte for byte, and others take what it signs."""
import base64
import json
import re
import subprocess

import dkim
import pytest
from relay import BUILD
from test_check_dkim import RFC_8463

# RFC 8463 A.1: the two private keys.
ED25519 = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
RSA = """-----BEGIN RSA PRIVATE KEY-----
MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi
Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM
KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB
AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm
6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe
zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy
6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc
uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy
WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd
WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a
licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst
o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe
uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL
-----END RSA PRIVATE KEY-----
"""
# RFC 6376 A.2 with its key (C), as errata 3192 and 4926 have it.
RFC_6376_KEY = """-----BEGIN RSA PRIVATE KEY-----
MIICXwIBAAKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFC
jxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gb
to/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB
AoGBALmn+XwWk7akvkUlqb+dOxyLB9i5VBVfje89Teolwc9YJT36BGN/l4e0l6QX
/1//6DWUTB3KI6wFcm7TWJcxbS0tcKZX7FsJvUz1SbQnkS54DJck1EZO/BLa5ckJ
gAYIaqlA9C0ZwM6i58lLlPadX/rtHb7pWzeNcZHjKrjM461ZAkEA+itss2nRlmyO
n1/5yDyCluST4dQfO8kAB3toSEVc7DeFeDhnC1mZdjASZNvdHS4gbLIA1hUGEF9m
3hKsGUMMPwJBAPW5v/U+AWTADFCS22t72NUurgzeAbzb1HWMqO4y4+9Hpjk5wvL/
eVYizyuce3/fGke7aRYw/ADKygMJdW8H/OcCQQDz5OQb4j2QDpPZc0Nc4QlbvMsj
7p7otWRO5xRa6SzXqqV3+F0VpqvDmshEBkoCydaYwc2o6WQ5EBmExeV8124XAkEA
qZzGsIxVP+sEVRWZmW6KNFSdVUpk3qzK0Tz/WjQMe5z0UunY9Ax9/4PVhp/j61bf
eAYXunajbBSOLlx4D+TunwJBANkPI5S9iylsbLs6NkaMHV6k5ioHBBmgCak95JGX
GMot/L2x0IYyMLAz6oLWh2hm7zwtb0CgOrPo1ke44hFYnfc=
-----END RSA PRIVATE KEY-----
"""
RFC_6376_FIELD = """DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=;
      b=;
"""
RFC_6376 = b"""Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game. Are you hungry yet?

Joe.
"""
RFC_6376_B = (
    "AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHutKVdkLLkpVaVVQPzeRDI"
    "009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV4bmp/YzhwvcubU4="
)
NAMES = "from:to:subject:date:message-id:from:subject:date"
MESSAGE = b"From:" + RFC_8463.split(b"\nFrom:", 1)[1]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    der = bytes.fromhex("302e020100300506032b657004220420") + base64.b64decode(ED25519)
    pem = subprocess.run(["openssl", "pkey", "-inform", "DER"], input=der, capture_output=True, check=True).stdout
    texts = {"ed25519": pem.decode(), "rsa": RSA, "rfc6376": RFC_6376_KEY, "damaged": RSA.replace("M", "N", 1), "template": RFC_6376_FIELD}
    ec = subprocess.run("openssl ecparam -genkey -name prime256v1 -noout".split(), capture_output=True, check=True).stdout
    texts["ec"] = ec.decode()
    texts["sha1"] = RFC_6376_FIELD.replace("sha256", "sha1")
    texts["none"] = "DKIM-Signature: v=1"
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def sign(message, *words):
    return subprocess.run([str(BUILD / "src/cli/sealpost"), "sign", *map(str, words)], input=message, capture_output=True, timeout=30)


def tag(field, name):
    value = re.search(r"(?:^|[;\s])%s=([^;]*)" % name, field.partition(":")[2])[1]
    return re.sub(r"\s", "", value)


@pytest.mark.parametrize("algorithm, selector", [("ed25519", "brisbane"), ("rsa", "test")])
def test_the_signatures_of_rfc_8463(keys, algorithm, selector):
    told = sign(MESSAGE, "--key", keys / algorithm, "--domain", "football.example.com", "--selector", selector, "--time", 1528637909, "--headers", NAMES, "--field")
    assert told.returncode == 0, told.stderr
    published = [field for field in RFC_8463.decode().split("DKIM-Signature:") if "s=%s;" % selector in field][0].partition("\nFrom:")[0]
    assert tag(told.stdout.decode(), "b") == tag("DKIM-Signature:" + published, "b")


def test_the_signature_of_rfc_6376(keys):
    told = sign(RFC_6376, "--key", keys / "rfc6376", "--template", keys / "template")
    assert told.returncode == 0, told.stderr
    field = told.stdout.decode().partition("\nReceived:")[0]
    assert tag(field, "bh") == "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=" and tag(field, "b") == RFC_6376_B
    assert told.stdout.endswith(RFC_6376)


@pytest.mark.parametrize("form", ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed", "simple", "relaxed"])
@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_others_take_it(keys, form, algorithm):
    message = b"From: a@example.com\r\nSubject:  two \t blanks\r\n  and a fold\r\nX: y\r\nX: z\r\n\r\n a  b \r\n\r\n\t\r\n\r\n"
    words = ["--key", keys / algorithm, "--domain", "example.com", "--selector", "s", "--canonicalization", form, "--expire", 3600]
    told = sign(message, *words, *([] if form.startswith("relaxed") else ["--headers", "From:Subject:X:X:X"]))
    assert told.returncode == 0 and told.stdout.endswith(message)
    public = subprocess.run(["openssl", "pkey", "-in", str(keys / algorithm), "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
    key = base64.b64encode(public[-32:] if algorithm == "ed25519" else public)
    record = b"v=DKIM1; k=%s; p=%s" % (algorithm.encode(), key)
    assert dkim.verify(told.stdout, dnsfunc=lambda name, **_: record if name == b"s._domainkey.example.com." else b"")
    assert not dkim.verify(told.stdout.replace(b"fold", b"told"), dnsfunc=lambda name, **_: record)


def test_the_same_time_gives_the_same_bytes_and_names_are_signed_once_more_than_they_are_there(keys):
    words = ["--key", keys / "rsa", "--domain", "example.com", "--selector", "s", "--time", 1]
    first, second = sign(MESSAGE, *words), sign(MESSAGE, *words)
    assert first.stdout == second.stdout and first.stdout != sign(MESSAGE, *words[:-1], 2).stdout
    names = tag(first.stdout.decode().partition("\nFrom:")[0], "h").lower().split(":")
    assert names.count("from") == 2 and names.count("cc") == 1
    told = json.loads(sign(MESSAGE, *words, "--json").stdout)
    assert told["body_hash"] == "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=" and told["field"].startswith("DKIM-Signature: v=1; a=rsa-sha256;")


@pytest.mark.parametrize(
    "words, said",
    [
        ("--domain d.test --selector s", "--key FILE is needed"),
        ("--key {keys}/absent --domain d.test --selector s", "cannot read {keys}/absent: No such file"),
        ("--key {keys}/damaged --domain d.test --selector s", "not a private key in PEM form"),
        ("--key {keys}/ec --domain d.test --selector s", "neither RSA nor Ed25519"),
        ("--key {keys}/rsa --domain d.test", "--domain DOMAIN and --selector NAME are needed"),
        ("--key {keys}/rsa --domain d..test --selector s", "d= is not a domain name"),
        ("--key {keys}/rsa --domain d.test --selector s --identity @other.test", "i= is not within d="),
        ("--key {keys}/rsa --domain d.test --selector s --headers To:Date", "From is not signed"),
        ("--key {keys}/rsa --domain d.test --selector s --canonicalization strict", "c= is not simple or relaxed"),
        ("--key {keys}/rsa --domain d.test --selector s --time now", "--time is a number of seconds, not now"),
        ("--key {keys}/rsa --template {keys}/none", "no list of tag=value with v, a, b, bh, d, h and s"),
        ("--key {keys}/rsa --template {keys}/sha1", "SHA-1 is not for signing any more"),
        ("--key {keys}/ed25519 --template {keys}/template", "not for the algorithm that a= names"),
    ],
)
def test_what_is_wrong_is_said(keys, words, said):
    told = sign(MESSAGE, *words.format(keys=keys).split())
    assert told.returncode == 2 and said.format(keys=keys) in told.stderr.decode() and not told.stdout, told
