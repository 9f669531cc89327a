"""The bench's key: one per bench, made once, kept, and used only for the sessions whose headers name it."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from aimdlab.errors import ConfigurationError, RecordAlteredError
from aimdlab.session import keys, signing
from aimdlab.session.folder import SessionFolder
from aimdlab.session.folder_reader import FolderSession
from aimdlab.session.keys import bench_key, key_for, known_keys, public_key_of
from aimdlab.session.reader import open_session, verify_session
from aimdlab.session.seal import seal
from aimdlab.session.sealed_file import write_sealed_file
from patience import LIMIT_S

MakeSession = Callable[..., SessionFolder]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of keys of this test's own; it is not there yet."""
    path = tmp_path / "deep" / "keys"
    monkeypatch.setenv("AIMDLAB_KEYS", str(path))
    return path


def test_a_key_is_made_once_and_kept(folder: Path) -> None:
    made, kept = bench_key("bench one"), bench_key("bench one")
    assert (made.made, kept.made) == (True, False)
    assert made.public == kept.public == key_for(made.public).public
    assert sorted(path.name for path in folder.iterdir()) == ["bench one.pem", "bench one.pub.pem"]
    public = load_pem_public_key(made.public_file.read_bytes())
    assert isinstance(public, Ed25519PublicKey)
    public.verify(base64.b64decode(kept.sign(b"data")), b"data")
    assert signing.has_signed(public_key_of(made.public_file), kept.sign(b"data"), b"data")
    other = bench_key("bench two")
    assert other.public != made.public
    assert known_keys() == {made.public: "bench one", other.public: "bench two"}
    assert "_private" not in repr(made)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_nobody_else_can_read_the_private_key(folder: Path) -> None:
    key = bench_key("bench")
    assert key.private_file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_keys_lie_in_the_users_data_folder_unless_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AIMDLAB_KEYS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keys.keys_folder().relative_to(tmp_path).parts[-2:] == ("aimdlab", "keys")
    assert not list(tmp_path.iterdir())


MAKE_A_KEY = "import sys; from aimdlab.session.keys import bench_key; sys.stdin.read(); k = bench_key('b'); print(k.public, k.made)"


def test_runs_that_start_at_once_end_with_one_key(folder: Path) -> None:
    programs = [
        subprocess.Popen([sys.executable, "-c", MAKE_A_KEY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for program in programs:
        assert program.stdin is not None
        program.stdin.close()
        program.stdin = None
    said = [program.communicate(timeout=LIMIT_S)[0].split() for program in programs]
    assert len({public for public, _ in said}) == 1
    assert sorted(made for _, made in said) == ["False", "False", "True"]
    assert sorted(path.name for path in folder.iterdir()) == ["b.pem", "b.pub.pem"]


def test_the_slower_of_two_takes_the_key_of_the_faster(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_pem, faster = signing.new_private_pem, []

    def overtaken() -> bytes:
        monkeypatch.setattr(signing, "new_private_pem", new_pem)
        faster.append(bench_key("b"))
        return new_pem()

    monkeypatch.setattr(signing, "new_private_pem", overtaken)
    slower = bench_key("b")
    assert (slower.public, slower.made, faster[0].made) == (faster[0].public, False, True)
    assert len(list(folder.iterdir())) == 2


def test_a_lost_public_half_is_written_again(folder: Path) -> None:
    key = bench_key("b")
    content = key.public_file.read_bytes()
    key.public_file.unlink()
    assert bench_key("b").public == key.public
    assert key.public_file.read_bytes() == content


def private_pem(key: Ed25519PrivateKey, passphrase: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def curve_pem() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda key: key.private_file.unlink(), "b.pem, with which the bench signs, is gone"),
        (lambda key: key.private_file.write_bytes(b"half a k"), "b.pem holds no private Ed25519 key"),
        (lambda key: key.private_file.write_bytes(curve_pem()), "no Ed25519 key"),
        (
            lambda key: key.private_file.write_bytes(private_pem(Ed25519PrivateKey.generate(), b"secret")),
            "wants a passphrase",
        ),
        (
            lambda key: key.private_file.write_bytes(private_pem(Ed25519PrivateKey.generate())),
            "b.pub.pem is not the public half of b.pem",
        ),
        (lambda key: key.public_file.write_bytes(b"half a k"), "b.pub.pem holds no public key"),
        (lambda key: (key.private_file.unlink(), key.private_file.mkdir()), "cannot be read or made"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_and_stays(
    folder: Path, spoil: Callable[[keys.BenchKey], object], said: str
) -> None:
    spoil(bench_key("b"))
    left = {path: path.is_file() and path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ConfigurationError, match=said):
        bench_key("b")
    assert {path: path.is_file() and path.read_bytes() for path in folder.iterdir()} == left


def test_a_folder_that_cannot_be_made_is_refused(folder: Path) -> None:
    folder.parent.write_text("a file stands where the folder should be")
    with pytest.raises(ConfigurationError, match=r"cannot be read or made.*AIMDLAB_KEYS"):
        bench_key("b")


def test_a_public_key_of_a_person_must_be_one(folder: Path) -> None:
    key = bench_key("b")
    with pytest.raises(ConfigurationError, match=r"holds no public Ed25519 key.*pub\.pem"):
        public_key_of(key.private_file)
    curve = generate_private_key(SECP256R1()).public_key()
    key.public_file.write_bytes(curve.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ConfigurationError, match="no Ed25519 key"):
        public_key_of(key.public_file)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        public_key_of(folder / "nothing.pub.pem")
    assert known_keys() == {}


def test_a_fingerprint_is_what_openssl_prints() -> None:
    # openssl pkey -pubin -in FILE -outform DER | sha256sum
    public = "fpxoPCgmwJDRPENzc65BIn64AdNpXV34MUBaQqH7Nqo="
    assert signing.fingerprint(public) == "0cd1-e2cb-b1c6-f84b-0346-bc9f-7a15-d41e"


def test_a_session_is_signed_with_the_key_of_its_header_only(make_session: MakeSession, folder: Path) -> None:
    session = make_session()
    before = len(list(session.path.rglob("*")))
    with pytest.raises(ConfigurationError, match="not the key that the session says it will be signed with"):
        seal(session, bench_key("another"))
    key = bench_key("tested")
    moved = key.private_file.rename(folder.parent / "elsewhere.pem")
    with pytest.raises(ConfigurationError, match=rf"signed with key {key.fingerprint}, whose private file is not in"):
        seal(session)
    assert len(list(session.path.rglob("*"))) == before
    assert [event.kind for event in open_session(session.path).events()][-1] == "attempt.committed"
    moved.rename(key.private_file)
    sealed = seal(session)
    verified = verify_session(sealed)
    assert verified.found.seal is not None
    assert verified.found.seal.signed_by == key.public
    with h5py.File(sealed) as file:
        integrity = file["entry/integrity"]
        signature, root = integrity["signature"].asstr()[()], integrity["root"][()]
        assert integrity["signing_key"].asstr()[()] == key.public
    assert signing.has_signed(key.public, signature, root)


def test_a_key_held_in_hand_signs_though_its_file_is_gone(make_session: MakeSession, folder: Path) -> None:
    session, key = make_session(), bench_key("tested")
    key.private_file.unlink()
    found = verify_session(seal(session, key)).found
    assert found.seal is not None
    assert found.seal.signed_by == key.public


def test_a_signature_by_another_key_than_the_header_names_is_noticed(make_session: MakeSession, tmp_path: Path) -> None:
    session, key = make_session(), bench_key("tested")
    session.close()
    forger = keys.BenchKey("tested", key.public, key.private_file, key.public_file, False, Ed25519PrivateKey.generate())
    write_sealed_file(FolderSession(session.path), tmp_path / "forged.h5", forger)
    with pytest.raises(
        RecordAlteredError, match=f"signature is not that of the root record by the key {key.fingerprint}"
    ):
        verify_session(tmp_path / "forged.h5")


def test_a_session_without_a_key_is_sealed_unsigned(make_session: MakeSession) -> None:
    found = verify_session(seal(make_session(signing_key=""), bench_key("tested"))).found
    assert found.seal is not None
    assert found.seal.signed_by == ""
