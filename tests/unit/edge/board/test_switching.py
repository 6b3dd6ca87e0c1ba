"""A switch that nobody confirms is undone: by the agent, or after a power cut at the next boot."""

import json
import os

import pytest

from liteproof_edge.board import switching
from liteproof_edge.board.switching import Switching


@pytest.fixture
def trust(tmp_path):
    return tmp_path / "config" / "allowed_signers"


@pytest.fixture
def switched(store, placed, trust, monkeypatch, tmp_path):
    """A board that runs `one`, was at `zero` before, and is switched to `two`, unconfirmed."""
    boot = tmp_path / "boot_id"
    boot.write_text("first\n")
    monkeypatch.setattr(switching, "BOOT_ID", boot)
    for release in ("zero", "one", "two"):
        placed(release)
    found = Switching(store, trust)
    for release in ("zero", "one"):
        found.switch(release, None)
        found.confirm()
    found.switch("two", "signers")
    return found


def links(store):
    return store.target("current"), store.target("previous")


def test_switch_makes_the_new_one_current_and_remembers_the_old(switched, store, trust):
    assert links(store) == ("two", "one")
    assert trust.read_text() == "signers"


def test_restore_makes_all_as_it_was(switched, store, trust):
    assert switched.restore()
    assert links(store) == ("one", "zero")
    assert not trust.exists()
    assert not switched.restore()


def test_restore_brings_an_older_trust_file_back(switched, trust):
    switched.confirm()
    switched.switch("one", "others")
    switched.restore()
    assert trust.read_text() == "signers"


def test_confirmed_switch_is_on_the_disk(switched, store, monkeypatch):
    """Or else a power cut soon after would go back from what `deploy` has called done."""
    kept = []

    def note(handle):
        if os.path.samestat(os.fstat(handle), store.root.stat()):
            kept.append((store.root / "pending.json").exists())

    monkeypatch.setattr(os, "fsync", note)
    switched.confirm()
    assert kept == [False]


def test_restore_after_confirm_does_nothing(switched, store):
    switched.confirm()
    assert not switched.restore()
    assert links(store) == ("two", "one")


def test_switch_to_what_is_current_keeps_the_previous(switched, store):
    switched.confirm()
    switched.switch("two", None)
    assert links(store) == ("two", "one")


def test_first_switch_is_undone_to_nothing(store, placed, trust):
    placed("one")
    found = Switching(store, trust)
    found.switch("one", None)
    found.restore()
    assert links(store) == (None, None)


def test_recover_goes_back_after_a_boot_alone(switched, store):
    assert not switched.recover()
    assert links(store) == ("two", "one")
    switching.BOOT_ID.write_text("second\n")
    assert switched.recover()
    assert links(store) == ("one", "zero")
    assert not switched.recover()


def test_power_cut_between_the_two_links_is_undone(switched, store):
    switched.restore()
    before = {"current": "one", "previous": "zero", "boot": "first"}
    (store.root / "pending.json").write_text(json.dumps(before))
    store.point("previous", "one")  # and then no more
    switched.restore()
    assert links(store) == ("one", "zero")
