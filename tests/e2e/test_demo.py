"""What ./run shows, with the build under test."""
import os
import re
import subprocess

from relay import BUILD


def test_the_demonstration_shows_a_verified_seal(tmp_path):
    os.chmod(tmp_path, 0o755)
    for what in ("at first", "with the files of a former run"):
        shown = subprocess.run(
            ["packaging/demo/start", str(BUILD.absolute()), str(tmp_path / "demo"), "once"], capture_output=True, text=True, timeout=120
        )
        assert shown.returncode == 0, (what, shown.stdout, shown.stderr)
        assert "example.com for steve.mailer@mycorp.se: ready" in shown.stdout, what
        assert "250 2.0.0 queued as " in shown.stdout, what
        assert re.search(r"fate +captured", shown.stdout), what
        assert "pass  d=example.com s=elastx a=rsa-sha256\npass  d=example.com s=elastx-ed a=ed25519-sha256\n" in shown.stdout, what
