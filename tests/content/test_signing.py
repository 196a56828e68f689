"""A signed address is good for one thing, for a while, and only unchanged."""

import pytest

from apps.content.signing import (
    BadLink,
    DownloadLink,
    UploadLink,
    sign_download,
    sign_upload,
    verify_download,
    verify_upload,
)


def test_a_download_link_says_what_it_is_for() -> None:
    token = sign_download(digest="a" * 64, filename="model.bin", actor_id=3)

    assert verify_download(token) == DownloadLink("a" * 64, "model.bin", 3)


def test_an_upload_link_says_what_must_arrive() -> None:
    token = sign_upload(owner_id=1, md5="b" * 32, size_bytes=5, purpose="manifest", actor_id=3)

    assert verify_upload(token) == UploadLink(1, None, "b" * 32, 5, "manifest", 3)


def test_one_is_not_good_for_the_other() -> None:
    with pytest.raises(BadLink):
        verify_upload(sign_download(digest="a" * 64, filename="f"))
    with pytest.raises(BadLink):
        verify_download(sign_upload(owner_id=1))


def test_it_expires() -> None:
    with pytest.raises(BadLink, match="expired"):
        verify_download(sign_download(digest="a" * 64, filename="f", expires_in=-1))


def test_any_change_spoils_it() -> None:
    token = sign_download(digest="a" * 64, filename="f")

    for place in range(0, len(token), 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(BadLink):
            verify_download(changed)


@pytest.mark.parametrize("token", ["", ":", "a:b:c", "x" * 10_000, "\x00", "é:é:é"])
def test_rubbish_is_refused(token: str) -> None:
    with pytest.raises(BadLink):
        verify_download(token)
