"""What is said of templates that can never work, when a playbook is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import TemplateError
from hotdesk.playbook.check_templates import check_templates
from hotdesk.settings import Settings
from hotdesk.variables.templates import Templates

if TYPE_CHECKING:
    from tests.unit.playbook.project import Project

PLAY = "- hosts: all\n  tasks:\n    - ansible.builtin.debug:\n      when: (a and (b)\n"


def test_a_broken_condition_of_a_loop_is_doubtful(project: Project) -> None:
    """There may be no item to look at it for, and then Ansible never notices; of any other task it is an error."""
    looping = project.load(PLAY + "      loop: []\n")
    (problem,) = check_templates(looping, Templates(Settings()))
    assert "expected ')'" in problem.message
    with pytest.raises(TemplateError, match=r"expected '\)'"):
        check_templates(project.load(PLAY), Templates(Settings()))
