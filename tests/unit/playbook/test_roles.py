from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import PlaybookError
from hotdesk.playbook.model import Block
from tests.unit.playbook.project import flat, in_phase

if TYPE_CHECKING:
    from tests.unit.playbook.project import Project


def role(project: Project, name: str, tasks: str = "- debug: {}\n", **files: str) -> None:
    """A role with this tasks/main.yml and further files (``meta="..."`` is meta/main.yml)."""
    project.write(f"roles/{name}/tasks/main.yml", tasks)
    for folder, text in files.items():
        project.write(f"roles/{name}/{folder}/main.yml", text)


def test_dependencies_come_first_with_the_keywords_around_them(project: Project) -> None:
    """A dependency's tasks inherit from the entry that led to it; params stay with their entry."""
    role(project, "base")
    role(project, "web", meta="dependencies: [{role: base, p: 1, when: d, tags: dep, version: v1}]\n")
    play = project.play("""
        - hosts: all
          become: true
          roles: [{role: web, port_number: 80, when: w, tags: [t], vars: {x: 1}}]
        """)
    blocks = play.sections[1][1]
    assert all(isinstance(block, Block) for block in blocks)
    first, second = in_phase(play, "roles")
    assert (first.when, first.tags, first.become.enabled) == (("w", "d"), frozenset({"t", "dep"}), True)
    assert (second.when, second.tags, second.vars) == (("w",), frozenset({"t"}), ({"x": 1},))
    base, web = play.roles
    assert (base.role.name, dict(base.params)) == ("base", {"p": 1})
    assert (web.role.name, dict(web.params)) == ("web", {"port_number": 80})
    assert base.parents == (web,)
    assert web.dependencies == (base,)
    assert [block.role for block in blocks if isinstance(block, Block)] == [base, web]
    assert first.role is base


def test_equal_entries_have_equal_keys(project: Project) -> None:
    """The executor runs a role once for the same params, when and tags."""
    role(project, "base")
    play = project.play(
        "- hosts: all\n  roles: [base, base, {role: base, a: 1}, {role: base, a: 1}, {role: base, tags: t}]\n"
    )
    keys = [use.key for use in play.roles]
    assert keys[0] == keys[1]
    assert keys[2] == keys[3]
    assert len(set(keys)) == 3


def test_a_roles_files_are_read(project: Project) -> None:
    """defaults, vars (also as folders), meta and collections."""
    role(
        project, "r", defaults="a: 1\n", meta="allow_duplicates: yes\ncollections: [one.two]\ngalaxy_info: {author: x}\n"
    )  # fmt: skip
    project.write("roles/r/vars/main/10.yml", "b: 1\nc: 1\n")
    project.write("roles/r/vars/main/20.yml", "c: 2\n")
    (use,) = project.play("- hosts: all\n  roles: [r]\n").roles
    assert (use.role.defaults, use.role.vars) == ({"a": 1}, {"b": 1, "c": 2})
    assert use.role.allow_duplicates
    assert use.role.collections == ("one.two",)
    assert use.role.path == project.path / "roles" / "r"


def test_handlers_of_roles_join_the_play(project: Project) -> None:
    """Those of roles first, then the play's, then those of imported roles; each knows its role."""
    role(project, "a", handlers="- {name: h, debug: {}}\n")
    role(project, "b", handlers="- {name: h, debug: {}}\n")
    play = project.play("""
        - hosts: all
          roles: [a]
          tasks: [{import_role: {name: b}}]
          handlers: [{name: own, debug: {}}]
        """)
    assert [(str(h.name), h.role.role.name if h.role else "") for h in flat(play.handlers)] == [
        ("h", "a"),
        ("own", ""),
        ("h", "b"),
    ]


def test_import_role_is_static(project: Project) -> None:
    """Its tasks take its place, with its keywords; the role is the play's from then on."""
    role(project, "r", "- debug: {}\n  when: c\n- import_role: {name: r, tasks_from: other}\n")
    project.write("roles/r/tasks/other.yml", "- ping:\n")
    play = project.play("- hosts: all\n  tasks: [{import_role: {name: r}, when: a, tags: t, vars: {x: 1}}]\n")
    first, second = in_phase(play, "tasks")
    assert (first.when, first.tags, first.vars) == (("a", "c"), frozenset({"t"}), ({"x": 1},))
    assert second.action == "ansible.builtin.ping"
    assert [use.role.name for use in play.roles] == ["r", "r"]
    assert all(use.public and use.from_include and use.role.allow_duplicates for use in play.roles)


def test_include_role_is_loaded_while_running(project: Project) -> None:
    """One block, the handlers to add, the use; with *_from, apply and params."""
    role(project, "r", handlers="- {name: h, debug: {}}\n")
    project.write("roles/r/tasks/other.yml", "- ping:\n")
    project.write("roles/r/defaults/other.yml", "d: 1\n")
    (include,) = project.tasks("- include_role: {name: r, tasks_from: other}\n  vars: {x: 1}\n  when: own")
    block, handlers, use = project.loader.load_included_role(
        "r", include, tasks_from="other", defaults_from="other.yml", vars={"item": 1}, apply={"tags": ["t"]}
    )
    (task,) = flat([block])
    assert (task.action, task.tags, task.when) == ("ansible.builtin.ping", frozenset({"t"}), ())
    assert task.include_params == ({"x": 1}, {"item": 1})
    assert (task.role, use.public, use.role.defaults) == (use, False, {"d": 1})
    assert [str(handler.name) for handler in flat(handlers)] == ["h"]


def test_an_argument_spec_is_checked_before_the_first_task(project: Project) -> None:
    """From meta/argument_specs.yml or meta/main.yml, for the entry point that is used."""
    spec = "argument_specs:\n  main: {short_description: Main, options: {a: {type: int, required: true}}}\n"
    role(project, "one")
    project.write("roles/one/meta/argument_specs.yml", spec)
    role(project, "two", meta=spec)
    project.write("roles/two/tasks/other.yml", "- debug: {}\n")
    play = project.play("""
        - hosts: all
          roles: [{role: one, a: 1}, two]
          tasks:
            - import_role: {name: two, tasks_from: other}
            - import_role: {name: two, rolespec_validate: false}
          post_tasks:
            - import_role: {name: two}
        """)
    first, _, third, _ = in_phase(play, "roles")
    assert first.action == third.action == "ansible.builtin.validate_argument_spec"
    assert first.name == third.name
    assert first.name == "Validating arguments against arg spec 'main' - Main"
    assert first.tags == {"always"}
    assert first.args["provided_arguments"] == {"a": 1}
    assert first.args["argument_spec"]["a"]["required"] is True
    assert [task.action for task in in_phase(play, "tasks")] == ["ansible.builtin.debug"] * 2
    assert in_phase(play, "post_tasks")[0].args["provided_arguments"] == {}


def test_argument_specs_of_another_shape_are_refused_with_their_place(project: Project) -> None:
    """Also when what stands there is a number, which does not know its place."""
    role(project, "r")
    project.write("roles/r/meta/argument_specs.yml", "---\nargument_specs: 1\n")
    error = project.refused("- hosts: all\n  roles: [r]\n")
    assert "must be a mapping of entry points" in error.message
    assert str(error.place).endswith("argument_specs.yml:2:1")


def test_a_role_in_a_collection_is_found(project: Project) -> None:
    """By its full name, and by a short one with collections:; its own names come first inside it."""
    base = "collections/ansible_collections/my/pcs"
    project.write(f"{base}/galaxy.yml", "namespace: my\nname: pcs\nversion: 1.2.3\n")
    project.write(f"{base}/roles/desk/tasks/main.yml", "- import_role: {name: lamp}\n")
    project.write(f"{base}/roles/lamp/tasks/main.yml", "- debug: {}\n")
    play = project.play("- hosts: all\n  roles: [my.pcs.desk]\n")
    assert [use.role.name for use in play.roles] == ["my.pcs.lamp", "my.pcs.desk"]
    play = project.play("- hosts: all\n  collections: [my.pcs]\n  roles: [lamp]\n")
    assert [use.role.name for use in play.roles] == ["my.pcs.lamp"]


def test_files_of_a_role_are_looked_for_in_it_first(project: Project) -> None:
    """Then in the roles that led to it, the folder of the task file, the playbook's folder."""
    role(project, "inner")
    role(project, "outer", meta="dependencies: [inner]\n")
    first, _ = in_phase(project.play("- hosts: all\n  roles: [outer]\n"), "roles")
    roles = project.path / "roles"
    assert first.search == (roles / "inner", roles / "outer", roles / "inner" / "tasks", project.path)


@pytest.mark.parametrize(
    ("roles", "message", "remedy"),
    [
        ("[wbe]", "there is no role 'wbe'", "web"),
        ("[{when: a}]", "names no role", "role: NAME"),
        ("[[web]]", "a name or a mapping", ""),
        ("['web,other']", "Invalid old style role requirement: web,other", ""),
        ("[{role: web, become: maybe}]", "'become' must be true or false", ""),
        ("[loop]", "needs itself: loop -> loop", ""),
        ("[badmeta]", "'dependancies' is not a key", "dependencies"),
        ("[badvars]", "must be a mapping", ""),
        ("[badtasks]", "must be a list", ""),
        ("['{{ nowhere }}']", "a role's name cannot be rendered", "extra vars"),
    ],
)
def test_a_wrong_role_is_one_clear_error(project: Project, roles: str, message: str, remedy: str) -> None:
    """With a place and a remedy."""
    role(project, "web")
    role(project, "loop", meta="dependencies: [loop]\n")
    role(project, "badmeta", meta="dependancies: []\n")
    role(project, "badvars", vars="- a\n")
    role(project, "badtasks", "a: b\n")
    error = project.refused(f"- hosts: all\n  roles: {roles}\n")
    assert message in error.message
    assert remedy in error.remedy
    assert error.place is not None


def test_a_missing_file_of_a_role_is_named(project: Project) -> None:
    """tasks_from and its like must exist, and stay inside the role."""
    role(project, "r")
    project.write("roles/r/tasks/setup.yml", "- debug: {}\n")
    project.write("roles/secret.yml", "- debug: {}\n")
    error = project.refused_task("- import_role: {name: r, tasks_from: setpu}")
    assert "no file tasks/setpu" in error.message
    assert "setup" in error.remedy
    with pytest.raises(PlaybookError, match="is not inside"):
        project.tasks("- import_role: {name: r, tasks_from: ../../secret.yml}")


def test_meta_end_role_works_in_a_role_only(project: Project) -> None:
    """As a task of it, not as its handler."""
    role(project, "r", "- meta: end_role\n")
    assert len(in_phase(project.play("- hosts: all\n  roles: [r]\n"), "roles")) == 1
    role(project, "r", handlers="- {name: h, meta: end_role}\n")
    assert "end_role" in project.refused("- hosts: all\n  roles: [r]\n").message
