"""The snapshot: all models at one moment, immutable, swapped whole.

A request looks its servable up once, in one snapshot, and keeps it; a swap in between changes
nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import msgspec

from inference.errors import ConflictError, NotFoundError, NotReadyError, RookeryError
from inference.repository.operator_state import State
from inference.runtime.suggestions import nearest, shorten
from inference.settings.model_name import NAME_LENGTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference.admission.report import Report
    from inference.model.servable import Servable
    from inference.repository.folder.scan import Ignored
    from inference.repository.traffic.choice import Traffic
    from inference.repository.traffic.split import Request, Split

_LISTED = 20  # names or versions that a message lists
_REMEMBERED = 256  # wrong names whose suggestions are kept

VersionState = Literal["ready", "loading", "quarantined", "unloaded"]


class Version(msgspec.Struct, frozen=True):
    """One version of a model.

    Attributes:
        number: The version.
        state: ``ready`` when it answers; ``unloaded`` when it lies on disk only.
        reason: Why it does not answer; or, of a ready one, why the file that has replaced it on
            disk does not.
        servable: What answers; only of a ready version.
        report: What its examination found, once it was examined.
        quarantined: Whether the file now on disk was refused.
    """

    number: int
    state: VersionState
    reason: str = ""
    servable: Servable | None = None
    report: Report | None = None
    quarantined: bool = False


class Model(msgspec.Struct, frozen=True, weakref=True):
    """All versions of a model.

    Attributes:
        name: The model's name.
        versions: By number, ascending.
        active: What answers when no version is asked for; ``None`` when nothing does. Of a split,
            the version with the largest share.
        pinned: The version that was pinned, if any.
        unloaded: Whether the operator has unloaded it.
        traffic: What the operator has chosen for its requests, if anything.
        split: The versions that share its requests; ``None`` if one answers all of them.
        unsplit: What would answer all requests without a split.
        only: The active version, if it answers all requests that name no version.
    """

    name: str
    versions: Mapping[int, Version]
    active: Servable | None = None
    pinned: int | None = None
    unloaded: bool = False
    traffic: Traffic | None = None
    split: Split | None = None
    unsplit: Servable | None = None
    only: Servable | None = None

    def __post_init__(self) -> None:
        """Decide once what each request would else decide."""
        only = self.active if self.split is None else None
        msgspec.structs.force_setattr(self, "only", only)

    @property
    def state(self) -> VersionState:
        """``ready`` if anything answers, otherwise what keeps it from it."""
        if self.active is not None:
            return "ready"
        if self.unloaded:
            return "unloaded"
        # With a pin nothing but the pinned version can answer, whatever else is on its way.
        awaited = [v for v in self.versions.values() if self.pinned in (None, v.number)]
        if self.traffic is not None:
            awaited += [v for v in self.versions.values() if v.number in self.traffic.split]
        states = {version.state for version in awaited}
        # While nothing is live, what merely lies on disk is about to be loaded.
        waits = "loading" in states or ("unloaded" in states and "ready" not in states)
        return "loading" if waits else "quarantined"

    @property
    def reason(self) -> str:
        """Why nothing answers; empty when something does."""
        if self.active is not None:
            return ""
        if self.unloaded:
            return (
                "it was unloaded by the operator; POST /v2/repository/models/"
                f"{self.name}/load serves it again"
            )
        if self.pinned is not None and self.state != "loading":
            return self._why_not_pinned(self.pinned)
        worst = [v for v in reversed(list(self.versions.values())) if v.reason]
        return f"version {worst[0].number}: {worst[0].reason}" if worst else ""

    def _why_not_pinned(self, pinned: int) -> str:
        version = self.versions.get(pinned)
        why = version.reason if version else "it is not in the models folder"
        return f"version {pinned} is pinned, but: {why}; pin another version, or 'latest'"

    @property
    def ready_versions(self) -> list[int]:
        """The versions that answer, ascending."""
        return [number for number, v in self.versions.items() if v.servable is not None]

    def version(self, number: int) -> Version:
        """Find a version.

        Raises:
            NotFoundError: The model has no such version; lists those that it has.
        """
        known = self.versions.get(number)
        if known is None:
            has, loaded = _highest(list(self.versions)), _highest(self.ready_versions)
            raise NotFoundError(
                f"model '{self.name}' has no version {number}; it has {has}, loaded are {loaded}.",
                self.name,
                number,
            )
        return known


@dataclass(frozen=True)
class Snapshot:
    """All models at one moment.

    Attributes:
        models: By name, ascending.
        state: The operator's choices that it was made for.
        ignored: What lies in the folder and is no artifact.
        complete: Whether everything found by the first scan has been examined.
        caught_up: Whether all that is known of earlier examinations answers: what is left to do
            may take as long as examinations do.
    """

    models: Mapping[str, Model] = field(default_factory=lambda: MappingProxyType({}))
    state: State = field(default_factory=State)
    ignored: tuple[Ignored, ...] = ()
    complete: bool = False
    caught_up: bool = False

    @cached_property
    def ready_names(self) -> list[str]:
        """Names of the models that answer."""
        return [name for name, model in self.models.items() if model.active is not None]

    def model(self, name: str) -> Model:
        """Find a model.

        Raises:
            NotFoundError: There is none of that name; suggests the nearest and lists the live ones.
        """
        model = self.models.get(name)
        if model is None:
            message = f"there is no model '{shorten(name)}'.{self._suggest(name)}{self._live}"
            raise NotFoundError(message, name)
        return model

    def servable(
        self, name: str, version: int | None = None, request: Request | None = None
    ) -> Servable:
        """Find what answers for a model, or for one version of it.

        Args:
            name: The model.
            version: The version; ``None`` for the active one.
            request: A request that a split may give to any of its versions.

        Raises:
            NotFoundError: No such model or version.
            NotReadyError: It is still being examined or loaded.
            ConflictError: It is there and does not answer: unloaded, quarantined, or its pinned
                version is gone.
        """
        model = self.model(name)
        if version is None:
            if model.only is not None:
                return model.only
            if model.split is not None:
                return model.split.main if request is None else model.split.choose(request)
            raise _refusal(name, f"model '{name}'", model.state, model.reason)
        known = model.version(version)
        if known.servable is None:
            reason = model.reason if model.unloaded else known.reason
            what = f"version {version} of model '{name}'"
            raise _refusal(name, what, known.state, reason)
        return known.servable

    def selected(self, request: Request | None = None) -> Servable:
        """Find what ``/predict/`` uses; a split may choose for a request.

        Raises:
            ConflictError: Nothing is selected, or what was selected does not answer any more.
            NotReadyError: It is still being loaded.
        """
        selection = self.state.selection
        if selection is None:
            raise ConflictError(
                "no model is selected: choose one with POST /select-model/?model=NAME, or call "
                f"POST /models/NAME/predict.{self._live}"
            )
        try:
            return self.servable(selection.model, selection.version, request)
        except NotFoundError as error:
            raise ConflictError(
                f"the selected model is no longer there: {error} "
                "Select another with POST /select-model/?model=NAME"
            ) from error

    def _suggest(self, name: str) -> str:
        known = self._suggestions.get(name)
        if known is None:
            known = nearest(name, self.models)
            if known and len(name) <= NAME_LENGTH and len(self._suggestions) < _REMEMBERED:
                self._suggestions[name] = known
        return known

    @cached_property
    def _suggestions(self) -> dict[str, str]:
        return {}

    @cached_property
    def _live(self) -> str:
        names = self.ready_names
        if not names:
            return " No model is ready yet."
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        return f" Ready models: {', '.join(names[:_LISTED])}{more}."


def _highest(versions: list[int]) -> str:
    """List versions, or only the highest of many."""
    more = f"{len(versions) - _LISTED} lower ones and " if len(versions) > _LISTED else ""
    return more + (", ".join(map(str, versions[-_LISTED:])) or "none")


def _refusal(name: str, what: str, state: VersionState, reason: str) -> RookeryError:
    if state == "loading":
        return NotReadyError(f"{what} is being examined and loaded; try again", name)
    return ConflictError(f"{what} is {state}: {reason or 'it is not kept loaded'}")
