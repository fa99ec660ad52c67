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


def test_to_flags_of_a_preset_has_what_differs_from_it_and_what_is_always_named() -> None:
    settings = RunSettings(epochs=3)
    assert settings.to_flags({"epochs": 3}) == []
    preset = {"epochs": 4, "units": settings.units, "seed": settings.seed + 1}
    flags = settings.to_flags(preset, always={"units"})
    named = {"--seed": str(settings.seed), "--units": str(settings.units), "--epochs": "3"}
    assert dict(zip(flags[::2], flags[1::2], strict=True)) == named
