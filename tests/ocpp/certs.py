"""Certificates for the tests of TLS, made by the `openssl` command of the machine."""

import shutil
import subprocess
from pathlib import Path

import attrs
import pytest

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


@attrs.frozen
class Authority:
    """A root of our own that signs certificates for servers."""

    directory: Path

    @property
    def root(self) -> Path:
        return self.directory / "ca.pem"

    def sign(self, name: str, *, host: str = "localhost", days: int = 2) -> tuple[Path, Path]:
        """Certificate and key for `host`; a negative number of days makes one that has expired."""
        key, request, certificate = (self.directory / f"{name}.{end}" for end in ("key", "csr", "pem"))
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{host}\n")
        _openssl("req", "-new", *KEY, "-keyout", key, "-out", request, "-subj", f"/CN={host}")
        signing = ("-CA", self.root, "-CAkey", self.directory / "ca.key", "-CAcreateserial", "-days", str(days))
        _openssl("x509", "-req", "-in", request, *signing, "-extfile", extensions, "-out", certificate)
        return certificate, key


def authority(directory: Path) -> Authority:
    """A new root below `directory`. Skips the test where there is no `openssl` command."""
    if not shutil.which("openssl"):
        pytest.skip("the openssl command is not installed, and it makes the certificates of this test")
    root = ("-keyout", directory / "ca.key", "-out", directory / "ca.pem", "-days", "2", "-subj", "/CN=test root")
    _openssl("req", "-x509", *KEY, *root)
    return Authority(directory)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
