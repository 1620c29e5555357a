"""Descriptions out of docstrings of three styles, and of none."""

import pytest

from agentkit.schema.docstrings import Docstring, parse_docstring

GOOGLE = """Find flights.

    Only direct ones.

    Args:
        origin: Where from.
        target (str, optional): Where
            to.
        *stops: On the way.
        **extras: More.

    Returns:
        Flights.

    Raises:
        ValueError: Never.
    """

NUMPY = """Find flights.

    Only direct ones.

    Parameters
    ----------
    origin : str
        Where from.
    target : str, optional
        Where
        to.
    *stops : str
        On the way.
    **extras : str
        More.

    Returns
    -------
    list
        Flights.
    """

SPHINX = """Find flights.

    Only direct ones.

    :param origin: Where from.
    :param str target: Where
        to.
    :param stops: On the way.
    :param extras: More.
    :returns: Flights.
    :raises ValueError: Never.
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_each_style_gives_the_same_descriptions(text: str):
    assert parse_docstring(text) == Docstring(
        "Find flights.\n\nOnly direct ones.",
        {"origin": "Where from.", "target": "Where to.", "stops": "On the way.", "extras": "More."},
    )


def test_two_names_in_one_numpy_entry_share_a_description():
    text = "Add.\n\nParameters\n----------\na, b : int\n    Summands."
    assert parse_docstring(text).parameters == {"a": "Summands.", "b": "Summands."}


@pytest.mark.parametrize("text", [None, "", "   \n "])
def test_no_docstring_gives_no_description(text: str | None):
    assert parse_docstring(text) == Docstring()


def test_a_text_without_sections_is_all_description():
    assert parse_docstring("One.\n\n    Note: two: three.\n") == Docstring("One.\n\nNote: two: three.")


def test_a_docstring_that_begins_with_its_section_has_no_description():
    assert parse_docstring("Args:\n    a: An a.") == Docstring("", {"a": "An a."})
