"""Whose bundles are taken, as OpenSSH checks it."""

import json
import shutil
import subprocess

import pytest

from liteproof_edge.bundle.manifest import seal
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.bundle.signature import NAMESPACE, Trust
from liteproof_edge.errors import BundleError

pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
ME = "maker@example.org"


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """Two private keys' paths."""
    folder = tmp_path_factory.mktemp("keys")
    paths = [folder / "ours", folder / "theirs"]
    for path in paths:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return paths


@pytest.fixture
def sign(copied, keys):
    """Sign the copied bundle."""

    def run(key=keys[0], namespace=NAMESPACE, serial=None):
        path = copied / "manifest.json"
        if serial is not None:
            path.write_bytes(seal({**json.loads(path.read_bytes()), "serial": serial}))
        command = ["ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", key]
        done = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=True)
        (copied / "manifest.sig").write_bytes(done.stdout)

    return run


@pytest.fixture
def trust(tmp_path, keys):
    """Write an allowed_signers file: one line for our key, with options."""

    def write(options="", principal=ME):
        path = tmp_path / "allowed_signers"
        path.write_text(f"{principal} {options} {keys[0].with_suffix('.pub').read_text()}")
        return path

    return write


def test_bundle_that_is_signed_names_its_signer_and_serial(copied, sign, trust):
    sign(serial=7)
    bundle = Bundle.load(copied, Trust(trust()))
    assert (bundle.signer, bundle.serial) == (ME, 7)


def test_bundle_is_anybodys_where_no_trust_is_stated(copied):
    assert Bundle.load(copied).signer == ""


@pytest.mark.parametrize("principal", ["*@example.org", f"{ME},other@example.org"])
def test_signer_may_be_a_pattern_or_one_of_several(copied, sign, trust, principal):
    sign()
    assert Bundle.load(copied, Trust(trust(principal=principal))).signer in principal


def refusal(copied, signers):
    with pytest.raises(BundleError) as caught:
        Bundle.load(copied, Trust(signers))
    return str(caught.value)


def test_unsigned_bundle_is_refused(copied, trust):
    assert "manifest.sig: not found" in refusal(copied, trust())


def test_bundle_of_another_key_is_refused(copied, sign, trust, keys):
    sign(keys[1])
    assert "not trusted: No principal matched" in refusal(copied, trust())


def test_signature_for_another_purpose_is_refused(copied, sign, trust):
    sign(namespace="file")
    assert "not trusted" in refusal(copied, trust())


@pytest.mark.parametrize("options", ['valid-before="20200101"', 'valid-after="29990101"'])
def test_key_outside_its_dates_is_refused_with_the_devices_time(copied, sign, trust, options):
    sign()
    said = refusal(copied, trust(options))
    assert "verify time" in said or "No principal" in said


def test_key_for_another_namespace_is_refused(copied, sign, trust):
    sign()
    assert "not trusted" in refusal(copied, trust('namespaces="file"'))


@pytest.mark.parametrize("junk", [b"", b"\0" * 100, b"-----BEGIN SSH SIGNATURE-----\nAAAA\n"])
def test_signature_that_is_none_is_refused(copied, trust, junk):
    (copied / "manifest.sig").write_bytes(junk)
    assert "manifest.sig: not trusted" in refusal(copied, trust())


def test_signature_too_long_is_refused_unread(copied, trust):
    (copied / "manifest.sig").write_bytes(b"-" * (1 << 17))
    assert "longer than any signature" in refusal(copied, trust())


def test_manifest_is_not_parsed_before_its_signature_was_checked(copied, sign, trust):
    sign()
    (copied / "manifest.json").write_bytes(b"{not JSON")
    assert "manifest.sig: not trusted" in refusal(copied, trust())


def test_trust_file_that_is_missing_refuses_everything(copied, sign, tmp_path):
    sign()
    assert "expected whom to trust" in refusal(copied, tmp_path / "nowhere")


def test_device_without_ssh_keygen_refuses(copied, sign, trust, monkeypatch):
    sign()
    signers = trust()
    monkeypatch.setenv("PATH", "/nowhere")
    assert "apt install openssh-client" in refusal(copied, signers)


def test_users_own_trust_file_holds_for_every_command(
    run, copied, sign, trust, tmp_path, monkeypatch, digit_files
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "liteproof").mkdir(parents=True)
    trust().rename(tmp_path / "config" / "liteproof" / "allowed_signers")
    assert run("classify", copied, digit_files[0])[0] == 4
    sign()
    assert run("classify", copied, digit_files[0])[0] == 0


def test_older_serial_is_refused_unless_allowed(run, copied, sign, trust, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    signers, codes = trust(), []
    for serial, options in ((5, ()), (5, ()), (4, ()), (4, ("--allow-downgrade",)), (4, ())):
        sign(serial=serial)
        exit_code, _, err = run("verify", copied, "--trust", signers, *options)
        codes.append(exit_code)
        assert exit_code == 0 or "serial 4, but 5 was verified here already" in err[0]
    assert codes == [0, 0, 4, 0, 0]


@pytest.mark.parametrize("table", ["{", "[]", '{"mnist": "5"}'])
def test_table_of_serials_that_is_damaged_is_refused(
    run, copied, sign, trust, monkeypatch, tmp_path, table
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "liteproof").mkdir()
    (tmp_path / "liteproof" / "serials.json").write_text(table)
    sign()
    exit_code, _, (line,) = run("verify", copied, "--trust", trust())
    assert (exit_code, "not a table of serial numbers" in line) == (4, True)


@pytest.mark.parametrize("serial", [-1, 1.5, "5", True, 1 << 63])
def test_serial_that_is_no_number_is_refused(copied, edit_manifest, serial):
    edit_manifest(copied, lambda manifest: manifest.update(serial=serial))
    with pytest.raises(BundleError, match="serial: .* expected 0 to"):
        Bundle.load(copied)


def test_verify_shows_who_signed(run, copied, sign, trust):
    sign(serial=3)
    _, out, _ = run("verify", copied, "--trust", trust())
    assert f"signed by       {ME}, serial 3" in out
