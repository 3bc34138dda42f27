"""The program's file is replaced while it runs."""
import os
import shutil

import relay as relays
from relay import Relay, wait_for


def test_a_room_starts_from_the_program_that_runs(tmp_path, monkeypatch):
    os.chmod(tmp_path, 0o755)
    program = tmp_path / "src/rooms/sealpostd"
    program.parent.mkdir(parents=True)
    shutil.copy(relays.BUILD / "src/rooms/sealpostd", program)
    monkeypatch.setattr(relays, "BUILD", tmp_path)
    relay = Relay()
    try:
        relay.start()
        newer = tmp_path / "newer"
        newer.write_text("#!/bin/sh\nexit 1\n")
        newer.chmod(0o755)
        os.replace(newer, program)
        for _ in range(2):
            before = relay.rooms()["queue", 0]
            relay.kill("queue")
            wait_for(lambda: relay.rooms().get(("queue", 0), before) != before)
            wait_for(relay.is_ready)
        account = relay.add_account()
        relay.publish("example.com", account["account"])
        assert relay.try_send(account, "tom@example.com")[0] == 250
    finally:
        relay.close()
