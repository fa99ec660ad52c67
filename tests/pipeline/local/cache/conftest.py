import pytest

from pipeline import plan


@pytest.fixture(autouse=True)
def code(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    versions = {f"components.{step}": "1" for step in ("ingest", "features", "train")}
    monkeypatch.setattr(plan, "code_version", versions.__getitem__)
    return versions
