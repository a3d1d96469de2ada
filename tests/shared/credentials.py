"""Credentials for tests."""

from collections.abc import Mapping, Sequence


class Rotating:
    """Credentials that have another token after each refusal."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)

    def headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.tokens[0]}"}

    def refresh(self) -> bool:
        if len(self.tokens) > 1:
            self.tokens.pop(0)
            return True
        return False

    def secrets(self) -> Sequence[str]:
        return self.tokens

    def describe(self) -> str:
        return "the token in token.txt"
