"""Text as people write it: whether it can be seen, what counts as the same, what comes first.

Three questions, from strict to lenient:

identity    names that may exist once. Case, compatibility forms (full-width letters, ligatures,
            composed or not), spacing and what cannot be seen make no difference; accents do.
            Unicode's toNFKC_Casefold, and spaces collapsed.
searched    what a search compares. The same, and diacritics of Latin and Greek letters make no
            difference either (É = e, Å = a, İ = i, ø = o), nor whether ß is written ss, Cyrillic
            io with its dots, a quote or a dash straight or curly. Marks that make another letter
            stay: й is not и, が is not か.
collated    what sorts titles: by letters as `searched` has them, spaces before signs before
            digits before letters; then by accents, plain first; then by case, small first.
            Near Unicode's default collation (UCA), without the tables of any language.
"""

import re
import unicodedata

_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point: these show nothing, wherever they stand."""
_IGNORED = re.compile(f"[{_IGNORABLE}]+")
_SPACES = re.compile(r"[\s\u2800]+")  # The braille cell without dots looks like a space.
_BLANK = re.compile(rf"[\s\u2800\ufff9-\ufffb\U0001d159{_IGNORABLE}]*")
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""They turn the text after them around: `txt.exe` can be shown as `exe.txt`."""
_BREAKS = re.compile("[\n\t\u2028\u2029]")

_MARKED = re.compile("([a-zøłđħŧ\u0131æœ\u03b1-\u03c9])[\u0300-\u036f]+")
_MARKS = re.compile("[\u0300-\u036f]")
_IE, _IO = "\u0435", "\u0451"
_QUOTES, _DOUBLE_QUOTES = "\u2018\u2019\u02bc", "\u201c\u201d\u201e\u00ab\u00bb"
_DASHES = "\u2010\u2012\u2013\u2014\u2212"
_PLAIN: dict[str, str] = {
    **dict(zip("øłđħŧı", "oldhti", strict=True)),
    "æ": "ae",
    "œ": "oe",
    _IO: _IE,
    **dict.fromkeys(_QUOTES, "'"),
    **dict.fromkeys(_DOUBLE_QUOTES, '"'),
    **dict.fromkeys(_DASHES, "-"),
}
_UNPLAIN = re.compile(f"[{''.join(_PLAIN)}]")
_CLASSES = {"Z": "\0", "C": "\0", "P": "\1", "S": "\1", "N": "\2"}
"""What comes before letters, by the first letter of the Unicode category."""


def shows_nothing(text: str) -> bool:
    """Whether nobody can see that there is any text."""
    return _BLANK.fullmatch(text) is not None


def plain(text: str) -> str:
    """The text without space around it. ValueError, with what is wrong, if it may not be shown."""
    if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in text):
        raise ValueError("must not contain control characters")
    if _REORDERING.search(text):
        raise ValueError("must not contain characters that turn the direction of text")
    return text.strip()


def plain_line(text: str) -> str:
    """The same for what is one line, and not empty."""
    text = plain(text)
    if _BREAKS.search(text):
        raise ValueError("must be one line")
    if shows_nothing(text):
        raise ValueError("must not be empty")
    return text


def identity(text: str) -> str:
    """What two texts have in common that count as the same name."""
    if text.isascii():
        return _collapsed(text.casefold())
    seen = _IGNORED.sub("", unicodedata.normalize("NFKC", text).casefold())
    # Once more at the end: folding the case may leave what is not normal (Unicode, D145-147).
    return _collapsed(_IGNORED.sub("", unicodedata.normalize("NFKC", seen)))


def searched(text: str) -> str:
    """What two texts have in common where one finds the other."""
    same = identity(text)
    if same.isascii():
        return same
    bare = _MARKED.sub(r"\1", unicodedata.normalize("NFD", same))
    return _UNPLAIN.sub(lambda found: _PLAIN[found[0]], unicodedata.normalize("NFC", bare))


def collated(text: str) -> tuple[str, str, str]:
    """What texts are sorted by."""
    found = searched(text)
    letters = "".join(_CLASSES.get(unicodedata.category(char)[0], "") + char for char in found)
    accents = _MARKS.sub("\uffff\\g<0>", unicodedata.normalize("NFD", text.casefold()))
    return letters, accents, text.swapcase()


def _collapsed(text: str) -> str:
    return _SPACES.sub(" ", text).strip()
