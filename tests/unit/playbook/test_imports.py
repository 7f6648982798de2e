from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import PlaybookError
from hotdesk.source import Map, Trusted
from tests.unit.playbook.project import flat, in_phase

if TYPE_CHECKING:
    from tests.unit.playbook.project import Project


def test_an_import_passes_its_keywords_on(project: Project) -> None:
    """Everything on import_tasks counts for each of its tasks."""
    project.write("more.yml", "- debug: {}\n  when: c\n- import_tasks: sub/last.yml\n  tags: inner\n")
    project.write("sub/last.yml", "- debug: {}\n")
    first, second = project.tasks("- import_tasks: more.yml\n  when: a\n  tags: t\n  become: true\n  vars: {x: 1}")
    assert (first.when, first.tags, first.become.enabled) == (("a", "c"), frozenset({"t"}), True)
    assert (second.when, second.tags) == (("a",), frozenset({"t", "inner"}))
    assert first.vars == ({"x": 1},)
    assert first.statically_included


def test_an_include_passes_on_only_vars_and_apply(project: Project) -> None:
    """Its own keywords are its own; those around it, its variables and what stands under apply are its children's."""
    file = project.write("more.yml", "- debug: {}\n")
    (include,) = project.tasks("""
        - block:
            - include_tasks: {file: more.yml, apply: {become: true, tags: [applied]}}
              when: own
              tags: own
              vars: {x: 1}
          when: around
        """)
    assert include.when == ("around", "own")
    assert project.loader.find_tasks_file("more.yml", include) == file
    children = project.loader.load_included_tasks(file, include, vars={"item": 7}, apply=include.args["apply"])
    (child,) = flat(children)
    assert (child.when, child.tags, child.become.enabled) == (("around",), frozenset({"applied"}), True)
    assert child.include_params == ({"x": 1}, {"item": 7})
    assert not child.statically_included


def test_includes_nest_and_look_beside_their_own_file(project: Project) -> None:
    """A relative name is looked for beside the file that includes, then outwards."""
    project.write("a/one.yml", "- include_tasks: b/two.yml\n  vars: {y: 2}\n")
    two = project.write("a/b/two.yml", "- debug: {}\n")
    (include,) = project.tasks("- include_tasks: a/one.yml\n  vars: {x: 1}")
    (inner,) = flat(project.loader.load_included_tasks(project.loader.find_tasks_file("a/one.yml", include), include))
    assert project.loader.find_tasks_file("b/two.yml", inner) == two
    (last,) = flat(project.loader.load_included_tasks(two, inner))
    assert last.include_params == ({"x": 1}, {"y": 2})
    assert last.search[0] == two.parent


def test_a_file_that_changed_is_read_again(project: Project) -> None:
    """A playbook may write the file it includes."""
    file = project.write("more.yml", "- debug: {}\n")
    (include,) = project.tasks("- include_tasks: more.yml")
    assert len(project.loader.load_included_tasks(file, include)) == 1
    project.write("more.yml", "- debug: {}\n- debug: {}\n")
    assert len(project.loader.load_included_tasks(file, include)) == 2


def test_static_names_may_be_templates(project: Project) -> None:
    """With extra vars, the play's vars and vars_files; extra vars win."""
    project.write("vars.yml", "kind: from_file\n")
    project.write("from_extra.yml", "- debug: {}\n")
    project.write("from_file.yml", "- ping:\n")
    text = "- hosts: all\n  vars: {kind: x}\n  vars_files: [vars.yml]\n  tasks: [{import_tasks: '{{ kind }}.yml'}]\n"
    (task,) = in_phase(project.play(text), "tasks")
    assert task.action == "ansible.builtin.ping"
    (task,) = in_phase(project.play(text, {"kind": "from_extra"}), "tasks")
    assert task.action == "ansible.builtin.debug"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- import_tasks: mor.yml", "Could not find or access 'mor.yml'"),
        ("- import_tasks: '{{ nowhere }}.yml'", "cannot be rendered"),
        ("- import_tasks: more.yml\n  loop: [1]", "cannot loop"),
        ("- import_tasks: self.yml", "imports itself"),
        ("- import_tasks: map.yml", "must be a list"),
        ("- import_tasks: {file: more.yml, x: 1}", "Invalid options for import_tasks: x"),
        ("- import_tasks:", "does not say which file"),
        ("- import_role: {name: r}\n  loop: [1]", "cannot loop"),
        ("- import_role: {name: nosuch}", "there is no role 'nosuch'"),
    ],
)
def test_a_wrong_import_is_one_clear_error(project: Project, text: str, message: str) -> None:
    """Named before the run, with the place."""
    project.write("more.yml", "- debug: {}\n")
    project.write("self.yml", "- import_tasks: self.yml\n")
    project.write("map.yml", "a: b\n")
    error = project.refused_task(text)
    assert message in error.message
    assert error.place is not None


def test_an_included_file_that_is_not_there_names_where_it_was_looked_for(project: Project) -> None:
    """With the nearest name among its neighbours."""
    project.write("tasks/more.yml", "- debug: {}\n")
    (include,) = project.tasks("- include_tasks: mor.yml")
    with pytest.raises(PlaybookError, match=r"tasks/mor\.yml") as caught:
        project.loader.find_tasks_file("mor.yml", include)
    assert "more.yml" in caught.value.remedy


def test_an_empty_file_is_warned_of(project: Project) -> None:
    """It has no tasks, and that is hardly meant."""
    project.write("more.yml", "---\n")
    assert project.tasks("- import_tasks: more.yml") == []
    assert "had no tasks" in project.loader.warnings[0][0]


def test_import_playbook_puts_its_keywords_on_the_plays(project: Project) -> None:
    """vars over the play's own, tags united, conditions on tasks but not on handlers; paths from the imported file's folder."""
    project.write(
        "sub/other.yml",
        """
        - hosts: a
          vars: {x: play, y: play}
          tags: p
          tasks: [{debug: {}, when: t}]
          handlers: [{name: h, debug: {}}]
        """,
    )
    first, second = project.load("""
        - import_playbook: sub/{{ which }}.yml
          vars: {x: import, which: other}
          tags: [i]
          when: w
        - hosts: b
        """).plays
    assert (first.vars["x"], first.vars["y"]) == ("import", "play")
    assert first.tags == {"p", "i"}
    assert [task.when for task in in_phase(first, "tasks")] == [("w", "t")]
    assert [task.when for task in flat(first.handlers)] == [()]
    assert first.basedir == project.path / "sub"
    assert (second.hosts, second.tags, second.basedir) == ("b", frozenset(), project.path)


def test_a_wrong_import_playbook_is_one_clear_error(project: Project) -> None:
    """Missing, circular, or with a keyword that means nothing there."""
    assert "there is no playbook" in project.refused("- import_playbook: nosuch.yml\n").message
    assert "imports itself" in project.refused("- import_playbook: site.yml\n").message
    assert "'hosts' is not a keyword" in project.refused("- import_playbook: x.yml\n  hosts: all\n").message


def test_handlers_are_loaded_as_handlers(project: Project) -> None:
    """listen, blocks, static imports; looked for in handlers/ as well."""
    project.write("handlers/more.yml", "- name: second\n  debug: {}\n  listen: news\n")
    play = project.play("""
        - hosts: all
          handlers:
            - name: first
              debug: {}
              listen: [news, "other news"]
            - import_tasks: more.yml
            - block: [{name: third, debug: {}}]
            - include_tasks: x.yml
        """)
    handlers = list(flat(play.handlers))
    assert [str(handler.name) for handler in handlers] == ["first", "second", "third", ""]
    assert all(handler.is_handler for handler in handlers)
    assert (handlers[0].listen, handlers[1].listen) == (("news", "other news"), ("news",))
    assert play.sections[2][1] == ()


def test_rendered_values_of_an_include_may_be_anything(project: Project) -> None:
    """The variables an include hands on are data; they are not looked into."""
    file = project.write("more.yml", "- debug: {}\n")
    (include,) = project.tasks("- include_tasks: more.yml")
    odd = {"item": {1, 2}, "text": "{{ not a template }}", "user": Trusted("{{ x }}"), "map": Map({"a": object()})}
    (child,) = flat(project.loader.load_included_tasks(file, include, vars=odd))
    assert child.include_params == (odd,)
