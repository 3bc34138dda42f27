"""The configuration read again and again."""


def test_as_often_as_one_likes(relay):
    before = relay.rooms()
    for number in range(260):
        answer = relay.api("POST", "/v1/service/reload")
        assert relay.status == 200, (number, answer)
    assert relay.rooms() == before
