"""Names that nothing else has."""

import uuid

from kfp_workbench.local import identifiers


def test_an_identifier_is_a_random_uuid() -> None:
    texts = {identifiers.new() for _ in range(1000)}
    assert len(texts) == 1000
    for text in texts:
        found = uuid.UUID(text)
        assert (str(found), found.version, found.variant) == (text, 4, uuid.RFC_4122)
