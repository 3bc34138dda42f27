"""What `sealpost` answers to words that are wrong, and how it ends."""
import json
import re
import subprocess

from relay import BUILD, wait_for

UNKNOWN = "01m8ger6xkg5dcq9x48w6j2m40"

DONE, NO, USAGE, UNREACHED = 0, 1, 2, 3
WRONG = [
    ("account show", USAGE, "an argument is missing"),
    ("account show ''", USAGE, "an argument is empty"),
    ("account show nobody@here.test", NO, "there is no account nobody@here.test"),
    ("account add 'two words'", USAGE, "without blanks"),
    ("account add user@domain.com", NO, "there is such an account already"),
    ("account show a%41", NO, "there is no account a%41"),
    ("account set user@domain.com rate=abc", USAGE, "rate: expected recipients a second"),
    ("account set user@domain.com colour=red", USAGE, "unknown setting"),
    ("account set user@domain.com rate", USAGE, "not KEY=VALUE"),
    ("account set nobody@here.test rate=1/s", NO, "there is no such account"),
    ("domain show nowhere.test", NO, "not known here"),
    ("queue list state=waiting", USAGE, "state is queued, deferred, held or leased"),
    ("queue export state=waiting", USAGE, "state is queued, deferred, held or leased"),
    ("queue list id=01", USAGE, "not a queue id: 01"),
    ("queue show 01", USAGE, "not a queue id: 01"),
    ("queue show " + UNKNOWN, NO, "sealpost trace " + UNKNOWN),
    ("queue hold", USAGE, "say which recipients by filters, or --all"),
    ("queue hold --all account=x", USAGE, "say which recipients by filters, or --all"),
    ("queue retry account=x --reason r", USAGE, "queue retry has no option --reason"),
    ("queue cancel account=x", NO, "no mail in the queue is meant by that"),
    ("trace 01", USAGE, "not a queue id: 01"),
    ("trace ''", USAGE, "an argument is empty"),
    ("trace " + UNKNOWN, NO, "no message with the id " + UNKNOWN),
    ("messages show " + UNKNOWN, NO, "no message with the id " + UNKNOWN),
    ("messages search " + UNKNOWN, USAGE, "sealpost trace " + UNKNOWN),
    ("messages search since=2x", USAGE, "such as 30m, 2h or 7d"),
    ("messages search since=2026-11-23T99:00:00Z", USAGE, "since is a time such as"),
    ("messages search fate=bounced", USAGE, "fate=bounced is no filter; there are account="),
    ("--socket /nonexistent queue summary", UNREACHED, "Is it running?"),
]


def sealpost(relay, line):
    words = [first or second for first, second in re.findall(r"'([^']*)'|(\S+)", line)]
    return subprocess.run(
        [str(BUILD / "src/cli/sealpost"), "--config", str(relay.config), *words], capture_output=True, text=True, timeout=60
    )


def test_wrong_words(ready):
    for line, code, told in WRONG:
        for json_too in ("", " --json"):
            done = sealpost(ready, line + json_too)
            assert done.returncode == code and told in done.stderr and not done.stdout, (line, done)


def test_a_configuration_that_is_wrong_is_no_usage(ready):
    good = ready.config.read_text()
    ready.config.write_text(good + "nonsense: 1\n")
    told = sealpost(ready, "--socket %s service reload" % (ready.directory / "run/api.sock"))
    assert told.returncode == NO and "nonsense" in told.stderr, told
    ready.config.write_text(good)
    assert sealpost(ready, "service reload").returncode == DONE


def test_the_configuration_as_json_is_one(ready):
    shown = json.loads(sealpost(ready, "config show --json").stdout)
    assert shown["service"]["hostname"] == "smtp.elastx.email" and shown["queue"]["retry"]["first"] == "1s", shown
    before = sealpost(ready, "config show").stdout
    ready.config.write_text(json.dumps(shown))
    assert sealpost(ready, "config show").stdout == before


def test_times_are_short_for_people_and_exact_for_programs(ready):
    ready.try_send(ready.account, "tom@example.com")
    ready.event("delivered")
    shown = sealpost(ready, "account list").stdout
    assert re.search(r" \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", shown, re.M), shown
    told = json.loads(sealpost(ready, "account list --json").stdout)["accounts"][0]["last_login"]
    assert re.fullmatch(r"[-\dT:]+\.\d{6}Z", told), told


def test_a_search_tells_the_reason(ready):
    """As the queue's list does: what was given with --reason, or else the last reply."""
    ready.sink.answers["alice"] = "450 4.2.1 not now"
    ready.sink.answers["bob"] = "550 5.1.1 nobody of that name"
    with ready.client(ready.account) as client:
        client.sendmail("tom@example.com", ["alice@rcpt.test", "bob@rcpt.test"], "From: tom@example.com\r\n\r\nhi\r\n")
    ready.event("bounced")
    ready.event("deferred")
    cancelled = sealpost(ready, "queue cancel recipient=alice@rcpt.test --reason 'not wanted'")
    assert cancelled.returncode == DONE, cancelled
    search = lambda: json.loads(sealpost(ready, "messages search --json sender=tom@example.com").stdout)["messages"]
    rows = {row["recipient"]: row for row in wait_for(lambda: len(search()) == 2 and search())}
    assert rows["alice@rcpt.test"]["reason"] == "not wanted" and rows["alice@rcpt.test"]["code"] == 450, rows
    assert "reason" not in rows["bob@rcpt.test"] and rows["bob@rcpt.test"]["class"] == "bad-mailbox", rows
    shown = sealpost(ready, "messages search sender=tom@example.com").stdout
    assert re.search(r"alice@rcpt.test +cancelled +not wanted$", shown, re.M), shown
    assert re.search(r"bob@rcpt.test +bounced +.*nobody of that name", shown), shown
