"""Some boards before the others, and the others only if those are well."""

import threading
from concurrent.futures import wait
from types import SimpleNamespace

import pytest

from liteproof.deployment import fleet
from liteproof.deployment.plan import Options
from liteproof_edge.errors import GateError, LiteproofError


class Boards:
    """What would be deployed; `broken` fails at once, `ill` only when it is looked at again."""

    options = Options()

    def __init__(self, broken=(), ill=()):
        self.broken, self.ill, self.done, self.back = broken, ill, [], []

    def report(self, host, text):
        self.said = f"{host}: {text}"

    def deploy(self, host):
        if host in self.broken:
            raise GateError(f"{host}: broken")
        self.done.append(host)
        return SimpleNamespace(host=host)

    def see_health(self, board):
        if board.host in self.ill:
            raise LiteproofError(f"{board.host}: ill")


@pytest.fixture
def roll_out(monkeypatch):
    def run(boards, hosts, canary, soak=0.0):
        monkeypatch.setattr(fleet, "Connection", Connected)
        monkeypatch.setattr(fleet, "roll_back", lambda host, _: boards.back.append(host))
        slept = []
        outcome = fleet.roll_out(boards, hosts, canary, soak, slept.append)
        return outcome, slept

    return run


class Connected:
    def __init__(self, host, _config):
        self.host = host

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


HOSTS = ["a", "b", "c"]


def test_all_are_deployed_to(roll_out):
    boards = Boards()
    outcome, slept = roll_out(boards, HOSTS, 3)
    assert (sorted(boards.done), outcome.exit_code, slept) == (HOSTS, 0, [])


def test_one_that_fails_does_not_hinder_those_beside_it(roll_out):
    boards = Boards(broken=["b"])
    outcome, _ = roll_out(boards, HOSTS, 3)
    assert (sorted(boards.done), list(outcome.failed), outcome.exit_code) == (["a", "c"], ["b"], 6)


def test_canary_that_fails_stops_the_rest(roll_out):
    boards = Boards(broken=["a"])
    outcome, _ = roll_out(boards, HOSTS, 1)
    assert (boards.done, outcome.untouched) == ([], ["b", "c"])


def test_canaries_soak_before_the_rest(roll_out):
    boards = Boards()
    outcome, slept = roll_out(boards, HOSTS, 1, soak=25.0)
    assert (sorted(boards.done), slept, outcome.untouched) == (HOSTS, [10.0, 10.0, 5.0], [])


def test_canary_that_falls_ill_takes_all_canaries_back(roll_out):
    boards = Boards(ill=["b"])
    outcome, _ = roll_out(boards, HOSTS, 2, soak=5.0)
    assert (sorted(boards.back), outcome.untouched, outcome.done) == (["a", "b"], ["c"], [])
    assert list(outcome.failed) == ["b"]


def test_interrupt_while_canaries_soak_takes_them_back(monkeypatch):
    def interrupt(_seconds):
        raise KeyboardInterrupt

    boards = Boards()
    monkeypatch.setattr(fleet, "roll_back", lambda host, _: boards.back.append(host))
    outcome = fleet.roll_out(boards, HOSTS, 1, 5.0, interrupt)
    assert (boards.back, outcome.untouched, outcome.exit_code) == (["a"], ["b", "c"], 1)


def test_interrupt_begins_no_more_boards(monkeypatch):
    def interrupted(futures, timeout=None):
        if timeout is None:
            raise KeyboardInterrupt
        go_on.set()
        return wait(futures, timeout)

    go_on = threading.Event()
    monkeypatch.setattr(fleet, "wait", interrupted)
    hosts = [str(number) for number in range(fleet.SIDE_BY_SIDE + 3)]
    begun = []
    found = fleet.each(hosts, lambda host: (begun.append(host), go_on.wait(10)))
    assert len(begun) <= fleet.SIDE_BY_SIDE
    assert isinstance(found[hosts[-1]], LiteproofError)
