import json
import logging
from pathlib import Path

import pytest

from components.trigger.long_captions import warn_of_long_captions


def test_warn_of_long_captions_names_the_flag_only_if_there_are_many(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = {"lengths": [0] * 24 + [10], "unspaced_share": 1.0}
    (tmp_path / "report.json").write_text(json.dumps({"words": words}))
    warn_of_long_captions(tmp_path, 24)
    assert caplog.records == []
    warn_of_long_captions(tmp_path, 20)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    for fact in ("100% of the captions (10)", "20 characters", "--max-words 24"):
        assert fact in record.getMessage()
