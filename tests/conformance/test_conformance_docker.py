"""Local runs in containers do what the backend did: one recorded case in five, and some of our own."""

from typing import Any

import pytest

from conformance.calling import GOLDEN, OWN, conformance


@pytest.mark.parametrize("folder", [OWN, *GOLDEN], ids=lambda folder: folder.name)
def test_no_case_differs_in_containers(folder: Any, client: Any) -> None:
    result = conformance(folder, "docker", "--every", "5")

    assert result.differ == {}, result.table
    assert result.agree
