"""Ed25519: how a bench signs its sessions, and how anybody checks that it did.

A public key is passed about as its text: base64 of its 32 bytes, as the header and the sealed file hold it. A key and a
signature have one spelling each, so that no character of either changes unseen.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_FINGERPRINT_DIGITS = 32


def new_private_pem() -> bytes:
    """A new private key: PKCS8 in PEM, without a passphrase, since nobody is there at night to type it."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def private_from_pem(pem: bytes) -> Ed25519PrivateKey:
    """The private key in a PEM text; ValueError if there is none that can be used."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise ValueError("the key wants a passphrase") from error
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it is no Ed25519 key")  # noqa: TRY004 - to the reader it is a bad file, not a bad type
    return key


def public_from_pem(pem: bytes) -> str:
    """The text of the public key in a PEM text; ValueError if there is none."""
    try:
        key = load_pem_public_key(pem)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is no Ed25519 key")  # noqa: TRY004 - to the reader it is a bad file, not a bad type
    return _text(key)


def public_pem(public: str) -> bytes:
    """A public key as PEM."""
    return _key(public).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_of(private: Ed25519PrivateKey) -> str:
    """The text of a private key's public half."""
    return _text(private.public_key())


def fingerprint(public: str) -> str:
    """What a person compares: the first 32 hexadecimal digits of the SHA-256 of the key in DER, in groups of four.

    ``openssl pkey -pubin -in FILE.pub.pem -outform DER | sha256sum`` prints the same digits. ValueError if ``public``
    is no key.
    """
    der = _key(public).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digits = hashlib.sha256(der).hexdigest()[:_FINGERPRINT_DIGITS]
    return "-".join(digits[start : start + 4] for start in range(0, _FINGERPRINT_DIGITS, 4))


def called(public: str) -> str:
    """What to call a public key in a message, whatever it is."""
    try:
        return fingerprint(public)
    except ValueError:
        return repr(public)


def sign(private: Ed25519PrivateKey, data: bytes) -> str:
    """The signature of ``data``: base64 of its 64 bytes."""
    return base64.b64encode(private.sign(data)).decode()


def has_signed(public: str, signature: str, data: bytes) -> bool:
    """Whether ``signature`` is that of ``data`` by the key ``public``, each in its one spelling."""
    try:
        _key(public).verify(_decode(signature, _SIGNATURE_BYTES), data)
    except (ValueError, InvalidSignature):
        return False
    return True


def read_public_file(path: Path) -> str:
    """The text of the public key in a PEM file; OSError or ValueError if it cannot be read or holds none."""
    return public_from_pem(path.read_bytes())


def _key(public: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(_decode(public, _KEY_BYTES))


def _text(key: Ed25519PublicKey) -> str:
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def _decode(text: str, size: int) -> bytes:
    data = base64.b64decode(text, validate=True)
    # Base64 lets the last character vary without changing a byte.
    if len(data) != size or base64.b64encode(data).decode() != text:
        raise ValueError(f"not the base64 of {size} bytes")
    return data
