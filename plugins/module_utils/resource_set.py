# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of resources that refer to each other by name, kept as one: one look, one plan, one diff.

What is independent is done side by side. Knows no type by name; ``virtual_network.py`` declares one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as _field

from ansible_collections.okestack.oci.plugins.module_utils.apply import Engine
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, PlanError, ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Document,
    ResourceType,
    as_declared,
    is_unknown,
    references,
    resolved,
)
from ansible_collections.okestack.oci.plugins.module_utils.parallel import in_order, side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.reader import the_one
from ansible_collections.okestack.oci.plugins.module_utils.wish import Outcome, Wish


@dataclass(frozen=True)
class Node:
    """One resource of a set, or the part of one that can only be written once others are there.

    ``key`` is unique in the set. ``path`` is the option it was declared under. ``fields`` may hold names where ids
    belong. ``id_of`` names another node and the field of its document that is this resource's id.
    """

    key: str
    type: ResourceType
    path: str
    fields: Document
    id_of: tuple[str, str] | None = None
    own_id: str | None = None  # its id as declared: then that tells which it is, not its name
    title: str = ""  # what people call it, where its fields do not hold its name
    # Rows of a list that were declared otherwise: `security_rules[7]` -> `security_rules[2]`, which it came from.
    rows: Mapping[str, str] = _field(default_factory=dict)

    def with_path(self, problem: str) -> str:
        """A problem that begins with a path within the fields, with the path of the option as it was declared."""
        return f"{self.path}.{as_declared(problem, self.rows)}"


@dataclass
class SetOutcome:
    """What came of each node, by key, in the order of declaration."""

    outcomes: dict[str, Outcome] = _field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return any(o.plan.changes for o in self.outcomes.values())


Lookup = Callable[[str, str], str]
"""(kind of reference, name) -> the node's key; raises KeyError."""


class ResourceSet:
    """Keeps the nodes of a set.

    ``lookup`` finds the node that a name means. ``constants``: kinds of references to what is not a node (a service
    of the region), with what says the value for a name.
    """

    def __init__(
        self,
        session: Session,
        nodes: Sequence[Node],
        template: Wish,
        lookup: Lookup,
        constants: Mapping[str, Callable[[str], str]],
    ) -> None:
        self.session = session
        self.nodes = {n.key: n for n in nodes}
        self.template = template
        self.lookup = lookup
        self.constants = constants
        self._documents: dict[str, Document | None] = {}

    # -- order ----------------------------------------------------------------------------------------------------

    def unknown(self) -> Iterator[str]:
        """The names that stand for nothing, each with its path."""
        for node in self.nodes.values():
            for path, kind, name in references(node.type.all_fields, node.fields, ""):
                try:
                    self.lookup(kind, name)
                except KeyError:
                    if kind not in self.constants:
                        yield node.with_path(
                            f"{path}: there is no {kind.replace('_', ' ')} {name!r} in this declaration"
                        )

    def unknown_to_the_region(self) -> Iterator[str]:
        """The names of what the region has that it does not have, each with its path. Asks the region."""
        for node in self.nodes.values():
            for path, kind, name in references(node.type.all_fields, node.fields, ""):
                try:
                    if kind in self.constants:
                        self.constants[kind](name)
                except ResourceError as error:
                    yield node.with_path(f"{path}: {error}")

    def needs(self) -> dict[str, set[str]]:
        """For each node the nodes that must be there before it. Raises ResourceError naming each unknown name."""
        problems = list(dict.fromkeys(self.unknown()))
        if problems:
            raise ResourceError("\n".join(problems))
        needs: dict[str, set[str]] = {}
        for node in self.nodes.values():
            needs[node.key] = {node.id_of[0]} if node.id_of else set()
            for _path, kind, name in references(node.type.all_fields, node.fields, ""):
                if kind not in self.constants:
                    needs[node.key].add(self.lookup(kind, name))
            needs[node.key].discard(node.key)
        return needs

    # -- present --------------------------------------------------------------------------------------------------

    def present(self, look: Callable[[], Mapping[str, list[Document]]], check: bool) -> SetOutcome:
        """Brings all nodes to what they declare. ``look`` tells what is there, by the name of the type.

        All is planned before anything is written, so that all problems are reported at once and none half-way.
        """
        needs = self.needs()
        order = list(_ordered(needs))
        completed = self.look(look())
        planned = self._planned(needs, order, completed)
        if planned.changed and not check and self.session.look_again():
            completed = self.look(look())
            planned = self._planned(needs, order, completed)
        if check or not planned.changed:
            return planned
        done = SetOutcome(dict(planned.outcomes))
        todo = {k for k, o in planned.outcomes.items() if o.plan.changes}
        self._run_all(needs, todo, lambda key: self._apply(key, completed[key], done))
        return done

    def look(self, listings: Mapping[str, list[Document]]) -> dict[str, Document | None]:
        """What is there of each node, whole."""
        return dict(zip(self.nodes, side_by_side(lambda key: self._look(key, listings), self.nodes), strict=True))

    def _planned(
        self, needs: Mapping[str, set[str]], order: Sequence[str], completed: Mapping[str, Document | None]
    ) -> SetOutcome:
        planned = SetOutcome()
        problems: list[str] = []
        for key in order:
            if needs[key] - planned.outcomes.keys():
                continue  # the problem of what it needs is reported already
            try:
                engine = self._engine(key, completed[key])
                planned.outcomes[key] = engine.run(check=True)
            except (ResourceError, PlanError) as error:
                problems.append(f"{self.nodes[key].path}: {error}")
                continue
            self._documents[key] = planned.outcomes[key].resource
        if problems:
            raise ResourceError("\n".join(problems))
        return planned

    def _look(self, key: str, listings: Mapping[str, list[Document]]) -> Document | None:
        node = self.nodes[key]
        if node.id_of:
            owner, field = node.id_of
            rows = listings.get(node.type.name, [])
            if field == "id":
                found = self._look(owner, listings)
            else:
                parent = self._look(owner, listings)
                found = next((d for d in rows if parent and d["id"] == parent.get(field)), None)
        else:
            by, value = node.type.name_field, node.fields.get(node.type.name_field)
            by, value = ("id", node.own_id) if node.own_id else (by, value)
            rows = [d for d in listings.get(node.type.name, []) if d.get(by) == value]
            found = the_one(node.type, node.path, rows)
        if found is None or node.type.complete is None:
            return found
        return node.type.complete(self.session.look(), found, node.fields)

    def _engine(self, key: str, seen: Document | None) -> Engine:
        node = self.nodes[key]
        fields = resolved(node.type.all_fields, node.fields, self._id)
        id_ = node.own_id
        if node.own_id and seen is None:
            raise ResourceError(f"{node.type.name} {node.own_id}: there is none of this OCID here")
        if node.id_of:
            owner = self._documents.get(node.id_of[0]) or {}
            id_ = owner.get(node.id_of[1])
        wish = replace(self.template, id=id_, fields=fields)
        known = seen is not None or id_ is None or is_unknown(id_)
        label = f"{node.type.name} {node.title or node.fields.get(node.type.name_field)}"
        return Engine(self.session, node.type, wish, first_look=(lambda: seen) if known else None, label=label)

    def _id(self, kind: str, name: str) -> str:
        if kind in self.constants:
            return self.constants[kind](name)
        document = self._documents.get(self.lookup(kind, name)) or {}
        return str(document["id"])

    def _apply(self, key: str, seen: Document | None, done: SetOutcome) -> None:
        outcome = self._engine(key, seen).run()
        self._documents[key] = outcome.resource
        done.outcomes[key] = outcome if outcome.plan.changes else done.outcomes[key]

    def _run_all(self, needs: Mapping[str, set[str]], todo: set[str], work: Callable[[str], None]) -> None:
        """Runs each of ``todo`` once what it needs is done; after a failure nothing new starts. Raises the failures."""
        among = {key: needs[key] & todo for key in needs if key in todo}
        failures = in_order(work, among, (ResourceError, PlanError, CloudError), self.session.stop.is_set)
        if failures:
            raise ResourceError("\n".join(f"{self.nodes[key].path}: {error}" for key, error in failures.items()))


def removed(
    session: Session, template: Wish, stages: Sequence[Sequence[tuple[ResourceType, Document]]], check: bool
) -> SetOutcome:
    """Removes resources stage after stage, those of a stage side by side. Raises ResourceError with all failures."""
    done = SetOutcome()

    def remove(row: tuple[ResourceType, Document]) -> None:
        type_, seen = row
        wish = replace(template, state="absent", fields={type_.name_field: seen[type_.name_field]})
        engine = Engine(session, type_, wish, first_look=lambda: seen)
        try:
            done.outcomes[f"{type_.name} {seen[type_.name_field]}"] = engine.run(check=check)
        except (ResourceError, CloudError) as error:
            raise ResourceError(f"{engine.label}: {error}") from error

    for stage in stages:
        side_by_side(remove, stage, ResourceError)
    return done


def _ordered(needs: Mapping[str, set[str]]) -> Iterator[str]:
    """Keys so that each comes after what it needs. Raises ResourceError on a circle."""
    left = {k: set(n) for k, n in needs.items()}
    while left:
        ready = [k for k, n in left.items() if not n & left.keys()]
        if not ready:
            raise ResourceError(f"these refer to each other in a circle: {', '.join(left)}")
        for key in ready:
            del left[key]
            yield key
