"""The short form of kills.py, for every run of the tests."""
import kills


def test_nothing_is_lost_or_doubled_by_kills():
    report, killer = kills.play(messages=600, kills=3, connections=8, seed=7)
    assert len(killer.killed) >= 3 and report["acknowledged"] >= 600
    assert kills.is_good(report, killer), (killer.killed, killer.in_flight, report)
