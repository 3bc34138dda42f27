"""The notices of dsn_test.c as another reader of mail sees them: Python's email package, strictly.

usage: dsn_golden_test.py FOLDER
"""

import email
import email.policy
import pathlib
import sys

# name: recipients' (action, status, diagnostic's beginning), and whether the returned header is encoded
EXPECTED = {
    "failure": (
        [
            ("failed", "5.1.1", "smtp; 550-5.1.1 The email"),
            ("failed", "4.4.7", "x-sealpost; The message"),
            ("failed", "5.7.1", "smtp; 554 5.7.1 refused"),
        ],
        False,
    ),
    "delay": ([("delayed", "4.2.0", "smtp; 450 4.2.0 Greylisted")], False),
    "success": ([("delivered", "2.0.0", "smtp; 250 2.0.0 OK"), ("relayed", "2.0.0", None)], False),
    "hostile": ([("failed", "5.6.0", "smtp; 550")], True),
}


def check(name, content):
    recipients, encoded = EXPECTED[name]
    notice = email.message_from_bytes(content, policy=email.policy.default)
    parts = list(notice.iter_parts())
    status = parts[1].get_payload()
    diagnostics = [group["Diagnostic-Code"] for group in status[1:]]

    assert notice.get_content_type() == "multipart/report", "type"
    assert notice.get_param("report-type") == "delivery-status", "report type"
    assert notice["Auto-Submitted"] == "auto-replied", "Auto-Submitted"
    assert [notice.get_all(field) is not None and len(notice.get_all(field)) for field in
            ("From", "To", "Date", "Subject", "Message-ID", "MIME-Version")] == [1] * 6, "one of each"
    assert [part.get_content_type() for part in parts] == [
        "text/plain", "message/delivery-status", "text/rfc822-headers"], "three parts"
    assert len(status) == 1 + len(recipients), "groups of fields"
    assert status[0]["Reporting-MTA"] == "dns; smtp.elastx.email", "Reporting-MTA"
    assert [(group["Action"], group["Status"]) for group in status[1:]] == [
        (action, code) for action, code, _ in recipients], "action and status"
    for got, (_, _, wanted) in zip(diagnostics, recipients):
        assert (got or "").startswith(wanted or ""), got
    assert all(group["Final-Recipient"] for group in status[1:]), "Final-Recipient"
    assert (parts[2]["Content-Transfer-Encoding"] == "quoted-printable") == encoded, "encoding"
    assert not notice.defects and not any(part.defects for part in parts), "defects"


def main():
    folder = pathlib.Path(sys.argv[1])
    for name in EXPECTED:
        check(name, (folder / f"{name}.eml").read_bytes())
        print(f"ok {name}")


main()
