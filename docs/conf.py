"""How Sphinx builds these pages: ``make docs``, ``make docs-check``."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = re.search(
    r'^#define SGO_VERSION "([^"]+)"',
    (ROOT / "csrc/core/sgostream.h").read_text(encoding="utf-8"),
    re.MULTILINE,
)

project = "sgostream"
author = "sgostream authors"
copyright = author  # noqa: A001
release = version = VERSION.group(1) if VERSION else ""

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]

# Notebooks are executed by tests of their own, never by the build.
nb_execution_mode = "off"
myst_enable_extensions = [
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "fieldlist",
]
myst_heading_anchors = 3
myst_links_external_new_tab = False

# References to other projects need their inventories from the network: off.
intersphinx_mapping: dict[str, tuple[str, None]] = {}

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
toc_object_entries_show_parents = "hide"

nitpicky = True
# What a signature may name and no page of ours describes.
nitpick_ignore_regex = [
    ("py:class", r"(collections\.abc|typing|datetime|asyncio|os)\..*"),
    ("py:class", r"(Any|Callable|Iterable|Iterator|Mapping|Sequence|Self)"),
    ("py:class", r"(bool|bytes|dict|float|int|list|object|str|tuple|type)"),
    ("py:class", r"(bytes-like|collections|None|datetime|optional|CapsuleType)"),
    ("py:class", r"(On(Error|Gap|State|Update|Stale)|Transport|Unpack|PathLike)"),
    ("py:class", r"_core\..*|sgostream\._.*|.*Options|_T_co|_typeshed\..*"),
    ("py:class", r"(BaseException|Exception|TracebackType|enum\..*|types\..*)"),
    ("py:exc", r"(TypeError|ValueError|RuntimeError|TimeoutError|KeyError)"),
    ("py:obj", r"typing\..*"),
    ("py:class", r"sgostream\.sim\..*|sgostream\.testing\._.*|pathlib\..*"),
]

# `type` in a signature is the builtin, though events have a member of that name.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = "sgostream"
html_static_path = ["_static"]
html_css_files = ["sgostream.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {
        "font-stack": "Inter, -apple-system, BlinkMacSystemFont, 'Segoe UI', "
        "Helvetica, Arial, sans-serif",
        "color-brand-primary": "#0b6e4f",
        "color-brand-content": "#0b6e4f",
    },
    "dark_css_variables": {
        "color-brand-primary": "#4fd1a5",
        "color-brand-content": "#4fd1a5",
    },
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
