"""``aimdlab verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.markup import escape

from aimdlab.cli.output import console, print_json, status
from aimdlab.errors import RecordError
from aimdlab.session import signing
from aimdlab.session.base import ChainEnd, Verification
from aimdlab.session.keys import known_keys, public_key_of
from aimdlab.session.reader import Verified, verify_session


def verify(path: Path, key_file: Path | None, *, as_json: bool) -> int:
    """Recompute every hash of a session and check its signature; 0 if nothing was altered.

    With ``key_file`` it must be that key which signed.
    """
    wanted = public_key_of(key_file) if key_file is not None else ""
    with status.status("recomputing every hash"):  # a spinner, on a terminal only
        verified = verify_session(path)
    if key_file is not None:
        _require_key(verified, wanted, key_file)
    if as_json:
        print_json(_as_json(verified, wanted))
    else:
        _print(verified, key_file)
    return 0


def _require_key(verified: Verified, wanted: str, key_file: Path) -> None:
    seal = verified.found.seal
    asked = f"{signing.fingerprint(wanted)} of {key_file}"
    if seal is None:
        raise RecordError(
            f"{verified.path} is not signed by the key {asked}: it is not sealed yet. Its chains are whole; a session "
            "is signed when it is sealed."
        )
    if not seal.signed_by:
        raise RecordError(
            f"{verified.path} is not signed by the key {asked}: it is not signed at all. Its hashes agree with each "
            "other, but anybody can recompute them."
        )
    if seal.signed_by != wanted:
        raise RecordError(
            f"{verified.path} is signed by the key {signing.called(seal.signed_by)}, not by {asked}. It was recorded "
            "with another key than that bench's, or made up."
        )


def _signature_in_words(found: Verification, key_file: Path | None) -> tuple[str, str]:
    """How the signature stands, and what to do about it if that is anything."""
    if found.seal is None:
        return "not sealed yet, so not signed", ""
    if not found.seal.signed_by:
        return "not signed", "nothing shows that the bench wrote it: anybody can recompute hashes that agree"
    key = signing.called(found.seal.signed_by)
    if key_file is not None:
        return f"by key {key}, that of {key_file}", ""
    bench = known_keys().get(found.seal.signed_by)
    if bench is not None:
        return f"by key {key}, known to this computer as that of the bench {bench}", ""
    return (
        f"by key {key}, which this computer does not know",
        "compare it with the copy in your records, or give that copy with --key",
    )


def _print(verified: Verified, key_file: Path | None) -> None:
    header, found = verified.header, verified.found
    state = "session folder, not sealed" if found.seal is None else "sealed session"
    recorded = f"recorded {header.created_utc} by {header.operator or 'nobody named'} with aimdlab"
    rows = [
        (state, str(verified.path)),
        ("campaign", header.title),
        ("", f"{recorded} {header.software.get('aimdlab', '?')}, session {header.session_id}"),
        ("header", found.header_sha256),
        ("attempts", _end(found.attempts)),
        ("events", _end(found.events)),
    ]
    if found.seal is not None:
        rows.append(("root", found.seal.root_sha256))
    signature, advice = _signature_in_words(found, key_file)
    rows += [("signature", signature), *([("", advice)] if advice else [])]
    if found.unreported:
        rows.append(("", f"{found.unreported} is not in the event log (yet): its run writes now, or died just then"))
    rows += [("accepted", one.in_words().removeprefix("accepted ")) for one in found.remarks.accepted]
    if found.remarks.clock_in_words:
        rows.append(("wall clock", found.remarks.clock_in_words))
    if _is_training(verified):
        said = f"{found.remarks.faults_struck} faults struck on purpose: training, which shows nothing of compliance"
        rows.append(("faults", said))
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        console.print(escape(f"{name:<{width}}  {text}"), soft_wrap=True)
    console.print("whole: no record was altered, added, removed or moved", style="green", soft_wrap=True)
    if found.seal is None:
        console.print("  Its end can be cut off unseen until it is sealed.", soft_wrap=True)


def _is_training(verified: Verified) -> bool:
    return verified.found.remarks.faults_struck > 0 or any(test.get("scenario") for test in verified.header.tests)


def _end(end: ChainEnd) -> str:
    return f"{end.count}, last {end.sha256}" if end.count else "0"


def _as_json(verified: Verified, wanted: str) -> dict[str, Any]:
    header, found = verified.header, verified.found
    return {
        "session": str(verified.path),
        "sealed": found.seal is not None,
        "title": header.title,
        "session_id": header.session_id,
        "created_utc": header.created_utc,
        "operator": header.operator,
        "software": dict(header.software),
        "format_version": header.format_version,
        "header_sha256": found.header_sha256,
        "attempts": {"count": found.attempts.count, "last_sha256": found.attempts.sha256},
        "events": {"count": found.events.count, "last_sha256": found.events.sha256},
        "unreported_attempt": found.unreported,
        "accepted": [one.as_json() for one in found.remarks.accepted],
        "clock_jumps_s": list(found.remarks.clock_jumps_s),
        "training": _is_training(verified),
        "root_sha256": found.seal.root_sha256 if found.seal else None,
        "signature": _signature_json(found, wanted),
        "exit_status": 0,
    }


def _signature_json(found: Verification, wanted: str) -> dict[str, Any]:
    key = found.seal.signed_by if found.seal else ""
    return {
        "signed": bool(key),
        "public_key": key or None,
        "fingerprint": signing.called(key) if key else None,
        "known_as_bench": known_keys().get(key),
        "is_the_key_given": bool(key) and key == wanted if wanted else None,
    }
