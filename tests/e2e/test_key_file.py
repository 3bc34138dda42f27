"""Accounts and keys belong to one key file."""
import os
import subprocess

import pytest

from relay import BUILD


@pytest.mark.parametrize("what", ["another", "none"])
def test_another_key_file_is_refused(ready, what):
    ready.stop()
    path = ready.directory / "state/vault.key"
    kept = path.read_bytes()
    path.unlink()
    if what == "another":
        path.write_bytes(os.urandom(32))
    started = subprocess.run(
        [str(BUILD / "src/rooms/sealpostd"), "--config", str(ready.config)], capture_output=True, text=True, timeout=60
    )
    assert started.returncode == 1 and "is not the one that vault.db was made with" in started.stderr, started.stderr
    path.write_bytes(kept)
    ready.start()
    assert ready.try_send(ready.account, "tom@example.com")[0] == 250
