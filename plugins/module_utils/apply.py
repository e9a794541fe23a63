# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries plans out: finds, makes, changes, removes and waits. The same for every type; knows no Ansible."""

from __future__ import annotations

import hashlib
import importlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as _field
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session, to_document, to_model
from ansible_collections.okestack.oci.plugins.module_utils.errors import (
    CloudError,
    PlanError,
    ResourceError,
    Stale,
    Uncertain,
)
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Action,
    Address,
    Call,
    Change,
    Document,
    ResourceType,
    camel,
    canonical,
    is_unknown,
    placeholder,
    time_of,
)
from ansible_collections.okestack.oci.plugins.module_utils.plan import (
    NOTE,
    Plan,
    extensible,
    merged,
    note_of,
    plan_absent,
    plan_present,
)
from ansible_collections.okestack.oci.plugins.module_utils.waiting import Wait, duration
from ansible_collections.okestack.oci.plugins.module_utils.work_requests import ENDED_BADLY, WorkRequests, made_by

SHOWN_SECONDS = 60.0
"""How long a service may not show what it made."""
IN_USE = frozenset(
    {
        (409, "Conflict"),
        (409, "IncorrectState"),
        (409, "ExternalServerIncorrectState"),
        (412, "PreconditionFailed"),
    }
)
"""(status, code) with which services refuse to remove what something else is in; it passes, or somebody has to act."""


class _Earlier(Exception):
    """A create was answered with what an earlier run made, which is another resource by now."""


@dataclass(frozen=True)
class Wish:
    """What a task asks of one resource. Times in seconds."""

    state: str = "present"
    id: str | None = None
    fields: Document = _field(default_factory=dict)
    extra: Document = _field(default_factory=dict)  # the type's options that are no fields
    purge_tags: bool = False
    allow_replace: bool = False
    wait: bool = True
    wait_timeout: float = 1200.0
    wait_interval: float = 10.0
    deletion_days: int | None = None
    time_of_deletion: str | None = None  # a date, or a date and time, of ISO 8601


@dataclass(frozen=True)
class Outcome:
    """What came of it: the resource as it is now (or would be), and the plan that was followed."""

    plan: Plan
    resource: Document | None
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()


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
    """Brings one resource of a type to what a wish declares."""

    def __init__(
        self,
        session: Session,
        type_: ResourceType,
        wish: Wish,
        clock: Callable[[], float] = time.monotonic,
        first_look: Callable[[], Document | None] | None = None,
    ) -> None:
        """``first_look`` gives what is there, whole, where the caller has read it already; used once."""
        self._first_look = first_look
        self.session = session
        self.type = type_
        self.wish = wish
        self.clock = clock
        self.label = type_.label({**wish.fields, "id": wish.id})
        self.requests = WorkRequests(session, type_, self.label, wish.fields.get("compartment_id"))
        self._at_home = False  # what is written in the home region is read there as well
        self._spent = 0  # retry tokens whose answers were of no use
        self._warnings: list[str] = []
        self._woken: tuple[str, str] | None = None  # the states before and after an action that had to come first

    # -- the whole ------------------------------------------------------------------------------------------------

    def run(self, check: bool = False) -> Outcome:
        """Observe, plan, apply, wait. With ``check`` nothing is written and the outcome is what would be."""
        started = self.clock()
        self._validate()
        if self.wish.state == "absent":
            plan, resource = self._absent(check)
        else:
            plan, resource = self._present(check)
            action = self.type.actions.get(self.wish.state)
            if action and resource is not None:
                plan, resource = self._acted(action, plan, resource, check)
        return Outcome(plan, self._shown(resource), round(self.clock() - started, 1), tuple(self._warnings))

    def _shown(self, resource: Document | None) -> Document | None:
        """A resource without the secrets that were read to compare them."""
        hidden = _secrets(self.type)
        return resource if resource is None else {k: v for k, v in resource.items() if k not in hidden}

    def _validate(self) -> None:
        given = {**self.wish.fields, **{n: v for n, v in self.wish.extra.items() if v is not None}}
        if problems := list(self.type.problems(given)):
            raise ResourceError("\n".join(problems))

    def _present(self, check: bool) -> tuple[Plan, Document | None]:
        first: Plan | None = None
        made: Address | None = None
        lost: Uncertain | None = None
        for _attempt in range(5):
            observed = self.find()
            if observed is not None and not self.wish.id and self.type.states.of(observed) in self.type.states.going:
                if self.wish.wait and not check:
                    self.wait(self._address(observed), gone=True)
                observed = None
            if observed is not None:
                self._refuse_failed(observed)
                self._refuse_action(observed)
                failed = self.type.states.of(observed) in self.type.states.failed
                if self.wish.wait and not check and not failed and not self.type.states.settled(observed):
                    observed = self.wait(self._address(observed))
                if not check:
                    observed = self._wake(observed)
            plan = self._plan(observed)
            if plan.changes and observed is not None and self._go_home():
                continue
            first = plan if first is None or (first.kind == "none" and plan.changes) else first
            if check:
                if plan.changes:
                    self._unheld(check)
                return plan, self._would_be(plan, observed)
            if not plan.changes:
                return first, self._usable(observed) if self.wish.wait else observed
            if lost is not None:
                raise lost
            if made and plan.create is not None and plan.kind == "create":
                raise ResourceError(f"{self.label}: was made as {told(made)} but cannot be seen; run again")
            try:
                if plan.create is not None:
                    if plan.kind == "replace" and observed is not None:
                        self._delete(observed)
                    made, done = self._make(plan, told(self._address(observed)) if observed else "")
                else:
                    done = self._carry_out(plan, self._address(observed or {}), observed)
                    if first is plan and observed is not None:
                        first, done = self._heeded(plan, observed, done)
                if plan.kind == "revive":
                    continue  # what else differs is planned on what is there again
                return first, done
            except (Stale, Uncertain) as error:
                self.session.report(f"{self.label}: {error.code or 'no clear answer'}; reading it again")
                if isinstance(error, Uncertain) and error.spent:
                    lost = error  # unless it took effect: then there is nothing left to do
        raise ResourceError(f"{self.label}: it keeps changing while it is being changed; who else writes it?")

    def _heeded(self, plan: Plan, before: Document, after: Document) -> tuple[Plan, Document]:
        """The plan without the changes that the service accepted and did not make, of those it is known for.

        That is told once: a note on the resource keeps later runs from asking for the same again.
        """
        if not self.wish.wait:
            return plan, after
        fields = [f for f in self.type.all_fields if f.name in self.type.unheeded and f.name in plan.after]
        shown = [(f.name, f.read or f.name) for f in fields]
        left = [name for name, read in shown if (before.get(read) or None) == (after.get(read) or None)]
        if not left:
            return plan, after
        self._warnings.append(
            f"{self.label}: the service accepted an update of {', '.join(left)} and left it as it was. "
            "Declare what is there, or make the resource anew"
            + ("; until either changes it is not asked again" if self.type.noted_in else "")
        )
        if self.type.noted_in:
            place = self.type.field(self.type.noted_in)
            note = {NOTE: note_of(self.type, left, self.wish.fields, after, self.wish.purge_tags)}
            body = {place.name: merged(place, {"freeform_tags": note}, after.get(place.name))}
            call = Call(self.type.update_operation, body, guarded=True)
            after = self._carry_out(Plan("update", calls=(call,)), self._address(after), after)
        made = [{k: v for k, v in side.items() if k not in left} for side in (plan.before, plan.after)]
        return (replace(plan, before=made[0], after=made[1]) if made[1] else Plan()), after

    def _acted(self, action: Action, plan: Plan, resource: Document, check: bool) -> tuple[Plan, Document]:
        """The plan and the resource after an action, which is done where the resource is not in its state yet."""
        field, state = self.type.states.field, self.type.states.of(resource)
        if state == action.state and (self._woken or not action.always):
            return (plan, resource) if self._woken is None else (_with_state(plan, field, *self._woken), resource)
        if action.always and (plan.create is not None or not self._due(action, resource)):
            return plan, resource
        after = f"{action.state} ({self.wish.state})" if state == action.state else action.state
        acted = _with_state(plan, field, state, after)
        if check:
            self._unheld(check)
        return acted, {**resource, field: action.state} if check else self._act(action, resource)

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
        address = self._address(resource)
        try:
            self._write(call, address, None)
        except Uncertain as error:
            if action.always:
                raise ResourceError(
                    f"{self.label} ({told(address)}): {action.operation} may have taken effect, look before you run "
                    f"this again: {error}"
                ) from None
            self.session.report(f"{self.label}: {error.code or 'no clear answer'}; reading it again")
        if not self.wish.wait:
            return self._seen(address)
        resource = self.wait(address)
        if self.type.states.of(resource) != action.state:
            raise ResourceError(
                f"{self.label} ({told(address)}): is {self.type.states.of(resource)} after {action.operation}, "
                f"not {action.state}. {self.requests.summary(address)}".rstrip()
            )
        return self._usable(resource) or resource

    def _due(self, action: Action, resource: Document) -> bool:
        """Whether an action that is done each time is to be done this time."""
        if action.due is None or is_unknown(resource.get("id")):
            return True

        def read(operation: str, *arguments: Any) -> Document:
            document: Document = to_document(self.session.call(self.client, operation, *arguments).data)
            return document

        return action.due(read, resource, self.wish.extra)

    def _refuse_action(self, observed: Document) -> None:
        action = self.type.actions.get(self.wish.state)
        if action and action.refusal and (reason := action.refusal(observed)):
            raise ResourceError(f"{self.label} ({told(self._address(observed))}): {reason}")

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
        observed = self.find()
        if observed is not None and self.type.states.of(observed) in self.type.states.going:
            if self.wish.wait and not check:
                self.wait(self._address(observed), gone=True)
            return Plan(), None
        plan = plan_absent(self.type, observed)
        if plan.changes and self.type.deletion.days:
            date = {self.type.states.field: self.type.states.scheduled[0], "time_of_deletion": self._time_of_deletion()}
            plan = replace(plan, after=date)
        if check or not plan.changes or observed is None:
            if plan.changes:
                self._unheld(check)
            return plan, None
        self._delete(observed)
        return plan, None

    def _plan(self, observed: Document | None) -> Plan:
        wish = self.wish
        if wish.id and is_unknown(wish.id):  # it belongs to something that is itself only planned
            return Plan("update", after=dict(wish.fields))
        self.wish = wish = replace(wish, fields={**wish.fields, **self._chosen(observed or {})})
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
        """Values that a write would set and the region does not have, told with those it has."""
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

    # -- looking --------------------------------------------------------------------------------------------------

    @property
    def client(self) -> Any:
        """The type's client, where the run is or in the home region (`_go_home`)."""
        if self.type.home_region and self._at_home:
            return self.writer
        endpoint = None
        if self.type.endpoint_option:
            endpoint = self.wish.extra.get(self.type.endpoint_option)
            if not endpoint:
                raise ResourceError(f"{self.label}: {self.type.endpoint_option} is needed")
        return self.session.client(self.type.client, endpoint=endpoint)

    @property
    def writer(self) -> Any:
        if self.type.home_region:
            return self.session.client(self.type.client, region=self.session.home_region)
        return self.client

    def _go_home(self) -> bool:
        """Whether to look again, in the home region: other regions show late what is written there."""
        if self._at_home or not self.type.home_region or self.session.home_region == self.session.region:
            return False
        self._at_home = True
        return True

    def find(self) -> Document | None:
        """The one living resource that the wish means; None where there is none. Two of a name are refused."""
        wish = self.wish
        if self._first_look is not None:
            look, self._first_look = self._first_look, None
            return look()
        place = self._place()
        if any(is_unknown(v) for v in (*place, wish.id)):
            return None
        if wish.id:
            document = self.get((*place, wish.id))
            if document is None and self._go_home():
                document = self.get((*place, wish.id))
            if document is None and wish.state != "absent" and self.type.elsewhere:
                lives_in = self.type.elsewhere(self.session, wish.fields, wish.id)
                document = self.get((*lives_in, wish.id)) if lives_in else None
            if document is None and wish.state != "absent":
                raise ResourceError(
                    f"{self.type.name} {wish.id}: there is none with this id, or the policies do not show it"
                )
            return document
        if "id" not in self.type.address:
            return self.get(place)
        narrow = {n: wish.fields.get(n) for n in (*self.type.scope, self.type.parent) if n}
        endpoint = wish.extra.get(self.type.endpoint_option) if self.type.endpoint_option else None
        if any(is_unknown(v) for v in (*narrow.values(), endpoint)):
            return None
        name = wish.fields.get(self.type.name_field)
        lacking = [k for k, v in narrow.items() if not v] + ([] if name else [self.type.name_field])
        if lacking:
            raise ResourceError(f"{self.type.name}: to find it give {' and '.join(lacking)}, or id")
        found = the_one(self.type, self.label, self.named(narrow, name), removing=wish.state == "absent")
        if found is None:
            return self.find() if self._go_home() else None
        return self.completed(found) if self.type.list_complete else self.get(self._address(found))

    def _place(self) -> Address:
        """What the resource lives in, from the options. Raises ResourceError where one is not given."""
        lacking = [n for n in self.type.place if not self.wish.fields.get(n)]
        if lacking:
            raise ResourceError(f"{self.type.name}: to find it give {' and '.join(lacking)}")
        return tuple(str(self.wish.fields[n]) for n in self.type.place)

    def _address(self, document: Document) -> Address:
        return tuple(str(document.get(n) or self.wish.fields[n]) for n in self.type.address)

    def named(self, narrow: Mapping[str, Any], name: str | None) -> list[Document]:
        """The resources of a scope, those of a name where one is given."""
        arguments = {**self.type.list_constants, **narrow}
        if name and self.type.name_filter:
            arguments[self.type.name_filter] = name
        rows = self.session.pages(self.client, self.type.list_operation, *self._place(), **arguments)
        documents = [to_document(r) for r in rows]
        return [d for d in documents if name is None or d.get(self.type.name_field) == name]

    def get(self, address: Address) -> Document | None:
        """One resource by its address, whole; None where it is gone or not shown."""
        try:
            response = self.session.call(self.client, self.type.get_operation, *address)
        except CloudError as error:
            if error.status == 404:
                return None
            raise
        document = to_document(response.data)
        if self.type.states.of(document) in self.type.states.gone:
            return None
        document["_etag"] = response.headers.get("etag")
        for name, value in zip(self.type.address, address, strict=True):
            document.setdefault(name, value)
        return self.completed(document)

    def completed(self, document: Document) -> Document:
        """A resource with what its type adds to it."""
        if self.type.complete is None:
            return document
        return self.type.complete(self.session, document, {**self.wish.extra, **self.wish.fields})

    def _refuse_failed(self, document: Document) -> None:
        if self.type.states.of(document) in self.type.states.failed and not self.wish.allow_replace:
            raise ResourceError(
                f"{self.label} ({told(self._address(document))}) is {self.type.states.of(document)}: "
                f"{document.get('lifecycle_details') or 'the service gives no reason'}. "
                "Remove it (state: absent)"
                + ("" if "replace" in self.type.lacks else ", or set allow_replace: true to have it made anew")
            )

    # -- writing --------------------------------------------------------------------------------------------------

    def _make(self, plan: Plan, replaces: str) -> tuple[Address, Document]:
        """Makes it and does what a create cannot carry; its address, and itself as it is then."""
        while True:
            address = self._create(plan.create or {}, replaces)
            try:
                return address, self._carry_out(plan, address, None)
            except _Earlier:
                self.session.report(f"{self.label}: {told(address)} was made by this name and is another one by now")

    def _create(self, body: Document, replaces: str = "") -> Address:
        """Makes it and returns its address.

        The retry token is a hash of identity, body and a counter, the same in the next run: a run that was killed
        after its create finds, by sending it again, the resource it made. The counter moves on when the service
        calls the token used up, or the answer is a resource that is no more, or has another name or place by now.
        """
        self._unheld()
        token_body = {k: v for k, v in body.items() if not self.type.field(k).secret}
        arguments = {
            **self.type.create_constants,
            **(self.type.encode(self.session, dict(body), None) if self.type.encode else body),
        }
        details = to_model(self.type.package, self.type.create_details, arguments)
        place = self._place()
        # What its body does not tell apart, its place does.
        where = [p for n, p in zip(self.type.place, place, strict=True) if n not in body]
        self.session.report(f"{self.label}: creating")
        for counter in range(self._spent, 20):
            self._spent = counter + 1
            text = json.dumps(
                [self.type.name, self.session.tenancy, *where, token_body, replaces, counter],
                sort_keys=True,
                default=str,
            )
            token = hashlib.sha256(text.encode()).hexdigest()
            try:
                response = self.session.call(
                    self.writer,
                    self.type.create_operation,
                    *(p for n, p in zip(self.type.place, place, strict=True) if not self.type.field(n).on_create),
                    **{f"{self.type.create_operation}_details": details, "opc_retry_token": token},
                )
            except CloudError as error:
                if error.status == 409 and error.code == "InvalidatedRetryToken":
                    continue
                self._spent = counter  # the same token, where it is sent again
                raise
            self._remember(response)
            if response.data is None and "opc-work-request-id" not in response.headers:
                self._spent = counter
                raise Uncertain(
                    f"{self.label}: {self.type.create_operation}: the answer names no resource and no work request"
                )
            address = (*place, self._id_of(response)) if "id" in self.type.address else place
            if not self._dead(response, address):
                return address
        raise ResourceError(f"{self.label}: the service answers each create with a resource that is gone")

    def _dead(self, response: Any, address: Address) -> bool:
        """Whether a create was answered with a resource of an earlier run that is no more."""
        if response.data is not None:
            return not self.type.states.living(to_document(response.data))
        request = self.requests.get(response.headers["opc-work-request-id"])
        return request.status in ("SUCCEEDED", "FAILED", "CANCELED") and self.get(address) is None

    def _id_of(self, response: Any) -> str:
        if response.data is not None and getattr(response.data, "id", None):
            return str(response.data.id)
        request_id = response.headers.get("opc-work-request-id")
        if not request_id or not self.type.work_requests:
            raise ResourceError(f"{self.label}: the service's answer names neither a resource nor a work request")
        waiting = self._waiting(timeout=max(60.0, self.wish.wait_timeout) if self.wish.wait else 60.0)
        while True:
            request = self.requests.get(request_id)
            if id_ := made_by(request, self.type.sdk_noun):
                return id_
            if request.status in ENDED_BADLY:
                raise ResourceError(f"{self.label}: {self.requests.text(request_id)}")
            waiting.pause(lambda took: f"{self.label}: work request {request_id} names no resource after {took}")

    def _carry_out(self, plan: Plan, address: Address, observed: Document | None) -> Document:
        """The writes after a create, or those of an update; each on a resource that rests."""
        document = observed
        if plan.create is not None:
            document = self.wait(address) if self.wish.wait or plan.calls else self._seen(address)
            if _is_another(self.type, document, plan.create):
                raise _Earlier
            if not self.wish.wait and not plan.calls:
                return document
        touched = False
        for call in plan.calls:
            etag, there = None, document
            if call.guarded:
                # The etag is that of the resource the plan was made from; after a write of ours it is read anew.
                etag = (document or {}).get("_etag")
                if touched or not etag:
                    fresh = self.get(address)
                    if fresh is None:
                        raise ResourceError(f"{self.label} ({told(address)}): it is gone")
                    if not touched and observed is not None and _differs(self.type, self.wish.fields, observed, fresh):
                        raise Stale("changed since it was listed", status=412, code="NoEtagMatch")
                    etag, there = fresh.get("_etag"), fresh
            self._write(call, address, etag, there)
            address = _address_after(self.type, call, address)
            touched = True
            if self.wish.wait or call is not plan.calls[-1]:
                document = self.wait(address)
        if touched or document is None:
            document = self._seen(address)
        return (self._usable(document) or document) if self.wish.wait else document

    def _write(self, call: Call, address: Address, etag: str | None, there: Document | None = None) -> None:
        self._unheld()
        kwargs: dict[str, Any] = dict(call.arguments)
        if call.body is not None:
            model, body = camel(call.operation) + "Details", call.body
            if self.type.encode and call.operation == self.type.update_operation:
                body = self.type.encode(self.session, dict(body), there or {})
            kwargs[f"{call.operation}_details"] = to_model(self.type.package, model, body)
        if call.guarded and etag:
            kwargs["if_match"] = etag
        what = ", ".join(call.body) if call.body else ""
        self.session.report(f"{self.label}: {call.operation} {what}".rstrip())
        response = self.session.call(self.writer, call.operation, *address, repeatable=call.repeatable, **kwargs)
        self._remember(response)

    def _remember(self, response: Any) -> None:
        self._at_home = True
        self.requests.remember(response)

    def _delete(self, observed: Document) -> None:
        self._unheld()
        address = self._address(observed)
        kwargs: dict[str, Any] = {}
        if self.type.deletion.days:
            model = camel(self.type.delete_operation) + "Details"
            kwargs[f"{self.type.delete_operation}_details"] = to_model(
                self.type.package, model, {"time_of_deletion": self._time_of_deletion()}
            )
        for option, argument in self.type.deletion.options.items():
            if self.wish.extra.get(option) is not None:
                kwargs[argument] = self.wish.extra[option]
        self.session.report(f"{self.label}: {self.type.delete_operation}")
        waiting = self._waiting(timeout=self.session.connection.retry_timeout)
        while True:
            try:
                self._remember(
                    self.session.call(self.writer, self.type.delete_operation, *address, patient=False, **kwargs)
                )
                break
            except CloudError as error:
                if error.status == 404:
                    return
                if (error.status, error.code) not in IN_USE:
                    raise
                # What is in it goes a minute or more after its owner (VNICs of pods, load balancers, DB Systems).
                waiting.tell("still in use", error.message)
                waiting.pause(lambda took, why=error: f"{self.label} ({told(address)}): in use after {took}: {why}")  # type: ignore[misc]
        if self.wish.wait:
            self.wait(address, gone=True)
            self._unheld()

    def _time_of_deletion(self) -> str:
        bounds = self.type.deletion.days or (0, 0)
        return time_of_deletion(bounds, self.wish.deletion_days, self.wish.time_of_deletion)

    def _seen(self, address: Address) -> Document:
        """The resource after a write; a service may not show it at once."""
        waiting = self._waiting(timeout=SHOWN_SECONDS, interval=5.0)
        while (document := self.get(address)) is None:
            waiting.pause(
                lambda took: f"{self.label} ({told(address)}): the service does not show it after {took}; run again"
            )
        return document

    # -- waiting --------------------------------------------------------------------------------------------------

    def _waiting(self, timeout: float | None = None, interval: float | None = None) -> Wait:
        wish = self.wish
        return Wait(
            self.label,
            timeout=wish.wait_timeout if timeout is None else timeout,
            interval=wish.wait_interval if interval is None else interval,
            report=self.session.report,
            stop=self.session.stop,
            clock=self.clock,
        )

    def wait(self, address: Address, *, gone: bool = False) -> Document:
        """Until the resource rests (or is gone): first look soon, later ones further apart.

        Says each change of state and a heartbeat. Raises ResourceError in a failed state or when time is up, naming
        the work request, the last state and its errors.
        """
        waiting, states = self._waiting(), self.type.states
        where, unseen, text, going = f"{self.label} ({told(address)})", 0.0, "", False
        while True:
            document = self.get(address)
            if document is None:
                if gone:
                    return {}
                self.requests.under_way()
                if waiting.elapsed - unseen > SHOWN_SECONDS:
                    raise ResourceError(f"{where}: not there (404) for {duration(SHOWN_SECONDS)}")
                state = "not shown yet"
            else:
                unseen, state = waiting.elapsed, states.of(document)
                going = going or state in states.going
                ended = states.settled(document) and not self.requests.under_way()
                if ended and (not gone or state in states.scheduled):
                    return document
                if state in states.failed or (ended and going):  # a removal can end in NEEDS_ATTENTION, or ACTIVE again
                    raise ResourceError(
                        f"{where} is {state} after {duration(waiting.elapsed)}"
                        f"{' of its removal (look for what is left in it, and run again)' if gone else ''}: "
                        f"{document.get('lifecycle_details') or ''} {self.requests.summary(address)}".rstrip(" :")
                    )
                if waiting.long:
                    text = self.requests.activity(address) or text
            waiting.tell(state, text)
            waiting.pause(
                lambda took, state=state: (  # type: ignore[misc]
                    f"{where} is still {state} after {took} (wait_timeout). {self.requests.summary(address)} "
                    "It goes on by itself: run again to wait further, or raise wait_timeout"
                )
            )

    def _usable(self, document: Document | None) -> Document | None:
        """Waits until a resource that rests can be used as well."""
        states = self.type.states
        if document is None or self.type.usable is None or states.of(document) not in states.ready + states.resting:
            return document
        waiting, address = self._waiting(), self._address(document)
        while reason := self.type.usable(self.session, document):
            waiting.tell(reason)
            waiting.pause(lambda took, why=reason: f"{self.label} ({told(address)}): {why} after {took} (wait_timeout)")  # type: ignore[misc]
            document = self._seen(address)
        return document

    def _unheld(self, check: bool = False) -> None:
        """Waits until what the resource lives in takes writes. Raises CloudError where it will not by itself."""
        held = self.type.held
        if held is None or any(is_unknown(p) for p in self._place()):
            return
        waiting = self._waiting()
        while (reason := held(self.session, self.wish.fields)) and self.wish.wait and not check:
            waiting.tell(reason)
            waiting.pause(lambda took, why=reason: f"{self.label}: {why} after {took} (wait_timeout)")  # type: ignore[misc]

    # -- what would be --------------------------------------------------------------------------------------------

    def _would_be(self, plan: Plan, observed: Document | None) -> Document | None:
        if plan.kind in ("create", "replace"):
            made = self._shape()
            made.update(plan.create or {})
            made.update(
                {
                    k: v
                    for k, v in self.wish.fields.items()
                    if k not in (plan.create or {}) and not self.type.field(k).secret
                }
            )
            return {k: v for k, v in made.items() if k not in _secrets(self.type)}
        if observed is None:
            return {**self._shape(), **self.wish.fields}
        changed = {
            k: v
            for k, v in self.wish.fields.items()
            if k in plan.after and self.type.field(k).change is not Change.ONCE
        }
        return {k: v for k, v in {**observed, **changed}.items() if k not in _secrets(self.type)}

    def _shape(self) -> Document:
        """A resource of which nothing is known yet: each value a placeholder, as deep as the SDK's model goes."""
        name = str(self.wish.fields.get(self.type.name_field) or self.wish.id or "")
        models = importlib.import_module(f"oci.{self.type.package}.models")
        made = _shape_of(models, self.type.read_model, lambda path: placeholder(self.type.name, name, path), "", 3)
        made[self.type.states.field] = self.type.states.ready[0]
        return made


def _shape_of(models: Any, model: str, unknown: Callable[[str], str], path: str, depth: int) -> Document:
    shape: Document = {}
    for name, kind in getattr(models, model)().swagger_types.items():
        inner = kind[5:-1] if kind.startswith("list[") else kind
        where = f"{path}{name}"
        if kind.startswith("dict("):
            shape[name] = {}
        elif hasattr(models, inner) and depth and not hasattr(getattr(models, inner), "get_subtype"):
            value = _shape_of(models, inner, unknown, f"{where}.", depth - 1)
            shape[name] = [value] if kind.startswith("list[") else value
        else:
            shape[name] = [unknown(where)] if kind.startswith("list[") else unknown(where)
    return shape


def _with_state(plan: Plan, field: str, before: str, after: str) -> Plan:
    """A plan that also brings a resource from one life-cycle state into another."""
    kind = plan.kind if plan.changes else "update"
    return replace(plan, kind=kind, before={**plan.before, field: before}, after={**plan.after, field: after})


def time_of_deletion(
    bounds: tuple[int, int], days: int | None = None, date: str | None = None, now: float | None = None
) -> str:
    """When a deletion is set to come, as RFC 3339: some days ahead, at a date, or as late as can be.

    A date without a time is its beginning, a time without a zone is UTC. ``now``: seconds since the epoch. Raises
    ResourceError where it is outside of the days that the service takes.
    """
    first, last = bounds
    today = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    if days is not None and date is not None:
        raise ResourceError("deletion_days, time_of_deletion: give one of them")
    if date is not None:
        try:
            when = time_of(date)
        except ValueError:
            raise ResourceError(f"time_of_deletion: {date!r} is no date of ISO 8601, like 2027-01-31") from None
        earliest, latest = today + timedelta(days=first), today + timedelta(days=last)
        if not earliest <= when <= latest:
            raise ResourceError(
                f"time_of_deletion: {date} is outside of {first} to {last} days from now: "
                f"{earliest:%Y-%m-%dT%H:%M}Z to {latest:%Y-%m-%dT%H:%M}Z"
            )
    else:
        days = last if days is None else days
        if not first <= days <= last:
            raise ResourceError(f"deletion_days: {days} is outside of {first} to {last}")
        # The service counts from when it gets the request: a minute from either end allows for the way there.
        when = today + timedelta(days=days, minutes=-1 if days == last else 1)
    return when.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _secrets(type_: ResourceType) -> frozenset[str]:
    return frozenset(f.name for f in type_.all_fields if f.secret)


def _differs(type_: ResourceType, wanted: Document, old: Document, new: Document) -> bool:
    return any(old.get(name) != new.get(name) for name in wanted)


def the_one(type_: ResourceType, label: str, documents: Iterable[Document], removing: bool = False) -> Document | None:
    """The only living one of some documents of one name; two are refused with their ids.

    One whose deletion is set for later counts only where there is no other; several of them do not hinder a removal.
    """
    living = [d for d in documents if type_.states.living(d)]
    serving = [d for d in living if type_.states.of(d) not in type_.states.scheduled]
    matches = serving or living
    if len(matches) > 1 and (serving or not removing):
        ids = ", ".join(d["id"] for d in matches)
        raise ResourceError(f"{label}: {len(matches)} have this name: {ids}. Give the id of the one that is meant")
    return matches[0] if matches else None


def told(address: Address) -> str:
    """An address as people read it."""
    return "/".join(address)


def public(document: Document | None) -> Document | None:
    """A document without the engine's own marks."""
    return None if document is None else {k: v for k, v in document.items() if not k.startswith("_")}
