"""The content of an alert: what happened, what to do, and a link. It does not contain values of events."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from html import escape

from include.config.alerts import AlertKind
from include.redact import one_line

_MAX_CHARACTERS = 1000
_MAX_NAMES = 10
_MAX_NAME_CHARACTERS = 60
# Chat programs interpret <...> as links and mentions.
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
    """One alert about a pipeline, or about one of its days.

    Attributes:
        kind: the kind of the alert.
        pipeline: the pipeline's name.
        partition: the day; None for an alert about the whole pipeline.
        sentence: what happened.
        remedy: what to do.
        conditions: texts that identify what was found, such as ``new price``. A recipient gets the alert if one of them
            has not been sent to this recipient before for the same kind, pipeline and partition.
        path: the path of a page in Airflow, relative to Airflow's base URL.
        link: the full URL of that page; empty until the base URL is known.
        is_trial: whether a user requested this alert to test a notifier.
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
            object.__setattr__(
                self, name, one_line(getattr(self, name), _MAX_CHARACTERS).translate(_BRACKETS)
            )

    def with_base_url(self, base_url: str) -> Alert:
        """Return a copy of the alert whose ``link`` is ``base_url`` followed by ``path``."""
        return replace(self, link=f"{base_url.rstrip('/')}/{self.path}")

    @property
    def title(self) -> str:
        """The alert's headline, for example for the subject of a mail."""
        day = f" {self.partition}" if self.partition else ""
        trial = "test of an alert, " if self.is_trial else ""
        return f"mixpanel-aep {self.pipeline}{day}: {trial}{_HEADLINES[self.kind]}"

    @property
    def text(self) -> str:
        """The alert's body as plain text: what happened, what to do, and the link, each on its own line."""
        return "\n".join(part for part in (self.sentence, self.remedy, self.link) if part)

    @property
    def html(self) -> str:
        """The alert's body as HTML; all texts are escaped."""
        link = f'<p><a href="{escape(self.link)}">{escape(self.link)}</a></p>' if self.link else ""
        return f"<p>{escape(self.sentence)}</p><p>{escape(self.remedy)}</p>{link}"

    @property
    def fields(self) -> dict[str, str]:
        """The alert as a JSON object, which webhooks send and Jinja templates can use."""
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
        """Return a digest of 32 hex digits for each condition, by which the lake records that a recipient got it."""
        of_alert = (self.kind, self.pipeline, str(self.partition or ""), recipient)
        texts = ("\0".join((*of_alert, condition)) for condition in self.conditions)
        return [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]

    def in_backfill(self, occasion: str) -> Alert:
        """Return a copy of the alert that is about the whole backfill instead of one of its days.

        So only the first day of the backfill that has a condition sends an alert about it. ``occasion``: a text that
        identifies the backfill.
        """
        return replace(
            self,
            partition=None,
            remedy=f"{self.remedy} Other days of the backfill with the same condition send no alert.",
            conditions=tuple(f"backfill {occasion}/{condition}" for condition in self.conditions),
        )


def name_list(names: Iterable[str]) -> str:
    """Return names as text for a sentence: at most ten, separated by commas, then the number of the others.

    Property names come from clients that send events to Mixpanel, which are not trusted. Characters other than letters,
    digits and a few punctuation marks are replaced by ``?``, so that a name cannot be a mention, a link or markup.
    """
    found = list(names)
    shown = [re.sub(r"[^\w .$:/-]", "?", one_line(name, _MAX_NAME_CHARACTERS)) for name in found[:_MAX_NAMES]]
    more = f" and {len(found) - _MAX_NAMES} more" if len(found) > _MAX_NAMES else ""
    return ", ".join(shown) + more
