"""A secret shows itself to nobody but who asks for it by name."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle

import pytest
from IPython.core.ultratb import VerboseTB

from mdnb.errors import OptionError
from mdnb.secret import Secret

TEXT = "s3cret-7f0a"


@dataclasses.dataclass
class Login:
    """Holds a secret."""

    user: str
    password: Secret


def verbose(error: BaseException) -> str:
    """Return a traceback with all variables, as ``%xmode Verbose`` prints it."""
    made = VerboseTB(theme_name="nocolor")
    return made.text(type(error), error, error.__traceback__, context=50)


def test_it_is_shown_by_none_of_the_ways_in_which_python_shows_things() -> None:
    secret = Secret(TEXT)
    login = Login("me", secret)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", f"{secret:<20}", "%s" % secret]  # noqa: UP031
    shown += [repr(login), str(dataclasses.asdict(login)), repr([secret]), repr(dir(secret))]
    shown += [repr(getattr(secret, "__dict__", "")), repr(secret._reveal)]
    assert all(TEXT not in text for text in shown), shown
    assert shown[0] == "Secret(***)"
    assert secret.reveal() == TEXT


def test_it_is_no_text_that_could_be_joined_or_written() -> None:
    secret = Secret(TEXT)
    assert not isinstance(secret, str)
    with pytest.raises(TypeError):
        "Bearer " + secret  # type: ignore[operator]
    with pytest.raises(TypeError) as told:
        json.dumps({"key": secret})
    assert TEXT not in verbose(told.value)


def test_it_cannot_be_pickled_and_a_copy_is_itself() -> None:
    secret = Secret(TEXT)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(Login("me", secret), protocol)
    assert copy.copy(secret) is secret
    assert copy.deepcopy(Login("me", secret)).password is secret


def test_a_traceback_with_all_variables_has_a_mask_in_its_place() -> None:
    def fails(login: Login) -> None:
        password = login.password
        assert password.reveal()
        raise RuntimeError("wrong password")

    login = Login("me", Secret(TEXT))
    try:
        fails(login)
    except RuntimeError as error:
        made = error
    # This very frame has the text as a global, and is not looked at.
    tb = made.__traceback__
    assert tb is not None
    text = verbose(made.with_traceback(tb.tb_next))
    assert "Secret(***)" in text
    assert TEXT not in text


def test_a_log_has_a_mask_in_its_place(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("mdnb").debug("%s %r", Secret(TEXT), Secret(TEXT))
    assert caplog.messages == ["Secret(***) Secret(***)"]


@pytest.mark.parametrize("wrong", [TEXT.encode(), 12345678, None, "", " \n"])
def test_what_is_no_text_is_refused_without_a_word_of_it(wrong: object) -> None:
    with pytest.raises(OptionError, match="a secret is made of text") as told:
        Secret(wrong)  # type: ignore[arg-type]
    assert TEXT not in str(told.value)
    frame = told.value.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    assert frame is not None
    assert frame.tb_frame.f_locals["text"] == ""


def test_it_comes_from_the_environment_without_the_blanks_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDNB_TEST_SECRET", f" {TEXT}\n")
    found = Secret.from_environment("MDNB_TEST_SECRET")
    assert found is not None
    assert found.reveal() == TEXT
    monkeypatch.setenv("MDNB_TEST_SECRET", "  ")
    assert Secret.from_environment("MDNB_TEST_SECRET") is None
    monkeypatch.delenv("MDNB_TEST_SECRET")
    assert Secret.from_environment("MDNB_TEST_SECRET") is None


def test_no_attribute_can_be_added_that_would_be_shown() -> None:
    with pytest.raises(AttributeError):
        Secret(TEXT).text = TEXT  # type: ignore[attr-defined]
