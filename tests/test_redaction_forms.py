"""A secret is masked in the forms in which programs show it."""

from __future__ import annotations

import json
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from runner.redaction import Redactor

SECRET = "p@ss/w \"rd'\\ü%1"


def test_forms_of_one_secret() -> None:
    redactor = Redactor([SECRET])
    for form in (SECRET, quote(SECRET), quote(SECRET, safe=""), repr(SECRET), json.dumps(SECRET)):
        cleaned = redactor.clean(f"<{form}>")
        assert "ss/w" not in cleaned and "ss%2Fw" not in cleaned, cleaned


def test_a_password_written_for_a_url_is_masked_as_it_is_meant() -> None:
    assert Redactor(["pass%40word"]).clean("pass@word pass%40word") == "*** ***"


def test_the_lines_of_a_private_key_are_masked_one_by_one() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n"
    assert Redactor([key]).clean("line 2: MIIEvQIBADANBgkq") == "line 2: ***"
    assert Redactor([key]).clean(key) == "***"


def test_a_secret_inside_of_another_does_not_split_it() -> None:
    assert Redactor(["abcd", "abcdefgh"]).clean("abcdefgh abcd") == "*** ***"


def test_without_secrets_text_stays() -> None:
    assert Redactor().clean("a") == "a"


@given(st.text(alphabet="0123456789/+=", min_size=6), st.text(alphabet="abc .:'\""))
def test_found_anywhere(secret: str, around: str) -> None:
    cleaned = Redactor([secret]).clean(around + secret + around)
    assert cleaned == f"{around}***{around}"
