from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.config.yaml_source import MAX_BYTES, parse_yaml, read_yaml
from aimdlab.errors import ConfigurationError

FILE = Path("bench.yaml")


class _QuotingDumper(yaml.SafeDumper):
    """Quotes every text: our dialect reads bare words otherwise than YAML 1.1's writer expects (1e5 is a number)."""

    def ignore_aliases(self, data: object) -> bool:
        return True


_QuotingDumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, '"'))

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdefgh_", min_size=1, max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abcdefgh_", min_size=1, max_size=8), plain, min_size=1, max_size=5))
def test_plain_data_comes_back_as_it_was_dumped(data: dict[str, object]) -> None:
    text = yaml.dump(data, Dumper=_QuotingDumper, allow_unicode=True)
    found = parse_yaml(text, FILE).data
    assert _same(found, data), text


def _same(found: object, data: object) -> bool:
    if isinstance(data, dict):
        return isinstance(found, dict) and found.keys() == data.keys() and all(_same(found[k], data[k]) for k in data)
    if isinstance(data, list):
        return isinstance(found, list) and len(found) == len(data) and all(map(_same, found, data))
    if isinstance(data, float):
        return isinstance(found, (int, float)) and float(found) == data
    return type(found) is type(data) and found == data


@given(st.text(max_size=200))
def test_no_text_does_worse_than_a_configuration_error(text: str) -> None:
    try:
        parse_yaml(text, FILE)
    except ConfigurationError as error:
        assert str(FILE) in str(error)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: &x [1, 2]\nc: *x\n", 2, "anchors"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, "tag"),
        ("a: !include other.yaml\n", 1, "tag"),
        ("a: 1\nb: 2\na: 3\n", 3, "stands twice"),
        ("a: [1, 2\nb: 3\n", 2, "not valid YAML"),
        ("? [1, 2]\n: 3\n", 1, "plain word"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML"),
    ],
)
def test_what_yaml_could_do_to_harm_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_yaml(text, FILE)
    assert f"line {line}" in str(caught.value)
    assert words in str(caught.value)


def test_a_billion_laughs_costs_nothing() -> None:
    lines = ["a0: &a0 [lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(ConfigurationError, match="anchors"):
        parse_yaml("\n".join(lines), FILE)


def test_depth_and_size_are_limited(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="levels"):
        parse_yaml("a: " + "[" * 60 + "]" * 60, FILE)
    with pytest.raises(ConfigurationError, match=r"not valid YAML|levels"):
        parse_yaml("a: " + "[" * 50_000, FILE)
    with pytest.raises(ConfigurationError, match="values"):
        parse_yaml("a: [" + "1, " * 100_001 + "1]", FILE)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigurationError, match="at most"):
        read_yaml(large)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_yaml(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("name: Prüfstand".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="UTF-8"):
        read_yaml(latin)


def test_words_that_other_readers_turn_into_something_else_stay_text() -> None:
    data = parse_yaml("a: on\nb: no\nc: 12:30\nd: 2026-01-01\ne: 0x10\nf: 1_000\ng: .inf\nh: 0o17\n", FILE).data
    assert data == {
        "a": "on", "b": "no", "c": "12:30", "d": "2026-01-01", "e": "0x10", "f": "1_000", "g": ".inf", "h": "0o17",
    }  # fmt: skip


def test_lines_of_keys_and_items_are_known() -> None:
    source = parse_yaml("a:\n  b:\n    - 1\n    - 2\n  c: 3\n", FILE)
    assert source.line_of(("a", "b", 1)) == 4
    assert source.line_of(("a", "c")) == 5
    assert source.line_of(("a", "missing")) == 1
