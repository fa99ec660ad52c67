from pipeline.config import Settings


def test_settings_have_types_that_kfp_has_and_a_meaning() -> None:
    for name, field in Settings.model_fields.items():
        assert type(field.default) in (str, int, float, bool), name
        assert field.description, name
