# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for a resource: until it rests, is gone, can be used, or what it lives in takes writes."""

from __future__ import annotations

import time
from collections.abc import Callable

from ansible_collections.okestack.oci.plugins.module_utils.errors import Failed, ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import Address, Document, is_unknown
from ansible_collections.okestack.oci.plugins.module_utils.reader import Reader
from ansible_collections.okestack.oci.plugins.module_utils.waiting import Wait, duration
from ansible_collections.okestack.oci.plugins.module_utils.work_requests import WorkRequests

SHOWN_SECONDS = 60.0
"""How long a service may not show what it made."""


class Lifecycle:
    """Waits for the resource that a reader reads, by its states and the work requests of its writes."""

    def __init__(self, reader: Reader, requests: WorkRequests, clock: Callable[[], float] = time.monotonic) -> None:
        self.reader, self.requests, self.clock = reader, requests, clock
        self.session, self.type, self.label = reader.session, reader.type, reader.label

    def waiting(self, timeout: float | None = None, interval: float | None = None) -> Wait:
        wish = self.reader.wish
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
        waiting, states = self.waiting(), self.type.states
        where, unseen, text, going = self.reader.title(address), 0.0, "", False
        while True:
            document = self.reader.get(address)
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
                    text = (
                        f"{where} is {state} after {duration(waiting.elapsed)}"
                        f"{' of its removal (look for what is left in it, and run again)' if gone else ''}: "
                        f"{document.get('lifecycle_details') or ''} {self.requests.summary(address)}".rstrip(" :")
                    )
                    raise ResourceError(text) if gone else Failed(text, document)
                if waiting.long:
                    text = self.requests.activity(address) or text
            waiting.tell(state, text)
            waiting.pause(
                lambda took, state=state: (  # type: ignore[misc]
                    f"{where} is still {state} after {took} (wait_timeout). {self.requests.summary(address)} "
                    "The operation continues in the service: run again to wait further, or raise wait_timeout"
                )
            )

    def usable(self, document: Document | None) -> Document | None:
        """Waits until a resource that rests can be used as well."""
        states = self.type.states
        if document is None or self.type.usable is None or states.of(document) not in states.ready + states.resting:
            return document
        waiting, address, session = self.waiting(), self.reader.address(document), self.session.look()
        while reason := self.type.usable(session, document):
            session = self.session
            waiting.tell(reason)
            waiting.pause(lambda took, why=reason: f"{self.reader.title(address)}: {why} after {took} (wait_timeout)")  # type: ignore[misc]
            document = self.seen(address)
        return document

    def wait_for_holder(self, check: bool = False) -> None:
        """Waits until what the resource lives in takes writes. Raises CloudError where waiting does not help."""
        held = self.type.held
        if held is None or any(is_unknown(p) for p in self.reader.place()):
            return
        waiting = self.waiting()
        while (reason := held(self.session, self.reader.wish.fields)) and self.reader.wish.wait and not check:
            waiting.tell(reason)
            waiting.pause(lambda took, why=reason: f"{self.label}: {why} after {took} (wait_timeout)")  # type: ignore[misc]

    def seen(self, address: Address) -> Document:
        """The resource after a write; a service may not show it at once."""
        waiting = self.waiting(timeout=SHOWN_SECONDS, interval=5.0)
        while (document := self.reader.get(address)) is None:
            waiting.pause(
                lambda took: f"{self.reader.title(address)}: the service does not show it after {took}; run again"
            )
        return document
