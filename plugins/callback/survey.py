# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes what a survey sends for what it means: nothing for an empty answer, a dictionary or a list for its JSON text."""

from __future__ import annotations

DOCUMENTATION = r"""
name: survey
type: aggregate
short_description: Ignore empty answers of a survey
version_added: 0.1.0
description:
  - A survey of AWX sends an answer that was left empty as an empty text, and a dictionary or a list as the text that was
    typed. Both become extra variables, which outrank everything a role could say.
  - Before a play begins, extra variables (C(-e)) that are options of the collection's roles and empty are dropped, so
    that the value of the inventory or role applies, and JSON text is parsed.
  - The values of an inventory stay as they are. So do connection variables (C(okestack_profile), ...) that are empty, which
    leave the choice to the environment.
author:
  - okestack contributors (@okestack)
requirements:
  - Enable it with C(callbacks_enabled = okestack.oci.survey).
"""

from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.callback import CallbackBase
from ansible_collections.okestack.oci.plugins.action.role_options import every_option
from ansible_collections.okestack.oci.plugins.module_utils.role_options import answered


class CallbackModule(CallbackBase):
    """Changes the extra variables in Ansible's own process, from which each task's are made."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "okestack.oci.survey"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Before the first task of each play."""
        extra: dict[str, Any] = play.get_variable_manager().extra_vars
        meant = answered(extra, every_option(), _parsed)
        extra.clear()
        extra.update(meant)


def _parsed(text: str) -> Any:
    """What a text describes, templates in it kept; the text where it is neither JSON nor YAML."""
    try:
        return DataLoader().load(text)
    except AnsibleError:
        return text
