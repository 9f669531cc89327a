"""The keys of this computer's benches: one private Ed25519 key per bench, in a folder of the user."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aimdlab import _platform
from aimdlab.errors import ConfigurationError
from aimdlab.session import signing

KEYS_VARIABLE = "AIMDLAB_KEYS"

_PRIVATE = ".pem"
_PUBLIC = ".pub.pem"


@dataclass(frozen=True)
class BenchKey:
    """A bench's key, ready to sign.

    Attributes:
        bench: whose it is: the name of its file without the suffix.
        public: its public half, as the header holds it.
        private_file: where it lies.
        public_file: where its public half lies, to be copied into the quality records.
        made: whether it was made just now.
    """

    bench: str
    public: str
    private_file: Path
    public_file: Path
    made: bool
    _private: Ed25519PrivateKey = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What a person compares."""
        return signing.fingerprint(self.public)

    def sign(self, data: bytes) -> str:
        """The signature of ``data``, base64."""
        return signing.sign(self._private, data)


def keys_folder() -> Path:
    """Where the keys lie: ``AIMDLAB_KEYS``, else a folder of the user's; ConfigurationError if there is neither."""
    named = os.environ.get(KEYS_VARIABLE)
    if named:
        return Path(named).absolute()
    try:
        return _platform.user_data_folder() / "aimdlab" / "keys"
    except RuntimeError as error:
        raise ConfigurationError(
            f"this user has no home folder for the bench's key: {error}. Name a folder in {KEYS_VARIABLE}."
        ) from error


def bench_key(bench: str) -> BenchKey:
    """The key of a bench, made if it has none yet; two runs that start at once end with the same one.

    Raises ConfigurationError if it cannot be read or made.
    """
    folder = keys_folder()
    private_file, public_file = folder / (bench + _PRIVATE), folder / (bench + _PUBLIC)
    try:
        # In this order: the private half is always written first, so that only its loss leaves the public one alone.
        public_there = public_file.exists()
        private_there = private_file.exists()
        if public_there and not private_there:
            raise ConfigurationError(
                f"{private_file}, with which the bench signs, is gone; its public half {public_file.name} is there. "
                f"Put the private file back from your copy; or, if it is lost, move {public_file.name} to your "
                "records, and the next run makes a new key."
            )
        made = not private_there and _make(private_file)
        key = _load(private_file, made=made)
        if not public_there:
            temporary = _temporary(public_file)
            _platform.write_durably(public_file, signing.public_pem(key.public), temporary=temporary)
        elif signing.read_public_file(public_file) != key.public:
            raise ConfigurationError(
                f"{public_file} is not the public half of {private_file.name}: one of them belongs to another key. "
                "Compare them with your records and move the wrong one away."
            )
    except OSError as error:
        raise ConfigurationError(
            f"the bench's key {private_file} cannot be read or made: {error.strerror or error}. Mend the folder's "
            f"rights, or name another folder in {KEYS_VARIABLE}."
        ) from error
    except ValueError as error:
        raise ConfigurationError(
            f"{public_file} holds no public key: {error}. Move it away to have it made anew."
        ) from error
    return key


def key_for(public: str) -> BenchKey:
    """The key of this computer with the public half ``public``; ConfigurationError if it is not here."""
    folder = keys_folder()
    for path in sorted(folder.glob("*" + _PRIVATE)):
        try:
            key = _load(path, made=False)
        except (OSError, ConfigurationError):
            continue  # a public half, or another's
        if key.public == public:
            return key
    raise ConfigurationError(
        f"the session says that it will be signed with key {signing.called(public)}, whose private file is not in "
        f"{folder}. Put it there, from the computer that recorded or from your copy, or name its folder in "
        f"{KEYS_VARIABLE}. What was recorded stays as it is."
    )


def known_keys() -> dict[str, str]:
    """The public keys that this computer knows, each with the name of its bench."""
    found: dict[str, str] = {}
    try:
        folder = keys_folder()
    except ConfigurationError:
        return found
    for path in sorted(folder.glob("*" + _PUBLIC)):
        try:
            found[signing.read_public_file(path)] = path.name.removesuffix(_PUBLIC)
        except (OSError, ValueError):
            continue  # not a key; the session's is then one that this computer does not know
    return found


def public_key_of(path: Path) -> str:
    """The public key in a file that a person named; ConfigurationError if there is none."""
    try:
        return signing.read_public_file(path)
    except OSError as error:
        raise ConfigurationError(f"the key {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ConfigurationError(
            f"{path} holds no public Ed25519 key: {error}. Give the bench's file that ends in {_PUBLIC}."
        ) from error


def _make(private_file: Path) -> bool:
    """Make a key, unless another program is faster; returns whether it was made here."""
    _platform.make_folders_durably(private_file.parent)
    try:
        _platform.write_new_durably(private_file, signing.new_private_pem(), temporary=_temporary(private_file))
    except FileExistsError:
        return False
    return True


def _load(private_file: Path, *, made: bool) -> BenchKey:
    try:
        private = signing.private_from_pem(private_file.read_bytes())
    except ValueError as error:
        raise ConfigurationError(
            f"{private_file} holds no private Ed25519 key: {error}. Put the bench's key back from your copy, or move "
            "this file and its public half away to have a new key made."
        ) from error
    bench = private_file.name.removesuffix(_PRIVATE)
    public_file = private_file.with_name(bench + _PUBLIC)
    return BenchKey(bench, signing.public_of(private), private_file, public_file, made, private)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{uuid4().hex}.tmp")
