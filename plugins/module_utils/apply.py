# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries plans out: observes, plans, writes and waits. The same for every type; knows no Ansible."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session, made_while_fresh, to_document
from ansible_collections.okestack.oci.plugins.module_utils.errors import (
    CloudError,
    Failed,
    PlanError,
    ResourceError,
    Stale,
    Uncertain,
)
from ansible_collections.okestack.oci.plugins.module_utils.forecast import would_be
from ansible_collections.okestack.oci.plugins.module_utils.lifecycle import Lifecycle
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Action,
    Address,
    Call,
    Change,
    Document,
    ResourceType,
    canonical,
    is_unknown,
    time_of,
)
from ansible_collections.okestack.oci.plugins.module_utils.plan import (
    NOTE,
    Plan,
    extensible,
    merged,
    note_of,
    operations,
    plan_absent,
    plan_later,
    plan_present,
)
from ansible_collections.okestack.oci.plugins.module_utils.reader import Reader, address_text, without_secrets
from ansible_collections.okestack.oci.plugins.module_utils.wish import Outcome, Wish
from ansible_collections.okestack.oci.plugins.module_utils.work_requests import WorkRequests
from ansible_collections.okestack.oci.plugins.module_utils.writer import Writer


class _Earlier(Exception):
    """A create was answered with what an earlier run made, which is another resource by now."""


def _address_after(type_: ResourceType, call: Call, address: Address) -> Address:
    """The address after a write: a move may change what the resource lives in."""
    operation, target = type_.move
    moved = {f.name for f in type_.all_fields if f.change is Change.MOVE} & set(type_.place)
    if call.operation != operation or not moved or not call.body:
        return address
    return tuple(str(call.body[target]) if n in moved else old for n, old in zip(type_.address, address, strict=True))


def _is_another(type_: ResourceType, document: Document, body: Document) -> bool:
    """Whether what a create answers with is what an earlier one made, renamed or moved since."""
    identity = set(body) & {type_.name_field, *type_.scope, type_.parent or ""}
    shown = {n: document.get(type_.field(n).read or n) for n in identity}
    return any(shown[n] is not None and shown[n] != body[n] for n in identity)


class Engine:
    """Brings one resource of a type to what a wish declares. ``label`` begins what people read of it."""

    def __init__(
        self,
        session: Session,
        type_: ResourceType,
        wish: Wish,
        clock: Callable[[], float] = time.monotonic,
        first_look: Callable[[], Document | None] | None = None,
        label: str = "",
    ) -> None:
        """``first_look`` gives what is there, whole, where the caller has read it already; used once."""
        self.session, self.type, self.clock = session, type_, clock
        self.reader = Reader(session, type_, wish, label, first_look)
        self.label = self.reader.label
        self.requests = WorkRequests(session, type_, self.label, wish.fields.get("compartment_id"))
        self.lifecycle = Lifecycle(self.reader, self.requests, clock)
        self.writer = Writer(self.reader, self.lifecycle, self.requests)
        self._warnings: list[str] = []
        self._woken: tuple[str, str] | None = None  # the states before and after an action that had to come first

    @property
    def wish(self) -> Wish:
        """What is asked for, with what the region chose of it."""
        return self.reader.wish

    # -- the whole ------------------------------------------------------------------------------------------------

    def run(self, check: bool = False) -> Outcome:
        """Observe, plan, apply, wait. With ``check`` nothing is written and the outcome is what would be."""
        started = self.clock()
        if self.wish.state == "absent":
            plan, resource = self._absent(check)
        else:
            plan, resource = self._present_once_granted(check)
            action = self.type.actions.get(self.wish.state)
            if action and resource is not None:
                plan, resource = self._after_action(action, plan, resource, check)
        return Outcome(
            plan,
            None if resource is None else without_secrets(self.type, resource),
            round(self.clock() - started, 1),
            tuple(self._warnings),
            operations(self.type, plan) if check else (),
        )

    def _present_once_granted(self, check: bool) -> tuple[Plan, Document | None]:
        """As `_present`; what failed as a grant was not known yet is created again: nothing says when a grant holds."""
        while True:
            try:
                return self._present(check)
            except Failed as error:
                if check or not _ungranted(self.type, self.wish, error.document):
                    raise
                self.session.report(f"{self.label}: it failed as a grant was not known yet; it is made again")
                self.writer.delete(dict(error.document))

    def _present(self, check: bool) -> tuple[Plan, Document | None]:
        first: Plan | None = None
        made: Address | None = None
        lost: Uncertain | None = None
        for _attempt in range(5):
            observed = self.reader.find()
            if observed is not None and not self.wish.id and self.type.states.of(observed) in self.type.states.going:
                if self.wish.wait and not check:
                    self.lifecycle.wait(self.reader.address(observed), gone=True)
                observed = None
            if observed is not None:
                self._refuse_failed(observed)
                self._refuse_action(observed)
                failed = self.type.states.of(observed) in self.type.states.failed
                if self.wish.wait and not check and not failed and not self.type.states.settled(observed):
                    observed = self.lifecycle.wait(self.reader.address(observed))
                if not check:
                    observed = self._wake(observed)
            plan = self._plan(observed)
            if plan.changes and observed is not None and self.reader.go_home():
                continue
            if plan.changes and not check and self.session.look_again():
                continue
            first = plan if first is None or (first.kind == "none" and plan.changes) else first
            if check:
                if plan.changes:
                    self.lifecycle.wait_for_holder(check)
                return plan, would_be(self.type, self.wish, plan, observed)
            if not plan.changes:
                return first, self.lifecycle.usable(observed) if self.wish.wait else observed
            if lost is not None:
                raise lost
            if made and plan.create is not None and plan.kind == "create":
                raise ResourceError(f"{self.label}: was made as {address_text(made)} but cannot be seen; run again")
            try:
                if plan.create is not None:
                    if plan.kind == "replace" and observed is not None:
                        self.writer.delete(observed)
                    made, done = self._make(plan, address_text(self.reader.address(observed)) if observed else "")
                else:
                    done = self._carry_out(plan, self.reader.address(observed or {}), observed)
                    if first is plan and observed is not None:
                        first, done = self._without_ignored(plan, observed, done)
                if plan.kind == "revive":
                    continue  # what else differs is planned on what is there again
                return first, done
            except (Stale, Uncertain) as error:
                self.session.report(f"{self.label}: {error.code or 'no clear answer'}; reading it again")
                if isinstance(error, Uncertain) and error.spent:
                    lost = error  # unless it took effect: then there is nothing left to do
        raise ResourceError(f"{self.label}: it keeps changing while it is being changed; who else writes it?")

    def _without_ignored(self, plan: Plan, before: Document, after: Document) -> tuple[Plan, Document]:
        """The plan without the changes that the service accepted and did not make, of those it is known for.

        That is said once: a note on the resource keeps later runs from asking for the same again.
        """
        if not self.wish.wait:
            return plan, after
        fields = [f for f in self.type.all_fields if f.name in self.type.ignored_updates and f.name in plan.after]
        shown = [(f.name, f.read or f.name) for f in fields]
        left = [name for name, read in shown if (before.get(read) or None) == (after.get(read) or None)]
        if not left:
            return plan, after
        self._warnings.append(
            f"{self.label}: the service accepted an update of {', '.join(left)} and left it as it was. "
            "Declare what is there, or recreate the resource"
            + ("; until either changes it is not asked again" if self.type.noted_in else "")
        )
        if self.type.noted_in:
            place = self.type.field(self.type.noted_in)
            note = {NOTE: note_of(self.type, left, self.wish.fields, after, self.wish.purge_tags)}
            body = {place.name: merged(place, {"freeform_tags": note}, after.get(place.name))}
            call = Call(self.type.update_operation, body, guarded=True)
            after = self._carry_out(Plan("update", calls=(call,)), self.reader.address(after), after)
        made = [{k: v for k, v in side.items() if k not in left} for side in (plan.before, plan.after)]
        return (replace(plan, before=made[0], after=made[1]) if made[1] else Plan()), after

    def _after_action(self, action: Action, plan: Plan, resource: Document, check: bool) -> tuple[Plan, Document]:
        """The plan and the resource after an action, which is done where the resource is not in its state yet."""
        field, state = self.type.states.field, self.type.states.of(resource)
        if state == action.state and (self._woken or not action.always):
            return (plan, resource) if self._woken is None else (_with_state(plan, field, *self._woken), resource)
        if action.always and (plan.create is not None or not self._due(action, resource)):
            return plan, resource
        after = f"{action.state} ({self.wish.state})" if state == action.state else action.state
        acted = _with_state(plan, field, state, after)
        if not check:
            return acted, self._act(action, resource)
        self.lifecycle.wait_for_holder(check)
        return replace(acted, calls=(*acted.calls, Call(action.operation))), {**resource, field: action.state}

    def _act(self, action: Action, resource: Document) -> Document:
        """Does an action and waits for its state. Raises ResourceError where it ends in another."""
        body = {f: self.wish.extra[o] for o, f in action.options.items() if self.wish.extra.get(o) is not None}
        if action.body:
            body |= action.body(resource)
        call = Call(
            action.operation,
            body if action.options or action.body else None,
            {"opc_retry_token": uuid.uuid4().hex} if action.token else {},
            repeatable=action.token,
        )
        address = self.reader.address(resource)
        try:
            self.writer.write(call, address, None)
        except Uncertain as error:
            if action.always:
                raise ResourceError(
                    f"{self.reader.title(address)}: {action.operation} may have taken effect, look "
                    f"before you run this again: {error}"
                ) from None
            self.session.report(f"{self.label}: {error.code or 'no clear answer'}; reading it again")
        if not self.wish.wait:
            return self.lifecycle.seen(address)
        resource = self.lifecycle.wait(address)
        if self.type.states.of(resource) != action.state:
            raise ResourceError(
                f"{self.reader.title(address)}: is {self.type.states.of(resource)} after {action.operation}, "
                f"not {action.state}. {self.requests.summary(address)}".rstrip()
            )
        return self.lifecycle.usable(resource) or resource

    def _due(self, action: Action, resource: Document) -> bool:
        """Whether an action that is done each time is to be done this time."""
        if action.due is None or is_unknown(resource.get("id")):
            return True

        def read(operation: str, *arguments: Any) -> Document:
            document: Document = to_document(self.session.call(self.reader.client, operation, *arguments).data)
            return document

        return action.due(read, resource, self.wish.extra)

    def _refuse_action(self, observed: Document) -> None:
        action = self.type.actions.get(self.wish.state)
        if action and action.refusal and (reason := action.refusal(observed)):
            raise ResourceError(f"{self.reader.title(self.reader.address(observed))}: {reason}")

    def _wake(self, observed: Document) -> Document:
        """Starts what rests and is to run before it is changed: much of it cannot change while it rests."""
        action, state = self.type.actions.get(self.wish.state), self.type.states.of(observed)
        if action is None or not self._wakes(action, state):
            return observed
        self._plan(observed)  # what cannot be is refused before anything is done
        self._woken = (state, action.state)
        starts = [a for a in self.type.actions.values() if a.state == action.state and not a.always]
        return self._act(starts[0] if starts else action, observed)  # what rests is started, not restarted

    def _absent(self, check: bool) -> tuple[Plan, Document | None]:
        observed = self.reader.find()
        if observed is not None and self.type.states.of(observed) in self.type.states.going:
            if self.wish.wait and not check:
                self.lifecycle.wait(self.reader.address(observed), gone=True)
            return Plan(), None
        plan = plan_absent(self.type, observed)
        if plan.changes and self.type.deletion.days:
            date = {
                self.type.states.field: self.type.states.scheduled[0],
                "time_of_deletion": self.writer.time_of_deletion(),
            }
            plan = replace(plan, after=date)
        if check or not plan.changes or observed is None:
            if plan.changes:
                self.lifecycle.wait_for_holder(check)
            return plan, None
        self.writer.delete(observed)
        return plan, None

    # -- the plan -------------------------------------------------------------------------------------------------

    def _plan(self, observed: Document | None) -> Plan:
        wish = self.wish
        if wish.id and is_unknown(wish.id):  # it belongs to something that is itself only planned
            return plan_later(self.type, wish.fields)
        self.reader.wish = wish = replace(wish, fields={**wish.fields, **self._chosen(observed or {})})
        if observed is None:
            missing = [f.name for f in self.type.all_fields if f.required and wish.fields.get(f.name) is None]
            if missing:
                raise ResourceError(
                    f"{self.label}: there is none yet, and to make it these options are needed: {', '.join(missing)}"
                )
        problems = self._unknown_to_the_region(observed or {})
        try:
            plan = plan_present(
                self.type, wish.fields, observed, purge_tags=wish.purge_tags, allow_replace=wish.allow_replace
            )
        except PlanError as error:
            problems.insert(0, str(error))
        if problems:
            raise ResourceError("\n".join(problems))
        self._refuse_frozen(plan, observed)
        return plan

    def _refuse_frozen(self, plan: Plan, observed: Document | None) -> None:
        """An update of a resource in a state in which it takes none, unless the task ends that state first."""
        state = self.type.states.of(observed or {})
        action = self.type.actions.get(self.wish.state)
        updates = any(c.operation == self.type.update_operation for c in plan.calls)
        if plan.create is None and updates and state in self.type.states.frozen and not self._wakes(action, state):
            raise ResourceError(
                f"{self.label}: it is {state}, in which the service changes nothing ({', '.join(plan.after)})"
            )

    def _wakes(self, action: Action | None, state: str) -> bool:
        states = self.type.states
        return action is not None and state in states.resting + states.frozen and action.state in states.ready

    def _chosen(self, observed: Document) -> Document:
        """What the declaration leaves to the region, as the region has it."""
        chosen: Document = {}
        for field in self.type.all_fields:
            given = self.wish.fields.get(field.name)
            if field.choose is None or is_unknown(given):
                continue
            try:
                meant = field.choose(self.session, observed, given)
            except CloudError as error:
                if error.status not in (401, 403, 404):
                    raise
                continue  # who may not list them has to name one
            if meant is not None:
                chosen[field.name] = meant
        return chosen

    def _unknown_to_the_region(self, observed: Document) -> list[str]:
        """Values that a write would set and the region does not have, each with those it has."""
        problems: list[str] = []
        for path, field, value in extensible(self.type.all_fields, self.wish.fields, observed):
            try:
                known = field.among(self.session, {**observed, **self.wish.fields}) if field.among else None
            except CloudError as error:
                if error.status not in (401, 403, 404):
                    raise
                known = None  # who may not list them may still use them: the service decides
            if known is None or any(canonical(field, value) == canonical(field, k) for k in known):
                continue
            problems.append(f"{self.label}: {path}: this region has no {value!r}, it has {', '.join(known) or 'none'}")
        return problems

    def _refuse_failed(self, document: Document) -> None:
        if self.type.states.of(document) in self.type.states.failed and not self.wish.allow_replace:
            raise Failed(
                f"{self.reader.title(self.reader.address(document))} is {self.type.states.of(document)}: "
                f"{document.get('lifecycle_details') or 'the service gives no reason'}. "
                "Remove it (state: absent)"
                + ("" if "replace" in self.type.lacks else ", or set allow_replace: true to have it recreated"),
                document,
            )

    # -- its writes -----------------------------------------------------------------------------------------------

    def _make(self, plan: Plan, replaces: str) -> tuple[Address, Document]:
        """Makes it and does what a create cannot carry; its address, and itself as it is then."""
        while True:
            address = self.writer.create(plan.create or {}, replaces)
            try:
                return address, self._carry_out(plan, address, None)
            except _Earlier:
                self.session.report(
                    f"{self.label}: {address_text(address)} was made by this name and is another one by now"
                )

    def _carry_out(self, plan: Plan, address: Address, observed: Document | None) -> Document:
        """The writes after a create, or those of an update; each on a resource that rests."""
        document = observed
        if plan.create is not None:
            document = self.lifecycle.wait(address) if self.wish.wait or plan.calls else self.lifecycle.seen(address)
            if _is_another(self.type, document, plan.create):
                raise _Earlier
            if not self.wish.wait and not plan.calls:
                return document
        touched = False
        for call in plan.calls:
            etag, there = None, document
            if call.guarded:
                # The etag is that of the resource the plan was made from, or that the wait after a write of ours saw.
                etag = (document or {}).get("_etag")
                if not etag:
                    fresh = self.reader.get(address)
                    if fresh is None:
                        raise ResourceError(f"{self.reader.title(address)}: it is gone")
                    if not touched and observed is not None and _differs(self.type, self.wish.fields, observed, fresh):
                        raise Stale("changed since it was listed", status=412, code="NoEtagMatch")
                    etag, there = fresh.get("_etag"), fresh
            self.writer.write(call, address, etag, there)
            address = _address_after(self.type, call, address)
            touched, document = True, None
            if self.wish.wait or call is not plan.calls[-1]:
                document = self.lifecycle.wait(address)
        if document is None:
            document = self.lifecycle.seen(address)
        return (self.lifecycle.usable(document) or document) if self.wish.wait else document


def _ungranted(type_: ResourceType, wish: Wish, document: Mapping[str, Any]) -> bool:
    """Whether what failed was made just after this run wrote a grant that it may need: it was of no use to anybody yet.
    What is made later fails for a reason of its own."""
    made = document.get("time_created") or (document.get("metadata") or {}).get("time_created")
    if not made or not any(wish.fields.get(name) for name in type_.granted):
        return False
    return made_while_fresh(time_of(made).timestamp())


def _with_state(plan: Plan, field: str, before: str, after: str) -> Plan:
    """A plan that also brings a resource from one life-cycle state into another."""
    kind = plan.kind if plan.changes else "update"
    return replace(plan, kind=kind, before={**plan.before, field: before}, after={**plan.after, field: after})


def _differs(type_: ResourceType, wanted: Document, old: Document, new: Document) -> bool:
    return any(old.get(name) != new.get(name) for name in wanted)
