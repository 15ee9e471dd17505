"""What a reviewer decided about single images, in a table that survives every run: use it, or do not."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gliofill.bids.names import is_label
from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError
from gliofill.quality.verdict import Verdict

HEADER = ("participant", "session", "contrast", "use", "reason")
#: no decision makes such a file usable
BEYOND_REVIEW = frozenset({"unreadable", "not-3d", "not-finite", "constant"})
_CONTRASTS = {contrast.lower(): contrast for contrast in Contrast}


@dataclass(frozen=True)
class Decision:
    """One row of the reviewer's table.

    Attributes
    ----------
    folder
        ``sub-X[/ses-Y]``.
    use
        Whether the acquired image is to be used.
    reason
        The reviewer's words.
    row
        Line of the table, the header being 1.
    """

    folder: str
    contrast: Contrast
    use: bool
    reason: str
    row: int

    @property
    def answer(self) -> str:
        """``yes`` or ``no``, as in the table."""
        return "yes" if self.use else "no"

    def overrule(self, verdict: Verdict | None) -> Verdict | None:
        """Return the verdict that holds after this decision.

        Examples
        --------
        >>> decision = Decision("sub-01", Contrast.FLAIR, use=False, reason="motion", row=2)
        >>> decision.overrule(None).sentence
        'was set aside by a reviewer: motion'
        """
        if not self.use:
            return Verdict("reviewer", f"was set aside by a reviewer: {self.reason}")
        return verdict if verdict and verdict.code in BEYOND_REVIEW else None


@dataclass(frozen=True)
class Decisions:
    """All decisions, by session and contrast."""

    by_image: Mapping[tuple[str, Contrast], Decision] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.by_image.values())

    def find(self, folder: str, contrast: Contrast) -> Decision | None:
        """Return the decision on a contrast of a session."""
        return self.by_image.get((folder, contrast))

    def of_session(self, folder: str) -> str:
        """Return the decisions on a session as one line of JSON that changes only if they do."""
        mine = {c: [d.answer, d.reason] for c in Contrast if (d := self.find(folder, c))}
        return json.dumps(mine, ensure_ascii=False)

    def check_sessions(self, folders: Collection[str], path: Path) -> None:
        """Check that every decision is about a session that exists.

        Raises
        ------
        GliofillError
            Naming the first row whose session does not.
        """
        for decision in self:
            if decision.folder not in folders:
                raise GliofillError(
                    f"review table {path}: row {decision.row}: no session {decision.folder} in the dataset"
                )


def read_decisions(path: Path) -> Decisions:
    """Read the reviewer's table: tab-separated, with the columns of `HEADER` in any order; others are ignored.

    Participant and session may stand with or without ``sub-`` and ``ses-``; the session is ``n/a`` or empty where there
    is none. Empty lines are skipped.

    Raises
    ------
    GliofillError
        If the file cannot be read, lacks a column, or a row is wrong; with the number of the row.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeError) as error:
        raise GliofillError(f"review table {path}: cannot be read ({error})") from error
    # no quoting: a row is a line, and its number is that of an editor
    rows = [[cell.strip() for cell in line.split("\t")] for line in lines]
    missing = [name for name in HEADER if name not in rows[0]]
    if missing:
        raise GliofillError(
            f"review table {path}: row 1: no column {missing[0]!r}; it needs {', '.join(HEADER)}, separated by tabs"
        )
    found: dict[tuple[str, Contrast], Decision] = {}
    for number, cells in enumerate(rows[1:], start=2):
        if not any(cells):
            continue
        try:
            decision = _parse(dict(zip(rows[0], cells, strict=False)), number)
            earlier = found.setdefault((decision.folder, decision.contrast), decision)
            if earlier is not decision:
                raise GliofillError(f"{decision.folder} {decision.contrast} was already decided in row {earlier.row}")
        except GliofillError as error:
            raise GliofillError(f"review table {path}: row {number}: {error}") from None
    return Decisions(found)


def _parse(cells: Mapping[str, str], row: int) -> Decision:
    participant = _label(cells.get("participant", ""), "sub-", "participant")
    session = cells.get("session", "")
    folder = f"sub-{participant}"
    if session not in ("", "n/a"):
        folder += f"/ses-{_label(session, 'ses-', 'session')}"
    contrast = _CONTRASTS.get(cells.get("contrast", "").lower())
    if contrast is None:
        raise GliofillError(f"contrast {cells.get('contrast', '')!r} is not one of {', '.join(Contrast)}")
    use = {"yes": True, "no": False}.get(cells.get("use", "").lower())
    if use is None:
        raise GliofillError(f"use is {cells.get('use', '')!r}; it must be yes or no")
    return Decision(folder, contrast, use, cells.get("reason", "") or "no reason given", row)


def _label(text: str, prefix: str, column: str) -> str:
    label = text.removeprefix(prefix)
    if not is_label(label):
        raise GliofillError(f"{column} {text!r} is not a BIDS label of letters and digits")
    return label
