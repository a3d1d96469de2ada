"""What a docstring says of a step, in each of the styles that kfp knows."""

import pytest

from kfp_workbench.project import docstrings

GOOGLE = """Train a model.

    It is a forest.

    Args:
        data (Dataset): Rows to
            train on.
        trees: How many: at least 1
        kept:

    Returns:
        accuracy: Of the model.

    Raises:
        InputError: if it cannot.
    """
REST = """Train a model.

    It is a forest.

    :param data: Rows to
        train on.
    :param int trees: How many: at least 1
    :raises InputError: if it cannot
    :return: Of the model.
    """
NUMPY = """Train a model.

    It is a forest.

    Parameters
    ----------
    data : Dataset
        Rows to
        train on.
    trees
        How many: at least 1

    Returns
    -------
    accuracy : float
        Of the model.
    """
INPUTS = {"data": "Rows to train on.", "trees": "How many: at least 1"}


@pytest.mark.parametrize(
    ("text", "inputs", "outputs"),
    [
        (GOOGLE, {**INPUTS, "kept": ""}, {"accuracy": "Of the model."}),
        (REST, INPUTS, {}),
        (NUMPY, INPUTS, {"accuracy": "Of the model."}),
    ],
    ids=["google", "rest", "numpy"],
)
def test_each_style_is_read(text: str, inputs: dict[str, str], outputs: dict[str, str]) -> None:
    found = docstrings.read(text)
    assert found.description == "Train a model.\n\nIt is a forest."
    assert found.inputs == inputs
    assert found.outputs == outputs


@pytest.mark.parametrize(
    ("text", "description", "returned"),
    [
        (None, "", ""),
        ("", "", ""),
        ("One line.", "One line.", ""),
        (
            "One line.\n\n    Returns:\n        The rest\n        of it.",
            "One line.",
            "The rest of it.",
        ),
        ("One line.\n\n    :returns: The rest.", "One line.", "The rest."),
        ("One line.\n\n    >>> f()\n    2\n    ", "One line.", ""),
        ("Note: no heading.", "Note: no heading.", ""),
    ],
)
def test_description_ends_where_parts_begin(
    text: str | None, description: str, returned: str
) -> None:
    found = docstrings.read(text)
    assert (found.description, found.returned) == (description, returned)
