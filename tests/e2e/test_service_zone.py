"""What the service's own zone should hold, as a fragment that a name server reads."""
import subprocess

from peers import Knot
from relay import BUILD


def test_a_name_server_takes_the_fragment(relay):
    shown = subprocess.run(
        [str(BUILD / "src/cli/sealpost"), "--config", str(relay.config), "service", "records", "--format", "zone"],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout
    lines = [line for line in shown.splitlines() if line and not line.startswith(";")]
    knot = Knot(lines)
    try:
        knot.start()
        for name, start in (
            ("elastx.email", "v=spf1 "), ("elastx._domainkey.elastx.email", "v=DKIM1; k=rsa; p="), ("_dmarc.elastx.email", "v=DMARC1; p="),
            ("_mta-sts.elastx.email", "v=STSv1; id="), ("_smtp._tls.elastx.email", "v=TLSRPTv1; rua=mailto:"),
        ):
            dug = subprocess.run(["kdig", "@127.0.0.1", "-p", str(knot.port), "+short", name, "TXT"], capture_output=True, text=True, timeout=20)
            assert dug.stdout.startswith('"' + start), (name, dug.stdout, shown)
    finally:
        knot.close()
