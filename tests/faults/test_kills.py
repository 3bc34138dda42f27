"""A short run of the long one, under the sanitizers."""
import kills


def test_nothing_is_lost_when_rooms_die():
    report, killed = kills.play(messages=400, kills=5, connections=8, seed=127)
    assert killed == ["submission", "everything", "api", "delivery", "queue"]
    assert report["acknowledged"] >= 400
    assert (report["lost"], report["corrupt"], report["queued"]) == (0, 0, 0), report
    assert report["duplicates"] <= kills.IN_FLIGHT * len(killed), report
