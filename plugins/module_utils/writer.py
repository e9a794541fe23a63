# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one resource: creates it once though it may be asked twice, updates it guarded by its etag, removes it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import to_document, to_model
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, ResourceError, Uncertain
from ansible_collections.okestack.oci.plugins.module_utils.lifecycle import Lifecycle
from ansible_collections.okestack.oci.plugins.module_utils.model import Address, Call, Document, camel
from ansible_collections.okestack.oci.plugins.module_utils.reader import Reader
from ansible_collections.okestack.oci.plugins.module_utils.wish import time_of_deletion
from ansible_collections.okestack.oci.plugins.module_utils.work_requests import ENDED_BADLY, WorkRequests, made_by

IN_USE = frozenset(
    {
        (409, "Conflict"),
        (409, "IncorrectState"),
        (409, "ExternalServerIncorrectState"),
        (412, "PreconditionFailed"),
    }
)
"""(status, code) with which services refuse to remove what something else is in; it passes, or somebody has to act."""


class Writer:
    """Sends the writes of a resource and remembers their work requests."""

    def __init__(self, reader: Reader, lifecycle: Lifecycle, requests: WorkRequests) -> None:
        self.reader, self.lifecycle, self.requests = reader, lifecycle, requests
        self.session, self.type, self.label = reader.session, reader.type, reader.label
        self._spent = 0  # retry tokens whose answers were of no use

    def create(self, body: Document, replaces: str = "") -> Address:
        """Makes it and returns its address.

        The retry token is a hash of identity, body and a counter, the same in the next run: a run that was killed
        after its create finds, by sending it again, the resource it made. The counter moves on when the service
        calls the token used up, or the answer is a resource that is no more, or has another name or place by now.
        """
        self.lifecycle.wait_for_holder()
        token_body = {k: v for k, v in body.items() if not self.type.field(k).secret}
        arguments = {
            **self.type.create_constants,
            **(self.type.encode(self.session, dict(body), None) if self.type.encode else body),
        }
        details = to_model(self.type.package, self.type.create_details, arguments)
        place = self.reader.place()
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
                    self.reader.write_client,
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
        return request.status in ("SUCCEEDED", "FAILED", "CANCELED") and self.reader.get(address) is None

    def _id_of(self, response: Any) -> str:
        if response.data is not None and getattr(response.data, "id", None):
            return str(response.data.id)
        request_id = response.headers.get("opc-work-request-id")
        if not request_id or not self.type.work_requests:
            raise ResourceError(f"{self.label}: the service's answer names neither a resource nor a work request")
        waiting = self.lifecycle.waiting(
            timeout=max(60.0, self.reader.wish.wait_timeout) if self.reader.wish.wait else 60.0
        )
        while True:
            request = self.requests.get(request_id)
            if id_ := made_by(request, self.type.sdk_noun):
                return id_
            if request.status in ENDED_BADLY:
                raise ResourceError(f"{self.label}: {self.requests.text(request_id)}")
            waiting.pause(lambda took: f"{self.label}: work request {request_id} names no resource after {took}")

    def write(self, call: Call, address: Address, etag: str | None, there: Document | None = None) -> None:
        self.lifecycle.wait_for_holder()
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
        response = self.session.call(
            self.reader.write_client, call.operation, *address, repeatable=call.repeatable, **kwargs
        )
        self._remember(response)

    def _remember(self, response: Any) -> None:
        self.reader.stay_home()
        self.requests.remember(response)

    def delete(self, observed: Document) -> None:
        self.lifecycle.wait_for_holder()
        address = self.reader.address(observed)
        kwargs: dict[str, Any] = {}
        if self.type.deletion.days:
            model = camel(self.type.delete_operation) + "Details"
            kwargs[f"{self.type.delete_operation}_details"] = to_model(
                self.type.package, model, {"time_of_deletion": self.time_of_deletion()}
            )
        for option, argument in self.type.deletion.options.items():
            if self.reader.wish.extra.get(option) is not None:
                kwargs[argument] = self.reader.wish.extra[option]
        self.session.report(f"{self.label}: {self.type.delete_operation}")
        waiting = self.lifecycle.waiting(timeout=self.session.connection.retry_timeout)
        while True:
            try:
                self._remember(
                    self.session.call(
                        self.reader.write_client, self.type.delete_operation, *address, patient=False, **kwargs
                    )
                )
                break
            except CloudError as error:
                if error.status == 404:
                    return
                if (error.status, error.code) not in IN_USE:
                    raise
                # What is in it goes a minute or more after its owner (VNICs of pods, load balancers, DB Systems).
                waiting.tell("still in use", error.message)
                waiting.pause(lambda took, why=error: f"{self.reader.title(address)}: in use after {took}: {why}")  # type: ignore[misc]
        if self.reader.wish.wait:
            self.lifecycle.wait(address, gone=True)
            self.lifecycle.wait_for_holder()

    def time_of_deletion(self) -> str:
        bounds = self.type.deletion.days or (0, 0)
        return time_of_deletion(bounds, self.reader.wish.deletion_days, self.reader.wish.time_of_deletion)
