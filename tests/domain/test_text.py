"""Text: what can be seen of it, what counts as the same, and what comes first."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billetter.domain.text import (
    collated,
    identity,
    plain,
    plain_line,
    searched,
    shows_nothing,
)

INVISIBLE = [
    "\u200b",  # zero width space
    "\u200d",  # joiner
    "\u2060",  # word joiner
    "\u3164",  # Hangul filler
    "\u115f",
    "\u1160",
    "\uffa0",
    "\u2800",  # braille cell without dots
    "\u00ad",  # soft hyphen
    "\ufeff",  # byte order mark
    "\ufe0f",  # variation selector
    "\U000e0100",
    "\u034f",
    "\u061c",
    "\u180e",
    "\u00a0",  # no-break space
    "\u3000",
    "\ufff9",  # anchor of an annotation
    "\U0001d159",  # musical note without a head
]


@pytest.mark.parametrize("char", INVISIBLE)
def test_what_shows_nothing_is_empty(char: str) -> None:
    assert shows_nothing(char)
    assert shows_nothing(f" {char}{char} ")
    assert not shows_nothing(f"{char}a")
    with pytest.raises(ValueError, match="empty"):
        plain_line(char * 3)


def test_every_format_character_shows_nothing_or_is_seen() -> None:
    """The few that are drawn: signs over or under numbers, and what joins hieroglyphs."""
    formats = [chr(at) for at in range(sys.maxunicode) if unicodedata.category(chr(at)) == "Cf"]
    drawn = {unicodedata.name(char, "").split()[0] for char in formats if not shows_nothing(char)}
    assert drawn <= {"ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN"}


@pytest.mark.parametrize("line", ["a\nb", "a\tb", "a\u2028b", "a\u2029b"])
def test_a_line_is_one(line: str) -> None:
    assert plain(line) == line
    with pytest.raises(ValueError, match="one line"):
        plain_line(line)


@pytest.mark.parametrize("text", ["a\0", "a\x1bb", "a\rb", "a\x7f", "a\x85b", "a\x9bb"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="control"):
        plain(text)


@pytest.mark.parametrize(
    "char", [chr(at) for at in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
)
def test_text_that_is_shown_in_another_order_is_refused(char: str) -> None:
    with pytest.raises(ValueError, match="direction"):
        plain(f"a{char}b")


@pytest.mark.parametrize(
    "text",
    [
        "Ü",
        "\u06cc\u200c\u062f",
        "👨\u200d👩\u200d👧",
        "❤\ufe0f",
        "שלום \u200f!",
        "東京",
        "a\u00a0b",
    ],
)
def test_what_people_write_is_kept(text: str) -> None:
    assert plain_line(f" {text} ") == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Café", "CAFE\u0301"),
        ("Straße", "STRASSE"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("\uff21nn", "ann"),
        ("Ann  Lee", "ann\u00a0lee"),
        ("ann\ufe0f", "ann"),
        ("a\u3164nn", "ann"),
        ("ann\u2800", "ann"),
        ("\ufb01n", "fin"),
    ],
)
def test_names_that_count_as_one(one: str, other: str) -> None:
    assert identity(one) == identity(other)


@pytest.mark.parametrize(
    ("one", "other"), [("cafe", "café"), ("i", "İ"), ("ann lee", "annlee"), ("и", "й")]
)
def test_names_that_do_not(one: str, other: str) -> None:
    assert identity(one) != identity(other)


@given(st.text())
def test_names_are_compared_as_they_are_compared(text: str) -> None:
    assert identity(identity(text)) == identity(text)
    assert identity(unicodedata.normalize("NFD", text)) == identity(text)
    assert identity(unicodedata.normalize("NFC", text)) == identity(text)


@given(st.text())
def test_what_is_found_is_found_however_it_is_composed(text: str) -> None:
    assert searched(searched(text)) == searched(text)
    assert searched(unicodedata.normalize("NFD", text)) == searched(text)
    assert searched(text.lower()) == searched(text)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("cafe", "Le Café"),
        ("café", "Le Cafe\u0301"),
        ("istanbul", "İstanbul"),
        ("ISTANBUL", "istanbul"),
        ("ISPARTA", "\u0131sparta"),
        ("strasse", "Große Straße"),
        ("oresund", "Øresund"),
        ("aeon", "Æon"),
        ("елка", "Ёлка"),
        ("ёлка", "ЕЛКА"),
        ("αθηνα", "Αθήνα"),
        ("viet nam", "Việt\u00a0Nam"),
        ("don't", "Don\u2019t look up"),
        ("rock - pop", "Rock \u2013 Pop"),
        ("new york", "new\n  york"),
    ],
)
def test_words_are_found(wanted: str, text: str) -> None:
    assert searched(wanted) in searched(text)


@pytest.mark.parametrize(
    ("wanted", "text"), [("иод", "йод"), ("か", "が"), ("cafes", "café"), ("и", "й")]
)
def test_other_letters_are_not_found(wanted: str, text: str) -> None:
    assert searched(wanted) not in searched(text)


def test_titles_are_in_the_order_of_a_dictionary() -> None:
    titles = ["«Aida»", "10 Jahre", "A b", "Ab", "apfel", "Apfel", "Äpfel", "Azur", "Éclair"]
    titles += ["etude", "Etude", "Étude", "Ørsted", "Oslo", "Österreich", "zebra", "Zebra"]
    titles += ["Елка", "Ёлка", "Жук", "йод", "東京"]
    assert sorted(reversed(titles), key=collated) == titles


@given(st.text(), st.text())
def test_the_order_of_titles_is_total(one: str, other: str) -> None:
    assert (collated(one) == collated(other)) <= (identity(one) == identity(other))
