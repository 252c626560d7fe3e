"""Which file of trusted roots a client gets."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sgostream import _core, _options

API = "https://api.example.test/v2"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without CA certificates."""
    monkeypatch.setattr(_core, "default_ca_file", lambda: None)


def with_certifi(monkeypatch: pytest.MonkeyPatch) -> None:
    made = SimpleNamespace(where=lambda: "/site/certifi/cacert.pem")
    monkeypatch.setitem(sys.modules, "certifi", made)  # type: ignore[arg-type]


def test_the_environment_comes_before_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/some/where.pem")
    assert _core.default_ca_file() == "/some/where.pem"


def test_the_option_comes_before_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with_certifi(monkeypatch)
    assert _options.ca_file(Path("/a/b.pem"), API) == "/a/b.pem"


def test_the_core_finds_what_the_system_has(monkeypatch: pytest.MonkeyPatch) -> None:
    with_certifi(monkeypatch)
    monkeypatch.setattr(_core, "default_ca_file", lambda: "/etc/ssl/cert.pem")
    assert _options.ca_file(None, API) is None


@pytest.mark.usefixtures("bare")
def test_certifi_stands_in_where_the_system_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_certifi(monkeypatch)
    assert _options.ca_file(None, None) == "/site/certifi/cacert.pem"
    assert _options.ca_file(None, "http://127.0.0.1:1/v2") is None


@pytest.mark.usefixtures("bare")
def test_without_certifi_the_core_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert _options.ca_file(None, API) is None
