"""What the commands say of the key that signs a session."""

from __future__ import annotations

from typing import Any

from aimdlab.session.keys import BenchKey


def signed_with(key: BenchKey, *, is_sealed: bool = True) -> str:
    """The words at the end of a run: which key signed, or will, and what to do with a new one."""
    text = f"{'signed' if is_sealed else 'to be signed'} with the bench's key {key.fingerprint}"
    if not key.made:
        return text
    return (
        f"{text}, which is new:\n  keep a copy of {key.public_file} with the quality records,\n"
        f"  and one of {key.private_file.name}, from the same folder, in a safe place: what was begun with this key is "
        "sealed with no other"
    )


def key_json(key: BenchKey) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "fingerprint": key.fingerprint,
        "public_key": key.public,
        "public_key_file": str(key.public_file),
        "made_now": key.made,
    }
