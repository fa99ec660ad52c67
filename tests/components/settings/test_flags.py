from components.settings.run import RunSettings


def test_to_flags_has_the_settings_that_differ_from_their_defaults() -> None:
    settings = RunSettings(epochs=9, force=True, train_embeddings=False, dataset="my photos")
    flags = settings.to_flags()
    assert flags[flags.index("--epochs") + 1] == "9"
    assert flags[flags.index("--dataset") + 1] == "my photos"
    assert {"--force", "--no-train-embeddings"} <= set(flags)
    assert len(flags) == 6


def test_to_flags_of_the_defaults_is_empty() -> None:
    assert RunSettings().to_flags() == []


def test_to_flags_with_defaults_gives_the_same_settings_again() -> None:
    flags = RunSettings(epochs=3, force=True).to_flags(defaults=True)
    assert "--no-train-embeddings" not in flags and "--train-embeddings" in flags
    assert flags[flags.index("--epochs") + 1] == "3"
    assert flags[flags.index("--units") + 1] == str(RunSettings().units)
