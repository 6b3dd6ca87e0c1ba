import json
from dataclasses import replace

import pytest

from liteproof_edge.runtime.loading import VARIABLE

KEYS = {
    *("bundle", "passed", "runtime", "pictures", "same_inputs", "same_outputs", "same_labels"),
    *("largest_difference_lsb", "signer", "serial"),
}


@pytest.fixture
def failing_bundle(copied, replace_file, golden):
    """A sound bundle whose golden outputs no device gives."""
    changed = replace(golden, outputs=golden.outputs[::-1].copy())
    replace_file(copied, "golden.npz", changed.to_bytes())
    return copied


def test_verify_prints_what_the_golden_vectors_showed(run, released, each_runtime):
    exit_code, out, err = run("verify", released, "--runtime", each_runtime.value)
    assert (exit_code, err) == (0, [])
    assert out[0] == "bundle          mnist: 4 files, sizes and hashes right"
    assert out[1].startswith(f"runtime         {each_runtime.value} ")
    assert out[2:5] == [
        "preprocessing   20 of 20 pictures give the host's bytes",
        "outputs         20 of 20 give the host's bytes",
        "labels          20 of 20 are the host's",
    ]
    assert out[-1] == "verified: this device answers as the host did"


def test_verify_prints_json(run, released):
    exit_code, (line,), err = run("verify", released, "--json")
    result = json.loads(line)
    assert (exit_code, err, set(result)) == (0, [], KEYS)
    assert (result["bundle"], result["passed"], result["pictures"]) == ("mnist", True, 20)


def test_verify_takes_the_runtime_that_the_environment_names(
    run, released, monkeypatch, each_runtime
):
    monkeypatch.setenv(VARIABLE, each_runtime.value)
    exit_code, (line,), _ = run("verify", released, "--json")
    assert exit_code == 0
    assert json.loads(line)["runtime"].startswith(f"{each_runtime.value} ")


def test_verify_fails_with_6_where_the_outputs_differ(run, failing_bundle):
    exit_code, out, err = run("verify", failing_bundle)
    assert exit_code == 6
    (line,) = err
    assert line == (
        f"liteproof-edge: {failing_bundle}: this device does not answer as the host did: "
        "20 inputs, 0 outputs and 0 labels are the host's, expected 20 of each"
    )
    assert not any("verified" in line for line in out)


def test_verify_prints_json_where_it_fails_too(run, failing_bundle):
    exit_code, (line,), err = run("verify", failing_bundle, "--json")
    assert (exit_code, len(err)) == (6, 1)
    assert json.loads(line)["passed"] is False


def test_verify_fails_with_4_on_a_damaged_bundle(run, copied):
    (copied / "recipe.toml").write_text("")
    exit_code, out, err = run("verify", copied)
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert err[0].startswith(f"liteproof-edge: {copied / 'recipe.toml'}: ")


def test_verify_fails_with_4_on_a_missing_bundle(run, tmp_path):
    exit_code, out, err = run("verify", tmp_path / "none")
    assert (exit_code, out) == (4, [])
    assert err == [
        f"liteproof-edge: {tmp_path}/none/manifest.json: not found, expected a file of a bundle"
    ]


def test_verify_fails_with_4_on_a_bare_model(run, bare_model):
    exit_code, out, err = run("verify", bare_model)
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert err[0].startswith(f"liteproof-edge: {bare_model}")


def test_verify_fails_with_7_where_there_is_no_runtime(run, released, no_runtime):
    exit_code, out, err = run("verify", released)
    assert (exit_code, out, len(err)) == (7, [], 1)
    assert "pip install" in err[0]


@pytest.mark.parametrize(
    ("key", "value"), [("name", "\ud800"), ("labels", [*"012345678", "\ud800"])]
)
def test_process_refuses_a_lone_surrogate_in_the_manifest_on_one_line(
    command, copied, edit_manifest, key, value
):
    edit_manifest(copied, lambda manifest: manifest.update({key: value}))
    done = command("verify", copied)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (4, "", 1)
    assert done.stderr.startswith(f"liteproof-edge: {copied / 'manifest.json'}: {key}: ")
