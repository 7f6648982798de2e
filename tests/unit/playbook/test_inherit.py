from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.playbook.project import flat

if TYPE_CHECKING:
    from tests.unit.playbook.project import Project


def test_a_task_carries_what_stands_around_it(project: Project) -> None:
    """Play, blocks and task: conditions and-ed, tags united, layers outermost first, else the innermost."""
    play = project.play("""
        - hosts: all
          become: true
          become_user: root
          tags: [p]
          environment: {A: play}
          module_defaults: {copy: {mode: "0600"}}
          vars: {v: play}
          connection: ssh
          tasks:
            - block:
                - block:
                    - debug: {}
                      when: [c, d]
                      tags: t
                      vars: {v: task}
                      environment: {A: task}
                      become_user: me
                      notify: own
                  when: b
                  vars: {v: inner}
                  no_log: true
              when: a
              tags: [b1, b2]
              vars: {v: outer}
              notify: [x, y]
              timeout: 5
            - debug: {}
        """)
    first, second = flat(play.sections[2][1])
    assert first.when == ("a", "b", "c", "d")
    assert first.tags == {"p", "b1", "b2", "t"}
    assert [layer["v"] for layer in first.vars] == ["outer", "inner", "task"]
    assert [layer["A"] for layer in first.environment] == ["play", "task"]
    assert (first.become.enabled, first.become.user) == (True, "me")
    assert (first.notify, first.no_log, first.timeout, first.connection) == (("own",), True, 5, "ssh")
    assert [dict(layer) for layer in first.module_defaults] == [{"ansible.builtin.copy": {"mode": "0600"}}]
    assert (second.when, second.tags, second.vars, second.no_log) == ((), frozenset({"p"}), (), False)
    assert play.vars == {"v": "play"}


def test_rescue_and_always_inherit_the_blocks_keywords(project: Project) -> None:
    """And only the block's own tasks are those whose failure is handled."""
    tasks = project.tasks("""
        - when: a
          block: [{debug: {}}]
          rescue: [{debug: {}}]
          always: [{debug: {}}]
        """)
    assert [task.when for task in tasks] == [("a",)] * 3
    assert [task.failure_handled for task in tasks] == [True, False, False]


def test_loops_are_read_with_their_control(project: Project) -> None:
    """loop and with_X with everything loop_control may say."""
    first, second = project.tasks("""
        - debug: {}
          loop: "{{ things }}"
          loop_control: {loop_var: thing, index_var: i, label: "{{ thing.name }}", pause: 1.5, extended: yes, break_when: a}
        - debug: {}
          with_dict: {a: 1}
        """)
    assert first.loop is not None
    assert second.loop is not None
    assert (first.loop.terms, first.loop.lookup, first.loop.loop_var) == ("{{ things }}", "", "thing")
    assert (first.loop.index_var, first.loop.pause, first.loop.break_when) == ("i", 1.5, ("a",))
    assert (second.loop.lookup, second.loop.terms) == ("dict", {"a": 1})


def test_the_results_of_a_task_can_be_judged_by_lists(project: Project) -> None:
    """changed_when and failed_when that are not said are None; a false one is said."""
    first, second = project.tasks("""
        - debug: {}
          changed_when: false
          failed_when: [a, b]
          until: done
          retries: 3
          delay: 1
        - debug: {}
        """)
    assert (first.changed_when, first.failed_when, first.until) == ((False,), ("a", "b"), ("done",))
    assert (first.retries, first.delay) == (3, 1)
    assert (second.changed_when, second.failed_when, second.until, second.delay) == (None, None, (), 5)


def test_every_task_has_an_id_of_its_own(project: Project) -> None:
    """Also the same file of tasks imported twice."""
    project.write("x.yml", "- debug: {}\n")
    tasks = project.tasks("- import_tasks: x.yml\n- import_tasks: x.yml")
    assert len({task.id for task in tasks}) == 2


def test_tags_may_use_what_is_known_before_the_run(project: Project) -> None:
    """A tag is rendered with the play's variables when it is loaded."""
    play = project.play("- hosts: all\n  vars: {t: deep}\n  tasks: [{debug: {}, tags: ['{{ t }}', x]}]\n")
    assert [task.tags for task in flat(play.sections[2][1])] == [{"deep", "x"}]
