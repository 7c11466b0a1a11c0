"""How an encoder is spelled: ``family:name[/variant][?key=value&...]``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from lookalike.errors import UnknownNameError, UsageError


@dataclass(frozen=True)
class EncoderName:
    """An encoder's name, taken apart.

    Attributes:
        text: The whole spelling.
        family: Before the first colon; the whole name where there is none (``pixels``).
        rest: Between the colon and the question mark: a name, ``name/variant`` or a file.
        options: What follows the question mark, percent-decoded.
    """

    text: str
    family: str
    rest: str
    options: dict[str, str] = field(hash=False)

    def allow(self, known: Iterable[str]) -> None:
        """Raise `UnknownNameError` for an option that is not among those known."""
        known = set(known)
        for option in self.options:
            if option not in known:
                raise UnknownNameError(
                    f"option of {self.family}",
                    option,
                    known,
                    cure="options: " + (", ".join(sorted(known)) or "none"),
                )

    def choice(self, option: str, allowed: tuple[str, ...], default: str) -> str:
        """An option's value, one of a few."""
        value = self.options.get(option, default)
        if value not in allowed:
            raise UsageError(
                f"{option}={value} is not a choice",
                where=self.text,
                cure="one of " + ", ".join(allowed),
            )
        return value

    def whole(self, option: str, default: int, *, least: int = 0) -> int:
        """An option's value as a whole number of at least ``least``."""
        text = self.options.get(option, str(default))
        if not text.isdigit() or int(text) < least:
            raise UsageError(f"{option}={text} is not a whole number >= {least}", where=self.text)
        return int(text)


def parse_name(text: str) -> EncoderName:
    """Take an encoder's name apart.

    Raises:
        UsageError: Nothing before the colon, an option without ``=``, or one given twice.

    Example:
        >>> name = parse_name("onnx:osnet.onnx?preprocess=pinto&output=feats")
        >>> name.family, name.rest, name.options["output"]
        ('onnx', 'osnet.onnx', 'feats')
    """
    body, _, query = text.partition("?")
    family, _, rest = body.partition(":")
    if not family:
        raise UsageError("an encoder's name begins with its family", where=repr(text))
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, equals, value = part.partition("=")
        if not equals or not key or key in options:
            problem = "is given twice" if key in options else "is not key=value"
            raise UsageError(f"the option {part!r} {problem}", where=text)
        options[key] = unquote(value)
    return EncoderName(text, family, rest, options)
