# SPDX-License-Identifier: GPL-3.0-or-later
"""The endpoints of vaults. Each vault has one for management and one for cryptography, and a request to create or list
keys names no vault: the host does, `<prefix>-management.kms.<region>.<realm's domain>`.

Callers that use such names get such names. Callers that use the region's address (which no name could stand for without
a resolver) get that address with a path in front of the API's own, `/vault/<prefix>`: the SDK for Python accepts it,
the one for Go does not.
"""

from __future__ import annotations

import re
from dataclasses import replace

from localregion import ocids
from localregion import settings as names
from localregion.core.endpoints import vault_hosts
from localregion.core.errors import not_found
from localregion.core.faults import Drop
from localregion.core.schema import Parameter
from localregion.core.store import Document, Record
from localregion.services.base import Part, Service
from localregion.services.resources import Call

_PREFIXES_AHEAD = 8
_ENDPOINT = re.compile(r"([a-z2-7]{13})-(management|crypto)\.kms\.")


def _host(call: Call) -> str:
    return call.headers.get("host", "").partition(":")[0].lower()


class VaultEndpoints(Part):
    """Which vault a call is for, and where a vault can be called."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._ahead: list[str] = []
        """Prefixes of the next vaults' endpoints."""
        self._add_routes()

    def _add_routes(self) -> None:
        """Add routes: every management and crypto operation can be called below `/vault/<vault>` too."""
        schema = self.region.schema
        vault = Parameter("vault_key", "vaultKey", True)
        below = [
            replace(operation, path=f"/vault/{{vaultKey}}{operation.path}", path_params=(vault, *operation.path_params))
            for operation in schema.operations.values()
            if operation.package == self.service.package and operation.client in ("kms_management", "kms_crypto")
        ]
        schema.routes = type(schema.routes)([*schema.operations.values(), *below])

    def show(self, call: Call, doc: Document) -> None:
        """Add a vault's endpoints to its document: names for a caller that used one, else paths below the region's
        address."""
        host = _host(call)
        domains = (self.region.settings.realm_domain, names.REALM_DOMAIN)
        doc |= self._of(doc["id"], next((domain for domain in domains if host.endswith(f".{domain}")), None))

    def _of(self, vault_id: str, domain: str | None) -> Document:
        """The endpoints of a vault as its document shows them: by names below a realm's domain, or by address."""
        prefix = ocids.vault_prefix(vault_id)
        if domain is None:
            endpoint = f"{self.region.settings.endpoint}/vault/{prefix}"
            return {"managementEndpoint": endpoint, "cryptoEndpoint": endpoint}
        return {f"{use}Endpoint": f"https://{host}" for use, host in vault_hosts(prefix, domain).items()}

    def check(self, call: Call) -> None:
        """Refuse a call of an operation that the endpoint does not serve, or of a vault that does not exist (404).

        Raises Drop while the name of a new vault's endpoint cannot be resolved yet.
        """
        prefix, use = self._called(call)
        if prefix is None:
            return
        vault = self._at(prefix, dead=None)
        if vault is None or (use is not None and call.operation.client != f"kms_{use}"):
            raise not_found()
        if vault.doc["timeCreated"] > self.clock.timestamp_before(self.region.faults.unresolved):
            raise Drop

    def new_prefix(self) -> str:
        """The prefix of a new vault's endpoints."""
        return self._ahead.pop(0) if self._ahead else ocids.prefix()

    def announce(self) -> None:
        """Make this machine resolve the host names of the existing vaults, and of the next ones: a program in Go
        caches the hosts file for 5 seconds, and has read it before its vault is created."""
        domain = self.region.settings.realm_domain
        self._ahead += [ocids.prefix() for _ in range(_PREFIXES_AHEAD - len(self._ahead))]
        prefixes = [*(ocids.vault_prefix(vault.id) for vault in self.service.living("vault")), *self._ahead]
        self.region.announce("vaults", [h for prefix in prefixes for h in vault_hosts(prefix, domain).values()])

    def _called(self, call: Call) -> tuple[str | None, str | None]:
        """Prefix of the vault whose endpoint is called, and which of its endpoints, by host or path."""
        if match := _ENDPOINT.match(_host(call)):
            return match[1], match[2]
        return call.path.get("vault_key"), None

    def _at(self, prefix: str, *, dead: bool | None = False) -> Record | None:
        """The living vault of a prefix, or any."""
        for vault in self.store.select(self.service.name, "vault", dead=dead):
            if ocids.vault_prefix(vault.id) == prefix:
                return vault
        return None

    def vault(self, call: Call) -> Record:
        """The vault whose endpoint was called. 404 at the region's plain address, which is not a vault's endpoint."""
        prefix, _ = self._called(call)
        vault = self._at(prefix) if prefix else None
        if vault is None:
            raise not_found("Keys are created and listed at their vault's managementEndpoint.")
        return vault

    def key(self, call: Call, *, dead: bool = False) -> Record:
        """The key of a call, at the endpoint of its vault or the region's plain address. Raises 404."""
        return self.own(call, self.service.get("key", call.path["key_id"], dead=dead))

    def own(self, call: Call, key: Record) -> Record:
        """The key, unless the endpoint that was called is another vault's. Raises 404."""
        prefix, _ = self._called(call)
        if prefix is not None and ocids.vault_prefix(key.id) != prefix:
            raise not_found()
        return key
