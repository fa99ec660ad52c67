"""What a settings group is: a pydantic model whose fields also say what they decide and name."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from components.errors import broken_settings
from components.settings.renamed import refuse_renamed


def setting(
    default: Any,
    description: str,
    *,
    decisive: bool = True,
    external: tuple[str, ...] | None = None,
    **bounds: Any,
) -> Any:
    """Declares a setting.

    Args:
        default: Its default, which also gives the type of the KFP parameter.
        description: Its meaning, for `--help` and KFP.
        decisive: Whether the results of a step depend on it. A setting that only says where
            something is kept or run is not decisive.
        external: For a setting that names something outside the pipeline, such as a file: the
            values that are words with a meaning of their own. All others count by what they name.
        bounds: Pydantic's constraints, such as `ge=1`.
    """
    facts: dict[str, Any] = {"decisive": decisive, "external": external}
    return Field(default, description=description, json_schema_extra=facts, **bounds)


class SettingsGroup(BaseModel):
    """The settings of a step, validated.

    A subclass sets `title`, the heading of its own settings in `--help`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def check(cls, values: Mapping[str, Any]) -> Self:
        """Returns the group with these values.

        Args:
            values: Settings by name, as values or as text; those left out have their defaults.

        Raises:
            SettingError: If a value breaks its bounds, or there is no such setting: with the
                setting, the rule and the value.
        """
        refuse_renamed(values)
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise broken_settings(error) from error

    def to_yaml(self) -> str:
        """Returns the settings as a YAML document, which `--config` accepts."""
        values = {name: getattr(self, name) for name, _, _ in titled_fields(type(self))}
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)

    def decisive(self) -> dict[str, Any]:
        """Returns the settings that results depend on, JSON-able, by name."""
        return {
            name: value
            for name, value in self.model_dump().items()
            if is_decisive(type(self).model_fields[name])
        }


def is_decisive(field: FieldInfo) -> bool:
    """Returns whether results depend on a setting."""
    return bool(_facts(field)["decisive"])


def external_settings(group: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """Returns the settings that name something outside the pipeline.

    Returns:
        By name, the values that are words with a meaning of their own.
    """
    found = {name: _facts(field)["external"] for name, field in group.model_fields.items()}
    return {name: words for name, words in found.items() if words is not None}


def titled_fields(group: type[BaseModel]) -> Iterator[tuple[str, FieldInfo, str]]:
    """Yields each setting's name and field, with the title of the group that declares it.

    In the order of the groups that `group` inherits, as a reader of `--help` wants them.
    """
    for owner in group.__mro__:
        for name in vars(owner).get("__annotations__", {}):
            if name in group.model_fields:
                yield name, group.model_fields[name], getattr(owner, "title", "Options")


def _facts(field: FieldInfo) -> Mapping[str, Any]:
    extra = field.json_schema_extra
    facts: dict[str, Any] = {"decisive": True, "external": None}
    return {**facts, **extra} if isinstance(extra, dict) else facts
