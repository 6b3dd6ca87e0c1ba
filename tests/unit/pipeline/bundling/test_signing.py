"""A bundle that was signed here is taken by whoever trusts the key, and by nobody in part."""

import shutil
import subprocess
from pathlib import Path

import pytest

from liteproof.bundling.signing import sign
from liteproof.errors import DeviceError
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.bundle.signature import Trust
from liteproof_edge.errors import BundleError

pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
RELEASED = Path(__file__).parents[3] / "bundle"


@pytest.fixture
def copied(tmp_path):
    return Path(shutil.copytree(RELEASED, tmp_path / "bundle"))


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@pytest.fixture
def trust(tmp_path, key):
    path = tmp_path / "allowed_signers"
    path.write_text(f'me namespaces="liteproof-bundle" {key.with_suffix(".pub").read_text()}')
    return Trust(path)


def test_signed_bundle_is_trusted_and_keeps_its_files(copied, key, trust):
    before = Bundle.load(copied)
    sign(copied, key, 12)
    after = Bundle.load(copied, trust)
    assert (after.signer, after.serial, after.files) == ("me", 12, before.files)


def test_bundle_may_be_signed_again(copied, key, trust):
    sign(copied, key, 1)
    sign(copied, key, 2)
    assert Bundle.load(copied, trust).serial == 2


def test_bundle_whose_serial_is_changed_afterwards_is_refused(copied, key, trust):
    sign(copied, key, 12)
    path = copied / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"serial": 12', b'"serial": 13'))
    with pytest.raises(BundleError, match="not trusted"):
        Bundle.load(copied, trust)


@pytest.mark.parametrize("content", [None, "no key"])
def test_key_that_is_none_is_refused_and_the_bundle_untouched(copied, tmp_path, content):
    path, before = tmp_path / "no\nkey", (copied / "manifest.json").read_bytes()
    if content:
        path.write_text(content)
    with pytest.raises(DeviceError, match="ssh-keygen cannot sign with it"):
        sign(copied, path, 1)
    assert (copied / "manifest.json").read_bytes() == before


def test_host_without_ssh_keygen_is_told(copied, key, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DeviceError, match="ssh-keygen: cannot be started"):
        sign(copied, key, 1)
