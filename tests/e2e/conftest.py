import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from relay import Relay  # noqa: E402


@pytest.fixture
def relay():
    """A relay that is up, with nothing published yet but SPF and DMARC of example.com."""
    made = Relay()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def ready(relay):
    """The same with an account whose domain is ready."""
    relay.account = relay.add_account()
    relay.publish("example.com", relay.account["account"])
    return relay
