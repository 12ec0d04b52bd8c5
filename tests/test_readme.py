"""README keeps its word where a program can check that."""

import re
from pathlib import Path

from billetter.engine.readiness import REASONS
from billetter.settings import Settings

README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
GUIDE = Path(__file__).parents[1].joinpath("billetter", "guide")


def test_every_reason_not_to_be_ready_is_explained() -> None:
    text = GUIDE.joinpath("operating.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", text, re.MULTILINE)
    assert sorted(told) == sorted({*REASONS.values(), "redis", "evicts", "data"})


def test_configuration_table_is_the_settings() -> None:
    told = re.findall(r"^\| `(BILLETTER_\w+)` \| (.+?) \| (.+) \|$", README, re.MULTILINE)
    expected = [
        (f"BILLETTER_{name.upper()}", _shown(field.default), field.description)
        for name, field in Settings.model_fields.items()
    ]
    assert told == expected


def test_commands_are_there_for_ci_to_run() -> None:
    assert re.search(r"^python3 -m venv .* serve --demo$", README, re.MULTILINE)
    assert len(re.findall(r"^python3 -m venv .*pytest.*$", README, re.MULTILINE)) == 1


def _shown(default: object) -> str:
    if default is None:
        return "none"
    return f"`{int(default) if isinstance(default, bool) else default}`"
