"""Settings groups: pydantic models whose fields also declare their effect on results."""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
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
        default: The default value; its type is also that of the KFP parameter.
        description: The meaning, for `--help` and KFP.
        decisive: Whether a step's results depend on the setting. One that only says where something
            is stored or run is not decisive.
        external: For a setting that names something outside the pipeline, such as a file: its
            keywords, such as `imagenet`. All other values count by the content that they name.
        bounds: Pydantic's constraints, such as `ge=1`.

    Returns:
        The pydantic field.
    """
    metadata: dict[str, Any] = {"decisive": decisive, "external": external}
    return Field(default, description=description, json_schema_extra=metadata, **bounds)


class SettingsGroup(BaseModel):
    """The settings of a step, validated.

    A subclass sets `title`, the heading of its own settings in `--help`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def check(cls, values: Mapping[str, Any]) -> Self:
        """Validates values and returns the group.

        Args:
            values: Settings by name, as values or as text; missing ones get their defaults.

        Raises:
            SettingError: If a value is invalid or a setting unknown; the message has the setting,
                the rule and the value.
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

    def to_flags(
        self, base: Mapping[str, Any] = MappingProxyType({}), *, always: Collection[str] = ()
    ) -> list[str]:
        """Returns the settings that differ from those of a preset as command-line flags.

        Args:
            base: The preset's settings by name; those that it lacks have their defaults.
            always: Names of settings to include in any case.
        """
        flags = []
        for name, field, _ in titled_fields(type(self)):
            value = getattr(self, name)
            if value == base.get(name, field.default) and name not in always:
                continue
            if isinstance(value, bool):
                flags.append(flag(name) if value else f"--no-{flag(name)[2:]}")
            else:
                flags += [flag(name), str(value)]
        return flags

    def decisive(self) -> dict[str, Any]:
        """Returns the settings that results depend on, by name, as JSON-serialisable values."""
        return self.model_dump(include=decisive_settings(type(self)))


def flag(name: str) -> str:
    """Returns the command-line flag of a setting."""
    return "--" + name.replace("_", "-")


def decisive_settings(*groups: type[BaseModel]) -> set[str]:
    """Returns the names of the settings of some groups that results depend on."""
    return {
        name
        for group in groups
        for name, field in group.model_fields.items()
        if _metadata(field)["decisive"]
    }


def external_settings(group: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """Returns the settings that name something outside the pipeline.

    Returns:
        The keywords of each setting, by its name, see `setting`.
    """
    keywords = {name: _metadata(field)["external"] for name, field in group.model_fields.items()}
    return {name: words for name, words in keywords.items() if words is not None}


def titled_fields(group: type[BaseModel]) -> Iterator[tuple[str, FieldInfo, str]]:
    """Yields each setting's name and field, with the title of the group that declares it.

    The settings are in the order of the inherited groups, as in `--help`.
    """
    for owner in group.__mro__:
        for name in vars(owner).get("__annotations__", {}):
            if name in group.model_fields:
                yield name, group.model_fields[name], getattr(owner, "title", "Options")


def _metadata(field: FieldInfo) -> Mapping[str, Any]:
    extra = field.json_schema_extra
    defaults: dict[str, Any] = {"decisive": True, "external": None}
    return {**defaults, **extra} if isinstance(extra, dict) else defaults
