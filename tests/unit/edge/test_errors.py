import pickle

import pytest

from liteproof_edge import errors

EXIT_CODES = {
    errors.LiteproofError: 1,
    errors.DataError: 3,
    errors.PictureError: 3,
    errors.DatasetError: 3,
    errors.BundleError: 4,
    errors.ModelError: 4,
    errors.GateError: 6,
    errors.VerificationError: 6,
    errors.ResourceError: 7,
    errors.RuntimeMissingError: 7,
    errors.OutputError: 8,
}


@pytest.mark.parametrize("kind", EXIT_CODES, ids=lambda kind: kind.__name__)
def test_exit_code_is_the_one_promised_for(kind):
    assert kind("x").exit_code == EXIT_CODES[kind]


def test_exit_codes_are_known_for_every_error_of_the_module():
    found = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    assert found == set(EXIT_CODES)


@pytest.mark.parametrize("kind", EXIT_CODES, ids=lambda kind: kind.__name__)
def test_error_is_caught_by_the_root_for(kind):
    assert issubclass(kind, errors.LiteproofError)


def test_model_error_is_caught_as_a_bundle_error():
    assert issubclass(errors.ModelError, errors.BundleError)


@pytest.mark.parametrize("kind", EXIT_CODES, ids=lambda kind: kind.__name__)
def test_error_survives_pickling_for(kind):
    again = pickle.loads(pickle.dumps(kind("a.png: blank")))  # noqa: S301 - our own bytes
    assert (type(again), str(again), again.exit_code) == (kind, "a.png: blank", EXIT_CODES[kind])


@pytest.mark.parametrize("kind", EXIT_CODES, ids=lambda kind: kind.__name__)
def test_error_with_an_odd_path_survives_pickling_for(kind):
    error = kind("a\n\udcff.png: blank")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (again.args, str(again)) == (error.args, r"a\n\udcff.png: blank")


@pytest.mark.parametrize("kind", EXIT_CODES, ids=lambda kind: kind.__name__)
def test_error_may_say_nothing_for(kind):
    assert str(kind()) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seven.png", "seven.png"),
        ("Ziffer für 七.png", "Ziffer für 七.png"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("a\N{LINE SEPARATOR}b\N{NEXT LINE}c", r"a\u2028b\x85c"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe", r"\u202egnp.exe"),
        ("\udcff.png", r"\udcff.png"),
        ("", ""),
    ],
)
def test_one_line_escapes_what_cannot_be_printed(text, expected):
    assert errors.one_line(text) == expected


def test_error_message_is_one_line_whatever_the_path_holds():
    assert str(errors.PictureError("a\n\udcff.png: blank")) == r"a\n\udcff.png: blank"
