"""Add the benchmark's picture to the documentation site, and refuse a page that would load something from elsewhere.

mkdocs.yml names this file as a hook. It imports mkdocs, which only ``make docs-site`` installs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

PICTURE = "benchmarks/latest.svg"
_LOADED = re.compile(
    r"<(?:script|img|iframe|source|audio|video)\b[^>]*?\bsrc=[\"']?((?:https?:)?//[^\s\"'>]+)"
    r"|<link\b(?![^>]*rel=[\"']?(?:canonical|next|prev))[^>]*?\bhref=[\"']?((?:https?:)?//[^\s\"'>]+)",
    re.IGNORECASE,
)


def loaded_from_elsewhere(html: str) -> list[str]:
    """Return the addresses of other machines that a browser would read to show a page."""
    return [first or second for first, second in _LOADED.findall(html)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the picture, which is outside the folder docs/."""
    from mkdocs.structure.files import File

    root = Path(config.config_file_path).parent
    files.append(File.generated(config, PICTURE, abs_src_path=str(root / PICTURE)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Point links to the picture at its place in the site."""
    return markdown.replace(f"](../{PICTURE})", f"]({PICTURE})")


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Raise if a browser would load a part of the page from another machine."""
    from mkdocs.exceptions import PluginError

    if 'class="mermaid"' in output:
        raise PluginError(
            f"{page.file.src_path} has a Mermaid diagram, whose program the theme loads from a CDN."
        )
    if found := loaded_from_elsewhere(output):
        raise PluginError(f"{page.file.src_path} loads {', '.join(found)}.")
    return output
