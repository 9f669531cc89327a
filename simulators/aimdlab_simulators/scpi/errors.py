"""The error that a command handler raises."""

from __future__ import annotations


class ScpiError(Exception):
    """An error of the instrument's own list, which the engine puts into its queue.

    Attributes:
        code: SCPI 1999.0 vol. 2 ch. 21 for negative codes, the maker's for positive ones.
        text: as the instrument words it, without quotes.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f'{code:+d},"{text}"')
        self.code = code
        self.text = text
