"""Those who judge a seal as a receiver would: dkimpy, Mail::DKIM and OpenDKIM's library.

Each is a function of (content, relay, name server's port) and answers {(domain, selector, algorithm): what it says};
"pass" is the only good word. Mail::DKIM of Debian 12 does not know Ed25519, which is then "invalid"."""
import ctypes
import ctypes.util
import subprocess
import tempfile

import dkim


def tags(content):
    """(domain, selector, algorithm) of each DKIM-Signature, in the message's order."""
    found = []
    head = content.split(b"\r\n\r\n", 1)[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"dkim-signature":
            pairs = (part.split(b"=", 1) for part in value.split(b";") if b"=" in part)
            values = {key.strip(): value.strip().decode() for key, value in pairs}
            found.append((values[b"d"], values[b"s"], values[b"a"]))
    return found


def dkimpy(content, relay, port):
    message, found = dkim.DKIM(content), {}
    for index, tag in enumerate(tags(content)):
        try:
            found[tag] = "pass" if message.verify(index, dnsfunc=relay.dns) else "fail"
        except dkim.ValidationError as error:
            found[tag] = str(error)
    return found


MAIL_DKIM = """
use strict; use Mail::DKIM::Verifier; use Mail::DKIM::DNS; use Net::DNS;
Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => ["127.0.0.1"], port => $ARGV[0], recurse => 0));
my $judge = Mail::DKIM::Verifier->new();
binmode STDIN; local $/; $judge->PRINT(<STDIN>); $judge->CLOSE;
printf "%s %s %s %s\n", $_->domain, $_->selector, $_->algorithm, $_->result for $judge->signatures;
"""


def mail_dkim(content, relay, port):
    done = subprocess.run(["perl", "-e", MAIL_DKIM, str(port)], input=content, capture_output=True, check=True)
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    return {tuple(line[:3]): line[3] for line in lines}


# From opendkim's dkim.h.
SET_OPTION, QUERY_METHOD, QUERY_INFO, QUERY_FILE, PASSED, BODY_MATCHES = 1, 6, 7, 1, 0x04, 0
ALGORITHMS = {1: "rsa-sha256", 2: "ed25519-sha256"}


def opendkim_library():
    library = ctypes.CDLL(ctypes.util.find_library("opendkim") or "libopendkim.so.11")
    for name in ("dkim_init", "dkim_verify", "dkim_sig_getdomain", "dkim_sig_getselector", "dkim_sig_geterrorstr"):
        getattr(library, name).restype = ctypes.c_void_p
    library.dkim_sig_geterrorstr.restype = ctypes.c_char_p
    library.dkim_sig_getdomain.restype = library.dkim_sig_getselector.restype = ctypes.c_char_p
    return library


def opendkim(content, relay, port):
    """Its keys come from a file, as of its own option: the library can ask no name server at another port than 53."""
    judge = opendkim_library()
    library = ctypes.c_void_p(judge.dkim_init(None, None))
    with tempfile.NamedTemporaryFile("w") as keys:
        for domain, selector, _ in tags(content):
            name = "%s._domainkey.%s" % (selector, domain)
            keys.write("%s %s\n" % (name, relay.dns(name.encode()).decode()))
        keys.flush()
        path, method = ctypes.c_char_p(keys.name.encode()), ctypes.c_int(QUERY_FILE)
        assert judge.dkim_options(library, SET_OPTION, QUERY_METHOD, ctypes.byref(method), ctypes.sizeof(method)) == 0
        assert judge.dkim_options(library, SET_OPTION, QUERY_INFO, path, ctypes.c_size_t(len(keys.name))) == 0
        status = ctypes.c_int()
        message = ctypes.c_void_p(judge.dkim_verify(library, b"test", None, ctypes.byref(status)))
        assert status.value == 0
        assert judge.dkim_chunk(message, content, ctypes.c_size_t(len(content))) == 0
        assert judge.dkim_chunk(message, None, ctypes.c_size_t(0)) == 0
        judge.dkim_eom(message, None)
        found = opendkim_answers(judge, message)
        judge.dkim_free(message)
        judge.dkim_close(library)
    return found


def opendkim_answers(judge, message):
    found = {}
    signatures, count = ctypes.POINTER(ctypes.c_void_p)(), ctypes.c_int()
    assert judge.dkim_getsiglist(message, ctypes.byref(signatures), ctypes.byref(count)) == 0
    for i in range(count.value):
        signature = ctypes.c_void_p(signatures[i])
        judge.dkim_sig_process(message, signature)
        algorithm = ctypes.c_int()
        assert judge.dkim_sig_getsignalg(signature, ctypes.byref(algorithm)) == 0
        good = judge.dkim_sig_getflags(signature) & PASSED and judge.dkim_sig_getbh(signature) == BODY_MATCHES
        said = judge.dkim_sig_geterrorstr(judge.dkim_sig_geterror(signature))
        domain, selector = judge.dkim_sig_getdomain(signature), judge.dkim_sig_getselector(signature)
        found[domain.decode(), selector.decode(), ALGORITHMS[algorithm.value]] = "pass" if good else said.decode()
    return found
