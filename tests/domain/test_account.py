"""What names of accounts may be, and which count as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billetter.domain.account import checked_email, checked_username, compared


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@example.org", "ANN@Example.ORG"),
        ("Straße", "STRASSE"),
        ("Zo\u00eb", "Zoe\u0308"),
        ("\uff21nn", "ann"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ],
)
def test_names_that_count_as_one(one: str, other: str) -> None:
    assert compared(one) == compared(other)


@given(st.text())
def test_what_is_compared_is_compared_as_it_is(name: str) -> None:
    assert compared(compared(name)) == compared(name)


def test_names_that_differ() -> None:
    assert compared("ann@example.org") != compared("ann@example.com")
    assert compared("a.nn") != compared("ann")


@pytest.mark.parametrize(
    "email", ["a@b", "ann@localhost", "ann.o'neil+1@mail.example.org", "jürgen@bücher.example"]
)
def test_an_email(email: str) -> None:
    assert checked_email(f" {email}\n") == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ann",
        "@example.org",
        "ann@",
        "ann@b@c",
        "a nn@example.org",
        "a:nn@example.org",
        "ann@example.org, bob@example.org",
        "Ann <ann@example.org>",
        "ann\0@example.org",
        "ann\u202e@example.org",
        "\udcff@example.org",
        "x" * 251 + "@b.c",
        "x" * 253 + "@b",
    ],
)
def test_no_email(email: str) -> None:
    with pytest.raises(ValueError, match=r"^An e-mail .*\.$"):
        checked_email(email)


@pytest.mark.parametrize("username", ["a", "Ann O'Neil", "安", "x" * 64])
def test_a_username(username: str) -> None:
    assert checked_username(f" {username} ") == username


@pytest.mark.parametrize("username", ["", "  ", "x" * 65, "a\nb", "a\0", "a\u200bb", "\udcff"])
def test_no_username(username: str) -> None:
    with pytest.raises(ValueError, match=r"^A username has .*\.$"):
        checked_username(username)
