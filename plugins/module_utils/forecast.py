# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resource as it would be after a plan: what check mode returns. Pure; the SDK says only how deep a model goes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.model import Change, Document, ResourceType, placeholder
from ansible_collections.okestack.oci.plugins.module_utils.plan import Plan
from ansible_collections.okestack.oci.plugins.module_utils.reader import without_secrets
from ansible_collections.okestack.oci.plugins.module_utils.wish import Wish


def would_be(type_: ResourceType, wish: Wish, plan: Plan, observed: Document | None) -> Document:
    """What there would be after a plan, with placeholders for what the service decides."""
    if plan.kind in ("create", "replace"):
        body = plan.create or {}
        given = {k: v for k, v in wish.fields.items() if k not in body and not type_.field(k).secret}
        return without_secrets(type_, {**shape(type_, wish), **body, **given})
    if observed is None:
        return {**shape(type_, wish), **wish.fields}
    changed = {k: v for k, v in wish.fields.items() if k in plan.after and type_.field(k).change is not Change.ONCE}
    return without_secrets(type_, {**observed, **changed})


def shape(type_: ResourceType, wish: Wish) -> Document:
    """A resource of which nothing is known yet: each value a placeholder, as deep as the SDK's model goes."""
    name = str(wish.fields.get(type_.name_field) or wish.id or "")
    models = importlib.import_module(f"oci.{type_.package}.models")
    made = _shape_of(models, type_.read_model, lambda path: placeholder(type_.name, name, path), "", 3)
    made[type_.states.field] = type_.states.ready[0]
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
