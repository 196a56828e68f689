"""Names, free text and logical paths: what is taken, and the one form in which names are unique.

Nothing here repairs its input. A name is either stored exactly as it came or refused with a reason,
so that the same bytes are the same thing on every page, in every API and in both databases.
"""

import re
import unicodedata
from itertools import chain
from typing import Final
from urllib.parse import unquote

from apps.core.errors import Invalid
from apps.core.limits import (
    MAX_KEY,
    MAX_NAME,
    MAX_PATH_BYTES,
    MAX_PATH_COMPONENT_BYTES,
    MAX_PATH_DEPTH,
)

# First or second words of page and client addresses. A team or project with such a name could not
# be reached, or would hide one of our pages.
RESERVED: Final = frozenset(
    # Words in lines are easier to review than a list of seventy literals.
    """
    activity admin ajax-api api apple-touch-icon.png artifacts artifactsv2 assets audit authorize
    bin compare favicon.ico files get-artifact go golden-sets graphql health healthz help home keys
    labels login logout metrics model-versions models new oidc orgs people projects readyz registry
    reports robots.txt runs sdk search security settings setup share sign-in sign-out signin signout
    signup static storage team teams user users version versions viewer words .well-known
    """.split()  # noqa: SIM905
)

# Characters with a meaning in addresses, file systems, or the clients' own notation (`name:v3`).
_FORBIDDEN_IN_NAMES: Final = '/\\:%?#;"'

_INVISIBLE: Final = frozenset(
    chain(
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),  # joiners, fillers
        range(0x180B, 0x1810),  # variation selectors, here and below
        range(0xFE00, 0xFE10),
        range(0xE0100, 0xE01F0),
    )
)
# Latin letters that exist for phonetics; in a name they only serve to imitate the plain ones.
_PHONETIC: Final = (range(0x0250, 0x02B0), range(0x1D00, 0x1DC0))
# Alphabets that share shapes with Latin and with each other. One name uses at most one of them.
_LOOKALIKE_ALPHABETS: Final = frozenset(
    [
        "LATIN",
        "GREEK",
        "CYRILLIC",
        "COPTIC",
        "ARMENIAN",
        "CHEROKEE",
        "LISU",
        "DESERET",
        "OSAGE",
    ]
)
_BAD_CATEGORIES: Final = {
    "Cc": "a control character",
    "Cf": "an invisible character",
    "Cs": "half of a character (a lone surrogate)",
    "Co": "a private-use character",
    "Cn": "an unassigned character",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
    "Zs": "an unusual space",
}
_PLAIN_ASCII: Final = re.compile(r"[A-Za-z0-9_.+@=,~!$&'()*<>\[\]{}|^` -]+")
# Nearly every path; the characters of another are looked at one by one.
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9_.+@=,~!$&'()*<>\[\]{}|^`:\"/ -]+")
# A drive (`C:x`), or a scheme and a place (`s3://x`, `runs:/x`); `loss:val.png` is neither.
_ELSEWHERE: Final = re.compile(r"[A-Za-z](:|[A-Za-z0-9+.\-]*:/)")


def clean_name(
    text: object,
    *,
    field: str,
    max_length: int = MAX_NAME,
    what: str = "name",
    spaces: bool = True,
) -> str:
    """The text unchanged if it may name something; otherwise Invalid says what to change."""
    name = _text(text, field=field, what=what, max_length=max_length)
    if not name.strip():
        raise Invalid(f"Give a {what}.", field=field)
    if name != name.strip():
        raise Invalid(f"The {what} may not begin or end with a space.", field=field)
    for character in name:
        if character in _FORBIDDEN_IN_NAMES:
            raise Invalid(f"The {what} may not contain {character} .", field=field)
    if not spaces and " " in name:
        raise Invalid(f"The {what} may not contain spaces; use - or _ instead.", field=field)
    if not name.strip("."):
        raise Invalid(f"The {what} may not consist of dots only.", field=field)
    if _PLAIN_ASCII.fullmatch(name) is None:
        _refuse_deceptive(name, field=field, what=what)
    if len(name_key(name)) > max_length:
        raise Invalid(f"The {what} is too long; {max_length} characters at most.", field=field)
    return name


def name_key(text: str) -> str:
    """The form in which names are unique: case, width and composition do not count.

    Never longer than the `max_length` that `clean_name` was given, so both fit equal columns.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Turkish dotless i differs from i by one dot, too little to keep two production labels apart.
    return unicodedata.normalize("NFKC", folded.replace("ı", "i"))


def check_not_reserved(name: str, *, field: str, what: str = "name") -> None:
    """Refuse names that clash with the addresses of pages and client protocols."""
    if name_key(name) in RESERVED:
        raise Invalid(
            f"“{name}” is reserved for our own pages; choose another {what}.",
            field=field,
        )


def clean_key(text: object, *, field: str, max_length: int = MAX_KEY, what: str = "key") -> str:
    """The name of a metric, parameter or column as training code wrote it.

    Far freer than `clean_name` (`val/loss`, `mnist_ds:v0-ce_loss`, `50% quantile` are all in use),
    because such keys are data: shown, compared and never part of a path or a query's text.
    """
    key = _text(text, field=field, what=what, max_length=max_length)
    if not key.strip():
        raise Invalid(f"Give a {what}.", field=field)
    for character in key:
        if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise Invalid(f"The {what} contains {_named(character)}.", field=field)
    return key


def clean_text(text: object, *, field: str, max_length: int, multiline: bool = True) -> str:
    """Free text unchanged, or Invalid. Right-to-left marks stay: pages isolate it in <bdi>."""
    value = _text(text, field=field, what="text", max_length=max_length)
    allowed = "\n\r\t" if multiline else ""
    for character in value:
        # C0 and DEL. C1 is left alone: it is harmless on a page, and old encodings leave it behind.
        if (character < " " or character == "\x7f") and character not in allowed:
            raise Invalid(f"The text contains {_named(character)}.", field=field)
    return value


def clean_path(text: object, *, field: str = "path") -> str:
    """A logical file path inside an artifact, unchanged, or Invalid.

    Only ever text: content is stored under its digest and no path is opened. It is checked all the
    same, because clients write files under these names on their own machines.
    """
    path = _text(text, field=field, what="path", max_length=MAX_PATH_BYTES)
    if len(path.encode()) > MAX_PATH_BYTES:
        raise Invalid(f"The path is too long; {MAX_PATH_BYTES} bytes at most.", field=field)
    if not path:
        raise Invalid("Give a path.", field=field)
    if _PLAIN_PATH.fullmatch(path) is None:
        _refuse_unfit(path, field=field)
    if path.startswith("/"):
        raise Invalid("The path must be relative: leave out the first slash.", field=field)
    if _ELSEWHERE.match(path):
        raise Invalid("The path may not begin with a drive or a scheme.", field=field)
    components = path.split("/")
    if len(components) > MAX_PATH_DEPTH:
        raise Invalid(f"The path is too deep; {MAX_PATH_DEPTH} folders at most.", field=field)
    for component in components:
        _check_component(component, field=field)
    return path


def _refuse_unfit(path: str, *, field: str) -> None:
    for character in path:
        if character == "\\":
            raise Invalid("The path may not contain \\ .", field=field)
        if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp"):
            raise Invalid(f"The path contains {_named(character)}.", field=field)


def _check_component(component: str, *, field: str) -> None:
    if not component.strip():
        raise Invalid("The path has an empty part.", field=field)
    if len(component.encode()) > MAX_PATH_COMPONENT_BYTES:
        raise Invalid(
            f"A part of the path is too long; {MAX_PATH_COMPONENT_BYTES} bytes at most.",
            field=field,
        )
    # Fullwidth dots and slashes turn into plain ones wherever a file system or client normalises,
    # %2e and %2f wherever one takes the path out of an address once more than it was put into one.
    plain = _without_escapes(unicodedata.normalize("NFKC", component))
    # Some servers take `..;x` for `..` with a parameter.
    way = re.split("[;?#]", plain)[0].strip()
    if way in (".", "..") or any(mark in plain for mark in "/\\\x00"):
        raise Invalid("The path may not contain . or .. or disguised slashes.", field=field)


def _without_escapes(text: str) -> str:
    """The text with %2e and the like as what they stand for, escapes of escapes too."""
    while "%" in text and (plain := unicodedata.normalize("NFKC", unquote(text))) != text:
        text = plain
    return text


def _text(text: object, *, field: str, what: str, max_length: int) -> str:
    """A string within its length and without what no database can store."""
    if not isinstance(text, str):
        raise Invalid(f"The {what} must be text.", field=field)
    if len(text) > max_length:
        raise Invalid(f"The {what} is too long; {max_length} characters at most.", field=field)
    if "\x00" in text:
        raise Invalid(f"The {what} contains a NUL character.", field=field)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Invalid(f"The {what} contains {_BAD_CATEGORIES['Cs']}.", field=field) from None
    return text


def _refuse_deceptive(name: str, *, field: str, what: str) -> None:
    """Refuse a name that looks like another one. Called for names beyond plain ASCII only."""
    alphabets = set()
    for character in name:
        if character == " ":
            continue
        if unicodedata.category(character) in _BAD_CATEGORIES or ord(character) in _INVISIBLE:
            raise Invalid(f"The {what} contains {_named(character)}.", field=field)
        if any(ord(character) in letters for letters in _PHONETIC):
            raise Invalid(f"The {what} contains {_named(character)}.", field=field)
        if character.isalpha():
            alphabets.add(unicodedata.name(character, "").partition(" ")[0])
    plain = unicodedata.normalize("NFKC", name)
    if plain != name:
        raise Invalid(f"Write the {what} with plain characters: “{plain}”.", field=field)
    if unicodedata.category(name[0]).startswith("M"):
        raise Invalid(f"The {what} may not begin with an accent.", field=field)
    if len(alphabets & _LOOKALIKE_ALPHABETS) > 1:
        mixed = " and ".join(sorted(found.title() for found in alphabets & _LOOKALIKE_ALPHABETS))
        raise Invalid(
            f"The {what} mixes {mixed} letters, which look alike; use one alphabet.",
            field=field,
        )


def _named(character: str) -> str:
    """What a character is, for a message; never the character itself, which may not be visible."""
    number = f"U+{ord(character):04X}"
    kind = _BAD_CATEGORIES.get(unicodedata.category(character))
    if kind is None:
        kind = "an invisible character" if ord(character) in _INVISIBLE else "a look-alike letter"
    return f"{kind} ({number})"
