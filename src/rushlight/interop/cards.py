"""The page that stands beside a model's weights: what it is, and how it is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["model_card"]

TAG = "model_hub_mixin"
_LINKS = {"repo_url": "Code", "paper_url": "Paper", "docs_url": "Documentation"}
_FACTS = ("language", "license", "license_name", "license_link", "library_name", "pipeline_tag", "tags")


def model_card(name: str, facts: Mapping[str, Any]) -> str:
    """The Markdown text, with its table of facts as the Hub reads it.

    >>> print(model_card("Net", {"license": "mit", "repo_url": "https://example.org"}))
    ---
    license: "mit"
    library_name: "rushlight"
    tags: ["model_hub_mixin"]
    ---
    <BLANKLINE>
    # Net
    <BLANKLINE>
    A model of Rushlight, saved by `rushlight.hub.ModelHubMixin`. It is loaded by its class:
    <BLANKLINE>
    ```python
    model = Net.from_pretrained("owner/name")  # the name of this repository, or a folder
    ```
    <BLANKLINE>
    - Code: https://example.org
    <BLANKLINE>
    """
    known = {"library_name": "rushlight", **facts}
    known["tags"] = list(dict.fromkeys([*(facts.get("tags") or ()), TAG]))
    # JSON's strings and lists are YAML's, too.
    table = [f"{key}: {json.dumps(known[key])}" for key in _FACTS if known.get(key)]
    links = [f"- {title}: {known[key]}" for key, title in _LINKS.items() if known.get(key)]
    lines = ["---", *table, "---", "", f"# {name}", "", *_text(name), "", *links]
    return "\n".join(lines).rstrip("\n") + "\n"


def _text(name: str) -> list[str]:
    return [
        "A model of Rushlight, saved by `rushlight.hub.ModelHubMixin`. It is loaded by its class:",
        "",
        "```python",
        f'model = {name}.from_pretrained("owner/name")  # the name of this repository, or a folder',
        "```",
    ]
