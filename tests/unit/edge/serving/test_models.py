import asyncio
import shutil

import pytest

from liteproof_edge.errors import BundleError, VerificationError
from liteproof_edge.serving import models
from liteproof_edge.serving.models import ModelSlot, load_model

POLL_S = 0.01
PATIENCE_S = 30


@pytest.fixture
def watched(copied):
    """Watch a copied bundle, and make each change to it once the one before was reported."""

    def run(*changes, path=copied):
        async def main():
            loop, reported, done = asyncio.get_running_loop(), [], asyncio.Event()

            def report(taken):
                reported.append(taken)
                loop.call_soon_threadsafe(done.set)

            slot = ModelSlot(path, lambda each: load_model(each, None, 1), report)
            before = slot.model
            watching = asyncio.create_task(slot.watch(POLL_S))
            for change in changes:
                change(copied)
                await asyncio.wait_for(done.wait(), PATIENCE_S)
                done.clear()
            watching.cancel()
            return slot, before, reported

        return asyncio.run(main())

    return run


def test_changed_bundle_is_taken(watched, edit_manifest):
    slot, before, reported = watched(
        lambda folder: edit_manifest(folder, lambda manifest: manifest.update(name="another"))
    )

    assert (slot.model.bundle.name, slot.refusal, reported) == ("another", None, [True])
    assert before.bundle.name != "another"


def test_switched_link_is_followed(watched, copied, edit_manifest, tmp_path):
    other = shutil.copytree(copied, tmp_path / "other")
    edit_manifest(other, lambda manifest: manifest.update(name="another"))
    link, switched = tmp_path / "current", tmp_path / "switched"
    link.symlink_to(copied)
    switched.symlink_to(other)
    slot, _, _ = watched(lambda _: switched.rename(link), path=link)

    assert slot.model.bundle.name == "another"


def test_damaged_bundle_is_refused_and_the_old_one_stays(watched):
    slot, before, reported = watched(lambda folder: (folder / "model.tflite").write_bytes(b"x"))

    assert slot.model is before
    assert (reported, "model.tflite" in slot.refusal.reason) == ([False], True)


def test_bundle_that_is_gone_is_refused_and_the_old_one_stays(watched):
    slot, before, _ = watched(shutil.rmtree)

    assert slot.model is before
    assert "not found" in slot.refusal.reason


def test_bundle_that_this_device_answers_otherwise_is_refused(watched, replace_file, golden):
    changed = golden.outputs.copy()
    changed[0] = changed[0][::-1]
    wrong = type(golden)(golden.pictures, golden.inputs, changed, golden.classes)
    slot, before, _ = watched(lambda folder: replace_file(folder, "golden.npz", wrong.to_bytes()))

    assert slot.model is before
    assert "does not answer as the host did" in slot.refusal.reason


def test_refused_bundle_is_taken_once_it_is_mended(watched, released):
    slot, _, reported = watched(
        lambda folder: (folder / "model.tflite").write_bytes(b"x"),
        lambda folder: shutil.copy(released / "model.tflite", folder),
    )

    assert (slot.refusal, reported) == (None, [False, True])


def test_first_bundle_must_be_sound(tmp_path):
    with pytest.raises(BundleError):
        ModelSlot(tmp_path, lambda each: load_model(each, None, 1), pytest.fail)


def test_first_bundle_must_verify(released, monkeypatch):
    monkeypatch.setattr(models.Verification, "passed", property(lambda _: False))
    with pytest.raises(VerificationError):
        load_model(released, None, 1)
