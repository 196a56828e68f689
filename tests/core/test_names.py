"""Which names, texts and paths are taken, and which say why they are not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import Invalid
from apps.core.names import (
    RESERVED,
    check_not_reserved,
    clean_key,
    clean_name,
    clean_path,
    clean_text,
    name_key,
)


def name(text: object) -> str:
    return clean_name(text, field="name")


@pytest.mark.parametrize(
    "text",
    [
        "mnist_model_candidates",
        "MNIST",
        "a",
        "v1.2-rc+3@home",
        "with space",
        "x" * 128,
        "数字モデル",
        "数字 model v2",
        "한국어 모델",
        "модель",
        "μοντέλο",
        "é",
        "Größe",
        "..a",
        "__import__",
        "${7*7}",
        "{0.__class__}",
        "=1+1",
        "<script>alert(1)<|script>",
        "😀",
    ],
)
def test_names_are_taken_exactly(text: str) -> None:
    assert name(text) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Give a name"),
        ("   ", "Give a name"),
        (" a", "begin or end with a space"),
        ("production ", "begin or end with a space"),
        ("a\u00a0", "space"),
        ("a\u3000b", "unusual space"),
        (".", "dots only"),
        ("..", "dots only"),
        ("...", "dots only"),
        ("a/b", "may not contain /"),
        ("a\\b", "may not contain \\\\"),
        ("a:b", "may not contain :"),
        ("a%2Fb", "may not contain %"),
        ("a?b", "may not contain"),
        ("a#b", "may not contain"),
        ("a;b", "may not contain"),
        ('a"b', "may not contain"),
        ("a\x00b", "NUL"),
        ("a\nb", r"control character \(U\+000A\)"),
        ("a\x7fb", "control character"),
        ("a\x85b", "control character"),
        ("a\u200bb", "invisible"),
        ("a\u200db", "invisible"),
        ("a\u00adb", "invisible"),
        ("a\u202eb", "invisible"),
        ("a\u2066b", "invisible"),
        ("\ufeffa", "invisible"),
        ("a\ufe0f", "invisible"),
        ("a\u3164b", "invisible"),
        ("a\U000e0041b", "invisible"),
        ("a\u2028b", "line separator"),
        ("a\ue000b", "private-use"),
        ("a\uffffb", "unassigned"),
        ("a\ud800b", "surrogate"),
        ("prоduction", "mixes Cyrillic and Latin"),
        ("Αlpha", "mixes Greek and Latin"),
        ("ｐroduction", "plain characters: “production”"),
        ("①", "plain characters: “1”"),
        ("e\u0301", "plain characters: “é”"),
        ("ﬁne", "plain characters: “fine”"),
        ("stɑging", "look-alike letter"),
        ("\u0301a", "begin with an accent"),
        ("x" * 129, "128 characters at most"),
        ("ß" * 128, "128 characters at most"),  # unique as ss, which must fit the column too
        (None, "must be text"),
        (1, "must be text"),
        (["a"], "must be text"),
    ],
)
def test_names_that_deceive_or_break_addresses_are_refused(text: object, says: str) -> None:
    with pytest.raises(Invalid, match=says) as refusal:
        name(text)

    assert refusal.value.field == "name"
    # The message can be shown and logged as it is.
    assert refusal.value.message.isprintable()


def test_spaces_can_be_refused() -> None:
    with pytest.raises(Invalid, match="spaces"):
        clean_name("a b", field="name", spaces=False)


def test_a_very_long_name_is_refused() -> None:
    with pytest.raises(Invalid):
        name("é" * 1_000_000)


@pytest.mark.parametrize(
    "variant",
    ["Production", "PRODUCTION", "ｐｒｏｄｕｃｔｉｏｎ", "productıon", "𝐩𝐫𝐨𝐝𝐮𝐜𝐭𝐢𝐨𝐧"],
)
def test_variants_of_a_name_share_one_key(variant: str) -> None:
    assert name_key(variant) == name_key("production") == "production"


@given(st.text(max_size=200))
def test_a_taken_name_has_a_stable_key_that_fits(text: str) -> None:
    try:
        taken = name(text)
    except Invalid:
        return
    key = name_key(taken)
    assert taken == text
    assert 0 < len(key) <= 128
    assert name_key(key) == key
    assert name_key(unicodedata.normalize("NFD", taken)) == key


def test_words_of_our_addresses_are_reserved() -> None:
    for word in [*RESERVED, "Models", "API", "artifactsV2"]:
        with pytest.raises(Invalid, match="reserved"):
            check_not_reserved(word, field="name")
    check_not_reserved("mnist", field="name")
    check_not_reserved("model-registry", field="name")


@pytest.mark.parametrize(
    "key",
    ["loss", "val/loss", "mnist_ds:v0-ce_loss", "50% quantile", "_connector", "a__b", " x ", "σ"],
)
def test_keys_of_metrics_are_free(key: str) -> None:
    assert clean_key(key, field="key") == key


@pytest.mark.parametrize("key", ["", " ", "a\x00", "a\nb", "\ud800", "x" * 513, 1, None])
def test_keys_that_cannot_be_stored_or_shown_are_refused(key: object) -> None:
    with pytest.raises(Invalid):
        clean_key(key, field="key")


@pytest.mark.parametrize(
    "text", ["", "a\nb\r\n\tc", "עברית \u202e mixed", "z͑ͫ̓ͪ̂ͫ̽͏̴̙̤", "😀", "'; DROP TABLE x"]
)
def test_free_text_is_taken_exactly(text: str) -> None:
    assert clean_text(text, field="notes", max_length=100) == text


@pytest.mark.parametrize("text", ["a\x00", "a\x1b[31m", "\ud800", "x" * 101, None])
def test_free_text_that_cannot_be_stored_is_refused(text: object) -> None:
    with pytest.raises(Invalid) as refusal:
        clean_text(text, field="notes", max_length=100)

    assert refusal.value.field == "notes"


def test_a_single_line_takes_no_newline() -> None:
    with pytest.raises(Invalid, match=r"U\+000A"):
        clean_text("a\nb", field="title", max_length=100, multiline=False)


@pytest.mark.parametrize(
    "path",
    [
        "model.pkl",
        "a/b/c.txt",
        "media/images/val_0_ab12.png",
        "2026-01-31T12:00:00.txt",
        "...",
        ".hidden",
        "名前/ファイル.txt",
        "with space.txt",
        "/".join(["d"] * 64),
        "x" * 255,
        "100%.txt",
        "50%25.txt",
        "what?.png",
        "take #3; final.wav",
        "loss:val.png",
    ],
)
def test_paths_are_taken_exactly(path: str) -> None:
    assert clean_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "/",
        "/etc/passwd",
        "//host/share",
        "../../etc/passwd",
        "a/../b",
        "a/./b",
        "a//b",
        "a/",
        "a/..",
        "a/.. /b",
        "..\\..\\windows",
        "a\\b",
        "C:/windows",
        "c:windows",
        "file:///etc/passwd",
        "s3://bucket/x",
        "runs:/abc/x",
        "mlflow-artifacts:/../../x",
        "..;/..;/etc/passwd",
        "a/.;x/b",
        "a/..?b",
        "..%3b/x",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc",
        "a%00b",
        "%252e%252e/x",
        "a/%252525252e%2e/x",
        "a%5cb",
        "％2e％2e/x",
        "s3:/x",
        "a\x00b",
        "a\nb",
        "a\u202etxt.exe",
        "．．/x",
        "a／..／b",
        "‥/x",
        "a\ud800",
        "/".join(["d"] * 65),
        "/".join(["d"] * 300),
        "x" * 256,
        "é" * 128,
        "x/" * 512 + "x",
        None,
        ["a"],
    ],
)
def test_paths_that_lead_elsewhere_are_refused(path: object) -> None:
    with pytest.raises(Invalid) as refusal:
        clean_path(path)

    assert refusal.value.field == "path"
