"""What mkdocs does not do by itself: the navigation from the folders, the API's pages, and pages of what
stands outside docs/: README as the first page, examples with their source, benchmarks, the changelog."""

from __future__ import annotations

import ast
import json
import os
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from scripts.site import api  # noqa: E402

LINK = re.compile(r"(\]\(|src=\")([^)\s\"]+)")
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
OUTSIDE = {
    "README.md": "index.md",
    "benchmarks/README.md": "benchmarks/method.md",
    "benchmarks/results/latest.md": "benchmarks/latest.md",
    "benchmarks/results/avx2.md": "benchmarks/avx2.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "LICENSE": "project/licence.md",
    "examples": "examples/index.md",
}
"""Files of the repository and the pages of the site that show them; examples beside these."""


def pages_outside() -> dict[str, str]:
    """All of `OUTSIDE`, and a page for each example."""
    programs = _examples()
    return OUTSIDE | {f"examples/{p.name}": f"examples/{p.stem}.md" for p in programs}


def _examples() -> list[Path]:
    """Programs and notebooks."""
    found = sorted(p for p in (ROOT / "examples").iterdir() if p.suffix in (".py", ".ipynb"))
    return [p for p in found if p.name != "__init__.py"]


def title_of(page: Path) -> str:
    """The first heading of a Markdown file."""
    found = re.search(r"^# (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else page.stem


def guide() -> list[Path]:
    """The pages of the guide: the numbered ones in their order, then the others."""
    return sorted((ROOT / "docs" / "guide").glob("*.md"), key=lambda p: (not p.name[0].isdigit(), p.name))


def navigation() -> list[Any]:
    """The site's navigation, from the folders as they are."""
    reports = sorted((ROOT / "docs" / "reports").glob("R*.md"))
    programs = [page for page in pages_outside().values() if page.startswith("examples/")]
    return [
        {"Home": "index.md"},
        {"Guide": [{title_of(p): f"guide/{p.name}"} for p in guide()]},
        {"API": ["api/index.md", *({topic.title: topic.path} for topic in api.topics())]},
        {
            "Reports": [
                "reports/README.md",
                *({title_of(p): f"reports/{p.name}"} for p in reports if p.name != "README.md"),
            ]
        },
        {"Examples": ["examples/index.md", *(p for p in programs if p != "examples/index.md")]},
        {
            "Benchmarks": [
                {"Results": "benchmarks/latest.md"},
                {"Results with AVX2": "benchmarks/avx2.md"},
                {"Method": "benchmarks/method.md"},
            ]
        },
        {"Project": [p for p in OUTSIDE.values() if p.startswith("project/")]},
    ]


def on_config(config: Any) -> Any:
    config.nav = navigation()
    config.watch += [str(ROOT / "src"), str(ROOT / "README.md"), str(ROOT / "examples")]
    return config


def on_files(files: Any, config: Any) -> Any:
    from mkdocs.structure.files import File

    for source, page in pages_outside().items():
        files.append(File.generated(config, page, content=_content(ROOT / source)))
    for path, text in api.pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def _content(source: Path) -> str:
    if source.is_dir():
        programs = [(p, _summary(p)) for p in _examples()]
        rows = [f"| [{p.stem}]({p.stem}.md) | {text} |" for p, text in programs]
        return "\n".join(["# Examples", "", "| program | what it is |", "|---|---|", *rows]) + "\n"
    text = source.read_text(encoding="utf-8")
    if source.suffix == ".ipynb":
        return _notebook(text)
    if source.suffix == ".py":
        return f"# {source.name}\n\n```python\n{text}```\n"
    return text if source.suffix == ".md" else f"# Licence\n\n```text\n{text}```\n"


def _notebook(text: str) -> str:
    """A notebook's cells as Markdown; without outputs, which the repository's do not have."""
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(text)["cells"]]
    return "\n\n".join(f"```python\n{source}\n```" if kind == "code" else source for kind, source in cells)


def _summary(program: Path) -> str:
    """The first sentence of a program's docstring, or the heading of a notebook."""
    text = program.read_text(encoding="utf-8")
    if program.suffix == ".ipynb":
        return "notebook: " + _notebook(text).partition("\n")[0].lstrip("# ")
    text = ast.get_docstring(ast.parse(text)) or ""
    return re.split(r"(?<=[.:])\s", " ".join(text.split()), maxsplit=1)[0].rstrip(":")


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links between files of the repository become links between pages of the site."""
    if page.file.src_uri.startswith("api/"):
        return markdown
    if page.file.src_uri == "index.md":
        page.meta["hide"] = ["navigation"]
    parts = FENCE.split(markdown)
    parts = [part if part.startswith("```") else _links(part, page.file.src_uri) for part in parts]
    if page.file.src_uri == "guide/layers.md":
        parts = [part if part.startswith("```") else _to_api(part, "nn") for part in parts]
    return "".join(parts)


def _to_api(text: str, package: str) -> str:
    """Names of a package become links to what the API says of them."""
    known = api.entries()

    def linked(match: re.Match[str]) -> str:
        there = known.get(f"{package}.{match[1]}")
        return f"[{match[0]}][{there}]" if there else match[0]

    return re.sub(r"`(\w+)`", linked, text)


def _links(text: str, page: str) -> str:
    shown = pages_outside()
    sources = {there: source for source, there in shown.items()}
    source = sources.get(page, f"docs/{page}")
    here = posixpath.dirname(page)

    def moved(match: re.Match[str]) -> str:
        start, link = match.groups()
        path, mark, place = link.partition("#")
        if "://" in link or not path or (source == "examples" and path.endswith(".md")):
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        there = shown.get(target) or (target[5:] if target.startswith("docs/") else None)
        if there is None:
            return match[0]
        return f"{start}{os.path.relpath(there, here or '.').replace(os.sep, '/')}{mark}{place}"

    return LINK.sub(moved, text)
