"""SHA-256, with or without OpenSSL."""

import hashlib
import subprocess
import sys

import pytest

from kfp_workbench import digests
from shared.baking import TEMPLATE


@pytest.mark.parametrize("size", [0, 1, digests.LARGE - 1, digests.LARGE])
def test_a_digest_is_that_of_sha_256(size: int) -> None:
    content = b"a" * size
    digest = digests.sha256(content)
    assert digest.hexdigest() == hashlib.sha256(content).hexdigest()
    digest.update(b"b")
    assert digest.digest() == hashlib.sha256(content + b"b").digest()


@pytest.mark.parametrize(("built_without", "loads"), [("", False), ("_sha2 _sha256", True)])
def test_what_is_small_needs_no_openssl(built_without: str, loads: bool) -> None:
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys('{built_without}'.split()))\n"
        "from kfp_workbench.digests import sha256\n"
        "print(sha256(b'a').hexdigest(), 'hashlib' in sys.modules)\n"
    )
    words = [sys.executable, "-c", code]
    result = subprocess.run(words, cwd=TEMPLATE, capture_output=True, text=True, check=True)
    assert result.stdout == f"{hashlib.sha256(b'a').hexdigest()} {loads}\n"
