"""Broken set-ups: pasting exactly what the doctor printed makes each domain ready."""
import base64
import difflib
import hashlib
import pathlib
import re
import subprocess

import pytest
from names import Names
from relay import BUILD, Relay

ACCOUNT = "user@domain.com"
TOKEN = "elastx-mrs=" + hashlib.sha256(ACCOUNT.encode()).hexdigest()
SPF = "v=spf1 include:elastx.email -all"
DMARC = "v=DMARC1; p=none"


def token_of(text):
    return "elastx-mrs=" + hashlib.sha256(text.encode()).hexdigest()


def txt(*strings):
    return ("TXT", " ".join('"%s"' % string.replace("\\", "\\\\").replace('"', '\\"') for string in strings))


def key_of(good, change):
    """The DKIM record's value with its p= changed."""
    before, p = good.split("p=")
    return before + "p=" + change(p)


# name: what is changed in the records of a domain that is ready. {name: rows}; D stands for the domain, KEY for the key's record.
SET_UPS = {
    "nothing at all": lambda d, key: {},
    "all but the token": lambda d, key: without(d, key, "token"),
    "all but SPF": lambda d, key: without(d, key, "spf"),
    "all but DKIM": lambda d, key: without(d, key, "dkim"),
    "all but DMARC": lambda d, key: without(d, key, "dmarc"),
    "a token of the name with a newline": lambda d, key: with_token(d, key, token_of(ACCOUNT + "\n")),
    "a token of a sender address": lambda d, key: with_token(d, key, token_of("info@" + d)),
    "a token of another spelling": lambda d, key: with_token(d, key, token_of(ACCOUNT.upper())),
    "a token of another account": lambda d, key: with_token(d, key, token_of("other@domain.com")),
    "a token in quotes": lambda d, key: with_token(d, key, '"%s"' % TOKEN),
    "a token cut short": lambda d, key: with_token(d, key, TOKEN[:-4]),
    "a token without its prefix": lambda d, key: with_token(d, key, TOKEN.partition("=")[2]),
    "the token at the doubled name": lambda d, key: {**without(d, key, "token"), "%s.%s" % (d, d): [txt(TOKEN)]},
    "the token at www": lambda d, key: {**without(d, key, "token"), "www." + d: [txt(TOKEN)]},
    "SPF of another service": lambda d, key: with_spf(d, key, "v=spf1 include:_spf.google.com -all"),
    "SPF with the include behind all": lambda d, key: with_spf(d, key, "v=spf1 -all include:elastx.email"),
    "SPF with the include negated": lambda d, key: with_spf(d, key, "v=spf1 -include:elastx.email ~all"),
    "two SPF records": lambda d, key: with_spf(d, key, "v=spf1 include:_spf.google.com -all", SPF),
    "two SPF records of others": lambda d, key: with_spf(d, key, "v=spf1 ip4:192.0.2.7 -all", "v=spf1 a mx ~all"),
    "SPF misspelt": lambda d, key: with_spf(d, key, "v=spf1 inclde:elastx.email -all"),
    "SPF that ends in a redirect": lambda d, key: with_spf(d, key, "v=spf1 redirect=_spf.google.com"),
    "SPF with an address misspelt": lambda d, key: with_spf(d, key, "v=spf1 ipv4:192.0.2.7 -all"),
    "SPF with ten includes": lambda d, key: with_spf(d, key, "v=spf1 %s -all" % " ".join("include:_s%d.google.com" % n for n in range(10))),
    "SPF without an all": lambda d, key: with_spf(d, key, "v=spf1 ip4:192.0.2.7"),
    "DKIM cut at 255": lambda d, key: with_key(d, key, key[:255]),
    "DKIM without its first part": lambda d, key: with_key(d, key, key[255:]),
    "DKIM with a part doubled": lambda d, key: with_key(d, key, key + key[255:]),
    "DKIM in quotes": lambda d, key: with_key(d, key, '"%s"' % key),
    "DKIM with stray quotes between its parts": lambda d, key: with_key(d, key, key[:255] + '" "' + key[255:]),
    "DKIM with its parts in the wrong order": lambda d, key: with_key(d, key, key[255:] + key[:255]),
    "DKIM with backslashes": lambda d, key: with_key(d, key, key.replace(";", "\\;")),
    "DKIM of another key": lambda d, key: with_key(d, key, key_of(key, lambda p: p[:100] + ("A" if p[100] != "A" else "B") + p[101:])),
    "DKIM revoked": lambda d, key: with_key(d, key, "v=DKIM1; k=rsa; p="),
    "DKIM not for mail": lambda d, key: with_key(d, key, key.replace("k=rsa", "k=rsa; s=other")),
    "DKIM not for SHA-256": lambda d, key: with_key(d, key, key.replace("k=rsa", "k=rsa; h=sha1")),
    "DKIM behind an alias of another service": lambda d, key: {**without(d, key, "dkim"), "elastx._domainkey." + d: [("CNAME", "key.google.com.")]},
    "DKIM at the doubled name": lambda d, key: {**without(d, key, "dkim"), "elastx._domainkey.%s.%s" % (d, d): [txt(key[:255], key[255:])]},
    "DKIM without _domainkey": lambda d, key: {**without(d, key, "dkim"), "elastx." + d: [txt(key[:255], key[255:])]},
    "DMARC misspelt": lambda d, key: with_dmarc(d, key, "v=DMARC; p=none"),
    "DMARC with an unknown policy": lambda d, key: with_dmarc(d, key, "v=DMARC1; p=rejekt"),
    "two DMARC records": lambda d, key: with_dmarc(d, key, DMARC, "v=DMARC1; p=reject"),
    "DMARC at the domain itself": lambda d, key: {**without(d, key, "dmarc"), d: [txt(TOKEN), txt(SPF), txt(DMARC)]},
    "DMARC at the doubled name": lambda d, key: {**without(d, key, "dmarc"), "_dmarc.%s.%s" % (d, d): [txt(DMARC)]},
    "the token with the word in capitals": lambda d, key: with_token(d, key, TOKEN.replace("elastx-mrs", "Elastx-MRS")),
    "the token with another word": lambda d, key: with_token(d, key, TOKEN.replace("elastx-mrs", "elastx_mrs")),
    "the token with a colon": lambda d, key: with_token(d, key, TOKEN.replace("=", ":")),
    "the token with blanks around its sign": lambda d, key: with_token(d, key, TOKEN.replace("=", " = ")),
    "the token in typographic quotes": lambda d, key: with_token(d, key, "\u201c%s\u201d" % TOKEN),
    "the token in single quotes": lambda d, key: with_token(d, key, "'%s'" % TOKEN),
    "the token with what sha256sum adds": lambda d, key: with_token(d, key, TOKEN + "  -"),
    "the command for the token": lambda d, key: with_token(d, key, 'elastx-mrs=$(echo -n "%s" | sha256sum)' % ACCOUNT),
    "a token of a name with capitals": lambda d, key: with_token(d, key, token_of("User@Domain.com")),
    "a token by an echo that prints -n": lambda d, key: with_token(d, key, token_of("-n %s\n" % ACCOUNT)),
    "the token in base64": lambda d, key: with_token(d, key, "elastx-mrs=" + base64.b64encode(bytes.fromhex(TOKEN[11:])).decode()),
    "the token and SPF in one record": lambda d, key: {**good(d, key), d: [txt(TOKEN + " " + SPF)]},
    "the token and SPF as strings of one record": lambda d, key: {**good(d, key), d: [txt(SPF, TOKEN)]},
    "the token at _dmarc": lambda d, key: {**without(d, key, "token"), "_dmarc." + d: [txt(DMARC), txt(TOKEN)]},
    "the token at a name made of its word": lambda d, key: {**without(d, key, "token"), "elastx-mrs." + d: [txt(TOKEN[11:])]},
    "the token at a wildcard": lambda d, key: {**without(d, key, "token"), "*." + d: [txt(TOKEN)]},
    "SPF with a semicolon": lambda d, key: with_spf(d, key, "v=spf1; include:elastx.email -all"),
    "SPF with commas": lambda d, key: with_spf(d, key, "v=spf1 include:_spf.google.com,elastx.email, -all"),
    "SPF without a blank": lambda d, key: with_spf(d, key, "v=spf1include:elastx.email -all"),
    "SPF indented": lambda d, key: with_spf(d, key, " " + SPF),
    "SPF in quotes": lambda d, key: with_spf(d, key, '"%s"' % SPF),
    "SPF in typographic quotes": lambda d, key: with_spf(d, key, "\u201c%s\u201d" % SPF),
    "SPF with its type before it": lambda d, key: with_spf(d, key, "TXT " + SPF),
    "SPF without its 1": lambda d, key: with_spf(d, key, "v=spf include:elastx.email -all"),
    "SPF of strings without a blank between": lambda d, key: {**good(d, key), d: [txt(TOKEN), txt("v=spf1 include:_spf.google.com", "include:elastx.email -all")]},
    "SPF with a long dash": lambda d, key: with_spf(d, key, "v=spf1 include:elastx.email \u2013all"),
    "SPF with a blank before all": lambda d, key: with_spf(d, key, "v=spf1 include:elastx.email - all"),
    "SPF with a blank in the include": lambda d, key: with_spf(d, key, "v=spf1 include: elastx.email -all"),
    "SPF with another spelling of the include": lambda d, key: with_spf(d, key, "v=spf1 include:elastx.mail -all"),
    "SPF with a web address": lambda d, key: with_spf(d, key, "v=spf1 include:https://elastx.email -all"),
    "SPF with our addresses in place of the include": lambda d, key: with_spf(d, key, "v=spf1 a:elastx.email -all"),
    "SPF with +all": lambda d, key: with_spf(d, key, "v=spf1 +all"),
    "SPF of more than 255 octets": lambda d, key: {**good(d, key), d: [txt(TOKEN), txt("v=spf1 " + "ip4:198.51.100.1 " * 14, "ip4:198.51.100.2 " * 14 + "~all")]},
    "SPF of the type SPF": lambda d, key: {**without(d, key, "spf"), d: [txt(TOKEN), ("SPF", '"%s"' % SPF)]},
    "SPF at www": lambda d, key: {**without(d, key, "spf"), "www." + d: [txt(SPF)]},
    "three SPF records": lambda d, key: with_spf(d, key, "v=spf1 a ~all", SPF, "v=spf1 mx -all"),
    "DKIM as a key file": lambda d, key: with_key(d, key, "-----BEGIN PUBLIC KEY-----%s-----END PUBLIC KEY-----" % key.split("p=")[1]),
    "DKIM without v, k and p": lambda d, key: with_key(d, key, key.split("p=")[1]),
    "DKIM with v in small letters": lambda d, key: with_key(d, key, key.replace("DKIM1", "dkim1")),
    "DKIM with v last": lambda d, key: with_key(d, key, key.replace("v=DKIM1; ", "") + "; v=DKIM1"),
    "DKIM with commas": lambda d, key: with_key(d, key, key.replace(";", ",")),
    "DKIM in small letters": lambda d, key: with_key(d, key, key.lower()),
    "DKIM with its name in the value": lambda d, key: with_key(d, key, "elastx._domainkey IN TXT " + key),
    "DKIM in two records": lambda d, key: {**good(d, key), "elastx._domainkey." + d: [txt(key[:255]), txt(key[255:])]},
    "DKIM beside another key": lambda d, key: {**without(d, key, "dmarc"), "elastx._domainkey." + d: [txt(key[:255], key[255:]), txt("v=DKIM1; k=rsa; p=")]},
    "DKIM at another selector": lambda d, key: {**without(d, key, "dkim"), "default._domainkey." + d: [txt(key[:255], key[255:])]},
    "DKIM at the domain itself": lambda d, key: {**good(d, key), "elastx._domainkey." + d: [], d: [txt(TOKEN), txt(SPF), txt(key[:255], key[255:])]},
    "DKIM behind an alias that leads nowhere": lambda d, key: {**without(d, key, "dkim"), "elastx._domainkey." + d: [("CNAME", "nowhere.test.")]},
    "DKIM: SPF pasted there": lambda d, key: {**without(d, key, "dkim"), "elastx._domainkey." + d: [txt(SPF)]},
    "DMARC in small letters": lambda d, key: with_dmarc(d, key, "v=dmarc1; p=reject"),
    "DMARC without v": lambda d, key: with_dmarc(d, key, "p=reject"),
    "DMARC with v last": lambda d, key: with_dmarc(d, key, "p=reject; v=DMARC1"),
    "DMARC with commas": lambda d, key: with_dmarc(d, key, "v=DMARC1, p=reject"),
    "DMARC in quotes": lambda d, key: with_dmarc(d, key, '"v=DMARC1; p=reject"'),
    "DMARC with backslashes": lambda d, key: with_dmarc(d, key, "v=DMARC1\\; p=reject\\; rua=mailto:a@example.com"),
    "DMARC without its underscore": lambda d, key: {**without(d, key, "dmarc"), "dmarc." + d: [txt(DMARC)]},
    "three DMARC records": lambda d, key: with_dmarc(d, key, DMARC, "v=DMARC1; p=reject", "v=DMARC1; p=quarantine"),
    "all of them at www": lambda d, key: {name.replace(d, "www." + d): rows for name, rows in good(d, key).items()},
    "all of them at doubled names": lambda d, key: {name + "." + d: rows for name, rows in good(d, key).items()},
    "a domain that is an alias": lambda d, key: {**good(d, key), d: [("CNAME", "web-%s." % d)], "web-" + d: [txt(TOKEN), txt(SPF)]},
    "a domain with nothing but addresses": lambda d, key: {d: [("A", "192.0.2.1")]},
    "a wildcard of something else": lambda d, key: {d: [txt(TOKEN), txt(SPF)], "*." + d: [txt("hello")]},
    "a wildcard that answers for all": lambda d, key: {d: [txt(TOKEN), txt(SPF)], "*." + d: [txt("v=spf1 -all")]},
}


def good(d, key):
    return {d: [txt(TOKEN), txt(SPF)], "elastx._domainkey." + d: [txt(key[:255], key[255:])], "_dmarc." + d: [txt(DMARC)]}


def without(d, key, purpose):
    rows = good(d, key)
    if purpose in ("token", "spf"):
        rows[d] = [row for row in rows[d] if ("spf1" in row[1]) == (purpose == "token")]
    else:
        del rows["elastx._domainkey." + d if purpose == "dkim" else "_dmarc." + d]
    return rows


def with_token(d, key, value):
    return {**good(d, key), d: [txt(value), txt(SPF)]}


def with_spf(d, key, *values):
    return {**good(d, key), d: [txt(TOKEN), *map(txt, values)]}


def with_key(d, key, value):
    parts = [value[at : at + 255] for at in range(0, len(value), 255)]
    return {**good(d, key), "elastx._domainkey." + d: [txt(*parts)]}


def with_dmarc(d, key, *values):
    return {**good(d, key), "_dmarc." + d: list(map(txt, values))}


# ---- the customer, who reads and pastes


def doctor(relay, domain):
    told = subprocess.run(
        [str(BUILD / "src/cli/sealpost"), "--config", str(relay.config), "domain", "check", domain, "--account", ACCOUNT],
        capture_output=True, text=True, timeout=60,
    )
    return told.returncode, told.stdout


def paste(records, text):
    """A line `publish NAME TXT "..."` is added; `replace with NAME TXT "..."` takes the place of what is shown as seen at
    that name above it."""
    seen = []
    for line in text.splitlines():
        if not line.startswith(" "):
            seen = []
            continue
        word, rest = re.fullmatch(r" +(seen|publish|replace with|in zone files|remove|expected) +(.*)", line).groups()
        if word == "seen":
            seen.append(rest)
        if word == "remove":
            name, kind, target = rest.split()
            records[name].remove((kind, target + "."))
        found = re.fullmatch(r'(\S+) TXT ((?:"[^"]*" ?)+)', rest)
        if word in ("publish", "replace with") and found:
            name, value = found[1], "".join(re.findall(r'"([^"]*)"', found[2]))
            rows = records.setdefault(name, [])
            if word == "replace with":
                rows[:] = [row for row in rows if joined(row) not in seen]
            parts = [value[at : at + 255] for at in range(0, len(value), 255)]
            rows.append(txt(*parts))
        if word == "in zone files":
            assert rest == "%s. IN TXT %s" % (name, rows[-1][1]), rest


def joined(row):
    return "".join(part.replace('\\"', '"').replace("\\\\", "\\") for part in re.findall(r'"((?:[^"\\]|\\.)*)"', row[1]))


@pytest.fixture(scope="module")
def told():
    """What the doctor says of all of them, before and after what it printed was pasted: {set-up: (code, text)}."""
    names = Names({"elastx.email": [txt("v=spf1 ip4:192.0.2.10 -all")], "_spf.google.com": [txt("v=spf1 ip4:198.51.100.0/24 -all")]})
    names.publish({"_s%d.google.com" % number: [txt("v=spf1 ip4:198.51.100.%d -all" % number)] for number in range(10)})
    names.publish({"key.google.com": [txt("v=DKIM1; k=rsa; p=")]})
    relay = Relay(dns='resolvers: [ "127.0.0.1:%d" ]' % names.port)
    domains = {set_up: "d%d.test" % number for number, set_up in enumerate(SET_UPS)}
    try:
        relay.start()
        relay.add_account(ACCOUNT)
        before, after = {}, {}
        for set_up, domain in domains.items():
            relay.api("POST", "/v1/domains", {"domain": domain})
            key = [record for record in relay.records_of(domain, ACCOUNT) if record["purpose"] == "dkim"][0]["value"]
            records = SET_UPS[set_up](domain, key)
            names.publish(records)
            before[set_up] = doctor(relay, domain)
            paste(records, before[set_up][1])
            names.publish(records)
            after[set_up] = doctor(relay, domain)
        yield before, after
    finally:
        relay.close()
        names.stop()


@pytest.mark.parametrize("set_up", SET_UPS)
def test_pasting_what_is_printed_makes_it_ready(told, set_up):
    before, after = told
    assert before[set_up][0] == 1, before[set_up][1]
    assert after[set_up][0] == 0, before[set_up][1] + after[set_up][1]


def test_the_text_is_what_a_person_has_read(told):
    """With example.com for the domain, and keys cut."""
    golden = pathlib.Path(__file__).parent / "doctor.golden"
    lines = []
    for number, set_up in enumerate(SET_UPS):
        text = told[0][set_up][1].replace("d%d.test" % number, "example.com").replace(TOKEN, "elastx-mrs=TOKEN")
        text = re.sub(r"[A-Za-z0-9+/=]{60,}", "BASE64", text)
        told_lines = [line for line in text.splitlines() if not re.match(r"\w+ +pass ", line)]
        seen = iter(sorted(line for line in told_lines if line.startswith("    seen ")))  # else a key's bytes decide
        lines += ["=== " + set_up, *[next(seen) if line.startswith("    seen ") else line for line in told_lines], ""]
    said = "\n".join(lines)
    wanted = golden.read_text() if golden.exists() else ""
    if said != wanted:
        golden.with_suffix(".said").write_text(said)
    assert said == wanted, "\n".join(difflib.unified_diff(wanted.splitlines(), said.splitlines(), lineterm=""))
