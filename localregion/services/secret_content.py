# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of a secret: given, or generated."""

from __future__ import annotations

import asyncio
import base64
import binascii

from localregion.core.errors import invalid, missing
from localregion.core.store import Document
from localregion.services import generation

_MOST_CONTENT = 25 * 1024


async def content(body: Document, automatic: bool, context: Document | None) -> bytes:
    """The content that a request gives, or that is generated. Raises 400."""
    given = body.get("secretContent")
    if automatic:
        if given:
            raise invalid("secretContent cannot be given when enableAutoGeneration is true")
        if not context:
            raise missing("secretGenerationContext")
        try:
            generation.check(context)
        except generation.GenerationError as error:
            raise invalid(f"secretGenerationContext: {error}") from None
        return await asyncio.to_thread(generation.generate, context)
    if context:
        raise invalid("secretGenerationContext requires enableAutoGeneration")
    if not given:
        raise missing("secretContent")
    text = given.get("content")
    if not text:
        raise missing("secretContent.content")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("secretContent.content is not base64") from None
    if not content:
        raise invalid("secretContent.content is empty")
    if len(content) > _MOST_CONTENT:
        raise invalid(f"secretContent.content must not be longer than {_MOST_CONTENT} bytes")
    return content
