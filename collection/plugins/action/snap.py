"""ansible-playbook's door to the job of the same name; hotdesk itself does not come this way."""

from __future__ import annotations

from ansible_collections.hotdesk.sync.plugins.plugin_utils.door import action_for

ActionModule = action_for(__file__)
