"""An alert: a sentence about what happened, a sentence about what to do, and a link. It contains no values of events."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from html import escape

from include.config.alerts import AlertKind
from include.redact import one_line

_LONGEST = 1000
_MOST_NAMED = 10
_LONGEST_NAME = 60
# Chat programs read <...> as links and mentions.
_BRACKETS = str.maketrans("<>", "()")
_HEADLINES: dict[AlertKind, str] = {
    "failed": "failed",
    "late": "late",
    "quarantine": "many events in quarantine",
    "volume": "unusual volume",
    "properties": "new properties or types",
    "credentials": "credentials expire",
    "missing": "days missing",
    "refresh": "late or vanished events",
}


@dataclass(frozen=True)
class Alert:
    """One alert.

    ``conditions``: what was found, each as a text; an alert is sent if one of them was not sent before for the same
    kind and partition.
    ``path``: the page of the board, below Airflow's own address; ``link``: its full address, once it is known.
    ``is_trial``: a person has requested it to try a notifier.
    """

    kind: AlertKind
    pipeline: str
    partition: date | None
    sentence: str
    remedy: str
    conditions: tuple[str, ...]
    path: str
    link: str = ""
    is_trial: bool = False

    def __post_init__(self) -> None:
        for name in ("sentence", "remedy"):
            object.__setattr__(self, name, one_line(getattr(self, name), _LONGEST).translate(_BRACKETS))

    def with_base_url(self, base_url: str) -> Alert:
        """Return a copy of the alert whose link is a full address."""
        return replace(self, link=f"{base_url.rstrip('/')}/{self.path}")

    @property
    def title(self) -> str:
        """One line, for a subject."""
        day = f" {self.partition}" if self.partition else ""
        trial = "test of an alert, " if self.is_trial else ""
        return f"mixpanel-aep {self.pipeline}{day}: {trial}{_HEADLINES[self.kind]}"

    @property
    def text(self) -> str:
        """What happened, what to do, and the link, one a line."""
        return "\n".join(part for part in (self.sentence, self.remedy, self.link) if part)

    @property
    def html(self) -> str:
        """The text as HTML, with everything escaped."""
        link = f'<p><a href="{escape(self.link)}">{escape(self.link)}</a></p>' if self.link else ""
        return f"<p>{escape(self.sentence)}</p><p>{escape(self.remedy)}</p>{link}"

    @property
    def fields(self) -> dict[str, str]:
        """The parts of the alert, for JSON."""
        return {
            "kind": self.kind,
            "pipeline": self.pipeline,
            "partition": str(self.partition or ""),
            "title": self.title,
            "sentence": self.sentence,
            "remedy": self.remedy,
            "link": self.link,
            "text": self.text,
        }

    def digests(self, recipient: str) -> list[str]:
        """Return 32 hex digits for each condition, which identify it for one recipient."""
        of_alert = (self.kind, self.pipeline, str(self.partition or ""), recipient)
        texts = ("\0".join((*of_alert, condition)) for condition in self.conditions)
        return [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]

    def in_backfill(self, occasion: str) -> Alert:
        """Return a copy of the alert for a whole backfill, so that further days with the same condition send no alert."""
        return replace(
            self,
            partition=None,
            remedy=f"{self.remedy} Other days of the backfill with the same condition send no alert.",
            conditions=tuple(f"backfill {occasion}/{condition}" for condition in self.conditions),
        )


def name_list(names: Iterable[str]) -> str:
    """Return names as a list for a sentence, shortened after a few names.

    Every client that sends events to Mixpanel chooses the names of properties. Only letters, digits and a few marks are
    kept, so that a name cannot be a mention, a link or markup.
    """
    found = list(names)
    shown = [re.sub(r"[^\w .$:/-]", "?", one_line(name, _LONGEST_NAME)) for name in found[:_MOST_NAMED]]
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return ", ".join(shown) + more
