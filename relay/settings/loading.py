"""How settings come to be: read once at the start, refused early with words, never printed where they are secret."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from relay.settings.schema import Settings, UnreadableError
from relay.settings.sources import read_values
from relay.words.texts import TextsError, read_texts


class SettingsError(Exception):
    """Settings that cannot be used: one line per wrong field, naming it and never showing its value."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def load_settings(env_file: Path | None = Path(".env")) -> Settings:
    """Read the environment, the files that it names, and `env_file` if there is one.

    Raises SettingsError with a line for each field that is missing or wrong.
    """
    try:
        values = read_values(Settings, env_file)
    except (OSError, UnicodeError):
        raise SettingsError([f"{env_file}: is there and cannot be read as text in UTF-8."]) from None
    try:
        return settings_from(values)
    except SettingsError as error:
        if not values and env_file is not None and not env_file.exists():
            error.lines.append(f"Nothing is set, and there is no file {env_file.absolute()}. Begin with: relay setup")
        raise


def settings_from(values: Mapping[str, object]) -> Settings:
    """Settings of these values, by field; the operator's texts are checked too.

    Raises SettingsError with a line for each field that is missing or wrong.
    """
    try:
        settings = Settings.model_validate(values)
        if settings.relay_texts_file is not None:
            read_texts(settings.relay_texts_file)
    except ValidationError as error:
        lines = [_line(str(wrong["loc"][0]), wrong) for wrong in error.errors(include_url=False, include_input=False)]
    except TextsError as error:
        lines = [f"RELAY_TEXTS_FILE: {error}"]
    else:
        return settings
    raise SettingsError(lines)  # outside of the handler: the error may not hang on it, it knows the values


def check_value(field: str, value: str) -> None:
    """Raise SettingsError, with its one line, if the value cannot be this setting's whatever the others are."""
    info = Settings.model_fields[field]
    shape: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    try:
        TypeAdapter(shape).validate_python(value)
    except ValidationError as error:
        [*_, wrong] = error.errors(include_url=False, include_input=False)
        line = _line(field, wrong)
    else:
        return
    raise SettingsError([line])


def summary(settings: Settings) -> dict[str, object]:
    """All settings for the log of a start: secrets only as "set"."""
    shown = {field: _shown(getattr(settings, field)) for field in type(settings).model_fields}
    return {**shown, "relay_database_url": settings.database_name}


def _shown(value: object) -> object:
    match value:
        case SecretStr():
            return "set"
        case None:
            return "not set"
        case Path():
            return str(value)
        case _:
            return value


#: pydantic's name of an error, and our words for it; {} are filled from the error's context.
_WORDS: Final = {
    "int_parsing": "must be a whole number.",
    "float_parsing": "must be a number.",
    "bool_parsing": "must be true or false.",
    "finite_number": "must be a number.",
    "greater_than_equal": "must be {ge} or more.",
    "less_than_equal": "must be {le} or less.",
    "literal_error": "must be one of: {expected}.",
}


def _line(field: str, wrong: ErrorDetails) -> str:
    context = wrong.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, UnreadableError):
        return str(cause)
    if cause is not None:
        words = str(cause)
    elif wrong["type"] == "missing":
        words = f"is missing. {Settings.model_fields[field].description}"
    else:
        words = _WORDS.get(wrong["type"], "cannot be used.").format(**context)
    return f"{field.upper()}: {words}"
