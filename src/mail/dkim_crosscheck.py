"""Our seals as other programs see them: dkimpy verifies them.

usage: dkim_crosscheck.py PROGRAM

PROGRAM (dkim_crosscheck.c) seals each message below, with RSA and with Ed25519, its body hashed in pieces of several
sizes. Every seal must verify; after a change of a signed field or of the body it must not, and neither must one that
somebody added another From: to.
"""

import random
import subprocess
import sys

import dkim

PLAIN = b"From: Anna <anna@example.com>\r\nTo: bob@example.net\r\nSubject: hello\r\n\r\nHello Bob.\r\n"
MESSAGES = {
    "plain": PLAIN,
    "no body": b"From: anna@example.com\r\n\r\n",
    "body of empty lines": b"From: anna@example.com\r\n\r\n\r\n\r\n\r\n",
    "no CRLF at the end": b"From: anna@example.com\r\n\r\nhello",
    "blanks everywhere": b"From:   anna@example.com\t \r\nSubject:\r\n a  b\r\n\tc \r\n\r\n  a \t b\t\r\n \r\n\tc\r\n\r\n",
    "several of one name": b"To: a@example.net\r\nFrom: anna@example.com\r\nTo: b@example.net\r\nCc: c@example.net\r\n\r\nx\r\n",
    "everything": b"".join(
        name + b": value of " + name + b"\r\n"
        for name in (b"From", b"To", b"Cc", b"Subject", b"Date", b"Message-ID", b"Reply-To", b"MIME-Version",
                     b"Content-Type", b"Content-Transfer-Encoding", b"List-Unsubscribe", b"List-Id", b"References",
                     b"In-Reply-To", b"Sender", b"Resent-From", b"Resent-Date", b"X-Other", b"Received")
    ) + b"\r\nbody\r\n",
    "8-bit": "From: anna@example.com\r\nSubject: h\u00e9llo\r\n\r\n\u00e9  \u00e9\r\n".encode(),
    "long": PLAIN + b"0123456789 abcdefghij \r\n" * 3000,
}


def random_message(dice):
    """Mostly white space and line ends, where canonicalization goes wrong."""
    def some(alphabet, most):
        return b"".join(dice.choice(alphabet) for _ in range(dice.randrange(most)))

    fields = [b"From: anna@example.com\r\n"]
    for _ in range(dice.randrange(6)):
        name = dice.choice([b"To", b"subject", b"CC", b"List-Id", b"X-A", b"Content-Type"])
        fields.append(name + b":" + some([b" ", b"\t", b"a", b"\r\n x", b":"], 30) + b"\r\n")
    dice.shuffle(fields)
    return b"".join(fields) + b"\r\n" + some([b" ", b"\t", b"a", b"bc", b"\r\n", b"\r\n\r\n", b" \r\n"], 400) + b"\r\n"


def seal(program, algorithm, piece, message):
    done = subprocess.run([program, algorithm, str(piece)], input=message, capture_output=True, check=True)
    record, _, sealed = done.stdout.partition(b"\n")
    return record, sealed


def verifies(record, sealed):
    def answer(name, timeout=5):
        assert name == b"elastx._domainkey.example.com.", name
        return record

    try:
        return dkim.verify(sealed, dnsfunc=answer)
    except dkim.DKIMException:
        return False


def check(program, name, algorithm, piece, message):
    record, sealed = seal(program, algorithm, piece, message)
    assert sealed.endswith(message), f"{name}: the message changed"
    assert verifies(record, sealed), f"{name}, {algorithm}, {piece}: does not verify\n{sealed!r}"
    changed = {
        "From": sealed.replace(b"anna@", b"eve@", 1),
        "another From": b"From: eve@example.com\r\n" + sealed,
        "another Subject": b"Subject: buy\r\n" + sealed,
        "body": sealed + b"x\r\n",
    }
    if message.startswith(b"From:"):
        assert not any(verifies(record, other) for other in changed.values() if other != sealed), f"{name}: too lenient"


def main():
    program = sys.argv[1]
    dice = random.Random(1)
    count = 0
    messages = dict(MESSAGES)
    for i in range(20):
        messages[f"random {i}"] = random_message(dice)
    for name, message in messages.items():
        for algorithm in ("rsa", "ed25519"):
            check(program, name, algorithm, dice.choice([1, 2, 63, 64, 65, 4096, 10**6]), message)
            count += 1
    print(f"{count} seals verified")


main()
