"""Finished rows in a file, as they come, so that a long table can go on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lookalike.errors import CardError, OverwriteError, UsageError
from lookalike.measuring.measurement import Measurement


@dataclass(frozen=True)
class Journal:
    """A file of JSON lines: what was asked, then a measurement a line.

    Attributes:
        path: The file.
        question: What decides the numbers: pictures, machine, engine, effort. Rows of another
            question are not gone on with.
    """

    path: str
    question: Mapping[str, Any]

    def begun(self, *, resume: bool, force: bool = False) -> dict[str, Measurement]:
        """The finished rows to go on from, by model; the file is there afterwards.

        Rows of models whose files have changed since are left out, as those of models that failed.
        With both ``resume`` and ``force`` nothing is replaced.

        Raises:
            OverwriteError: There are rows, and neither ``resume`` nor ``force`` is given.
            UsageError: The rows answer another question, or the file can't be read or written.
        """
        if os.path.exists(self.path) and os.path.getsize(self.path):
            if resume:
                return self._read()
            if not force:
                raise OverwriteError(
                    "the file exists", where=self.path, cure="resume goes on with its rows"
                )
        self._write("w", {"question": dict(self.question)})
        return {}

    def add(self, measurement: Measurement) -> None:
        """One more row; it is in the file when this returns."""
        self._write("a", measurement.to_dict())

    def _write(self, mode: str, plain: Mapping[str, Any]) -> None:
        try:
            with open(self.path, mode, encoding="ascii") as stream:
                stream.write(json.dumps(plain) + "\n")
        except OSError as error:
            raise UsageError(f"rows can't be saved: {error.strerror}", where=self.path) from error

    def _read(self) -> dict[str, Measurement]:
        try:
            with open(self.path, encoding="ascii") as stream:
                lines = stream.read().split("\n")
            before = dict(json.loads(lines[0])["question"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise UsageError(
                "these are no rows of a table",
                where=self.path,
                cure="without resume, force replaces the file",
            ) from error
        self._check(before)
        if len(lines) == 1:  # cut off right behind the question
            self._cut(lines)
            return {}
        whole = lines[:-1]  # what follows the last line break was cut off while it was written
        if lines[-1]:
            self._cut(whole)
        return {
            one.model: one for one in map(self._measurement, whole[1:]) if one.ok and one.current
        }

    def _check(self, before: Mapping[str, Any]) -> None:
        now = json.loads(json.dumps(dict(self.question)))
        other = sorted(key for key in {*now, *before} if now.get(key) != before.get(key))
        if other:
            told = "; ".join(f"{key}: {before.get(key)} / {now.get(key)}" for key in other)
            raise UsageError(
                f"the rows are of another table: {told}",
                where=self.path,
                cure="ask the same again, or save to another file",
            )

    def _cut(self, whole: list[str]) -> None:
        draft = f"{self.path}.{os.getpid()}.tmp"
        try:
            with open(draft, "w", encoding="ascii") as stream:
                stream.writelines(f"{line}\n" for line in whole)
            os.replace(draft, self.path)
        except OSError as error:
            raise UsageError(f"rows can't be saved: {error.strerror}", where=self.path) from error

    def _measurement(self, line: str) -> Measurement:
        try:
            return Measurement.from_dict(json.loads(line))
        except (ValueError, LookupError, TypeError, CardError) as error:
            raise UsageError(f"a row can't be read: {error}", where=self.path) from error
