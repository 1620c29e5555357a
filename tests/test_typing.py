"""The type checker knows what agents give and tools take, and refuses wrong use."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("typing_cases.py")
ROOT = CASES.parents[1]


@pytest.mark.slow
def test_the_type_checker_agrees_line_by_line(tmp_path: Path) -> None:
    expected = {
        (number, match.group(1))
        for number, line in enumerate(CASES.read_text().splitlines(), 1)
        if (match := re.search(r"# fails: (\w+)$", line))
    }
    config = tmp_path / "pyrightconfig.json"
    config.write_text(
        json.dumps(
            {
                "include": [str(CASES)],
                "extraPaths": [str(ROOT)],
                "typeCheckingMode": "strict",
                "pythonVersion": "3.11",
                "reportUnusedExpression": False,
                "reportUnknownMemberType": False,
                "reportUnknownVariableType": False,
                "reportUnusedCoroutine": False,
            }
        )
    )
    checker = Path(sys.executable).with_name("basedpyright")
    process = subprocess.run(
        [checker, "--outputjson", "--pythonpath", sys.executable, "--project", config],
        capture_output=True,
        text=True,
        timeout=110,
    )
    report = json.loads(process.stdout)
    found = {
        (item["range"]["start"]["line"] + 1, item.get("rule", item["message"]))
        for item in report["generalDiagnostics"]
        if item["severity"] == "error"
    }
    assert found == expected
    assert report["summary"]["filesAnalyzed"] >= 1
