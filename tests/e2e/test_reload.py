"""The configuration read again and again."""
import smtplib

from relay import free_port, wait_for


def test_as_often_as_one_likes(relay):
    before = relay.rooms()
    for number in range(260):
        answer = relay.api("POST", "/v1/service/reload")
        assert relay.status == 200, (number, answer)
    assert relay.rooms() == before


def offers(relay, implicit=False):
    with relay.client(implicit=implicit) if implicit else smtplib.SMTP("127.0.0.1", relay.port, timeout=60) as client:
        client.ehlo()
        return set(client.esmtp_features)


def test_a_listener_keeps_its_own_rules(relay):
    """Another one that now stands in its place does not lend it plaintext_auth: in the room that runs, and in the next."""
    good = relay.config.read_text()
    ours = '{ address: "127.0.0.1:%d", tls: starttls }' % relay.port
    assert ours in good
    relay.config.write_text(good.replace(ours, '{ address: "127.0.0.1:%d", tls: none, plaintext_auth: true }' % free_port()))
    told = relay.api("POST", "/v1/service/reload")
    assert relay.status == 200, told
    for _ in range(2):
        assert "starttls" in offers(relay) and "auth" not in offers(relay)
        assert "auth" in offers(relay, implicit=True)
        relay.kill("submission")
        wait_for(relay.is_ready)


def test_what_waits_for_a_restart_is_told_as_long_as_it_waits(relay):
    good = relay.config.read_text()
    changed = good.replace("{ submission: 1,", "{ submission: 2,").replace("/state\n", "/elsewhere\n")
    assert changed != good
    relay.config.write_text(changed)
    for _ in range(2):
        told = relay.api("POST", "/v1/service/reload")
        assert told["remarks"] == "state_directory, processes.submission, vault.key_file: changed only when the service is started again", told
    relay.kill("queue")  # and its next life is where the mail is
    wait_for(relay.is_ready)
    relay.config.write_text(good)
    assert relay.api("POST", "/v1/service/reload")["remarks"] == ""
