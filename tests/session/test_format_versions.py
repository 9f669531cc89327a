"""Sessions of every version of the format that ever landed are read, verified and sealed as they were written."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aimdlab.errors import RecordError
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import FORMAT_VERSION
from aimdlab.session.keys import public_key_of
from aimdlab.session.reader import open_session, verify_session
from aimdlab.session.seal import seal
from independent_check import check_independently

DATA = Path(__file__).parents[1] / "data"
# The last hash of the whole, so that nobody writes these files anew unnoticed.
ROOTS = {
    1: "d60d00acebbc6b7d0b963ed017ec414abd2397c76434f8feed85bd13ae84a5a4",
    2: "5d5fa7860848a38dceb6d8aa66ebe08c5d8d200b99e38d20a261ba324505a163",
}
UNFINISHED_ENDS = {
    1: "32a299a6dcecdbb37755def11f2578e84f76d9b4ce66ba1399f3bdcef17f2f0c",
    2: "9a78d9a90f56ac0fd4ec61d2739d475920a7040beb4762e0d6ebb92baa057011",
}

# The private key that format 2 was signed with is made from these words, so that no key lies in the repository.
KEY_WORDS = b"the bench of tests/data/format_2"

each_version = pytest.mark.parametrize("version", sorted(ROOTS))


def data(version: int, name: str) -> Path:
    return DATA / f"format_{version}" / name


def test_there_are_sessions_of_every_version() -> None:
    assert sorted(ROOTS) == sorted(UNFINISHED_ENDS) == list(range(1, FORMAT_VERSION + 1))
    assert sorted(path.name for path in DATA.glob("format_*")) == [f"format_{version}" for version in sorted(ROOTS)]


@each_version
def test_a_sealed_session_is_verified_and_read(version: int) -> None:
    path = data(version, "sealed.h5")
    verified = verify_session(path)
    assert verified.header.format_version == version
    assert verified.found.seal is not None
    assert verified.found.seal.root_sha256 == ROOTS[version] == check_independently(path)["root"]
    signed_by = public_key_of(data(version, "simulated_gradient_injection.pub.pem")) if version > 1 else ""
    assert verified.found.seal.signed_by == signed_by == verified.header.signing_key
    with open_session(path) as session:
        assert [str(result.verdict) for result in session.steps()] == ["PASS"] * 5
        attempts = list(session.attempts())
        assert [attempt.step_id for attempt in attempts] == [
            "1/settings", "1/baseline", "1/0001", "1/check", "1/settings-after"
        ]  # fmt: skip
        codes = {(capture.channel, capture.kind): capture.codes for capture in attempts[2].captures}
        assert codes["device_monitor", "exposure"].shape[0] > 300_000
        assert all(np.ptp(code) > 100 for code in codes.values())
        assert [attempt.score.verdict for attempt in attempts] == ["PASS"] * 5
        assert next(session.events()).kind == "session.created"


@each_version
def test_an_unfinished_folder_is_verified_and_sealed_as_it_was_written(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(KEY_WORDS).digest())
    (tmp_path / "bench.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    monkeypatch.setenv("AIMDLAB_KEYS", str(tmp_path))
    path = tmp_path / "unfinished"
    shutil.copytree(data(version, "unfinished"), path)
    before = verify_session(path)
    assert (before.header.format_version, before.found.seal) == (version, None)
    assert (before.found.attempts.count, before.found.attempts.sha256) == (3, UNFINISHED_ENDS[version])
    with h5py.File(path / "session.h5") as file:
        header_text = file["header"][()]
    texts = [record.text for record in open_session(path).records()]
    sealed = seal(SessionFolder.open(path))
    with h5py.File(sealed) as file:
        assert file["entry/header"][()] == header_text
        assert file.attrs["format_version"] == FORMAT_VERSION
    after = verify_session(sealed)
    assert after.header == before.header
    assert after.found.header_sha256 == before.found.header_sha256
    assert after.found.attempts == before.found.attempts
    assert check_independently(sealed)["signed_by"] == before.header.signing_key
    with open_session(sealed) as session:
        assert [record.text for record in session.records()] == texts
        assert [str(result.verdict) for result in session.steps()] == ["PASS"] * 3 + ["NOT_RUN"] * 2


def test_a_sealed_file_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "later.h5"
    shutil.copyfile(data(1, "sealed.h5"), path)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = FORMAT_VERSION + 1
    with pytest.raises(RecordError, match="newer than this aimdlab can read"):
        open_session(path)
