"""What an instrument answers: bytes, and blocks that are made while they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

Buffer = bytes | memoryview


@dataclass(frozen=True)
class Stream:
    """A long answer.

    Attributes:
        size: of all of it, in bytes.
        buffers: gives it from its beginning, once.
    """

    size: int
    buffers: Callable[[], Iterable[Buffer]]


class Response:
    """Answers one after the other.

    Attributes:
        answers: of which it is made.
        size: in bytes.
    """

    def __init__(self, answers: Sequence[bytes | Stream]) -> None:
        self.answers = tuple(answers)
        self.size = sum(len(answer) if isinstance(answer, bytes) else answer.size for answer in answers)

    @classmethod
    def of(cls, answers: Sequence[bytes | Stream]) -> Response:
        """The response message to a message with several questions."""
        return cls([part for answer in answers for part in (b";", answer)][1:])

    @classmethod
    def joined(cls, responses: Iterable[Response]) -> Response:
        """Responses as they follow one another on a stream of bytes."""
        return cls([answer for response in responses for answer in response.answers])

    def ended(self, terminator: bytes) -> Response:
        """The same with a terminator."""
        return Response([*self.answers, terminator])

    def buffers(self) -> Iterator[Buffer]:
        """All of it in order; what is short comes together."""
        short: list[bytes] = []
        for answer in self.answers:
            if isinstance(answer, bytes):
                short.append(answer)
                continue
            yield b"".join(short)
            short.clear()
            yield from answer.buffers()
        yield b"".join(short)

    def whole(self) -> bytes:
        """All of it at once."""
        return b"".join(self.buffers())
