"""Ansible's line format."""

from __future__ import annotations

from hotdesk import events as ev
from hotdesk.place import Place
from hotdesk.results import Diff, HostRecap, Result, failure
from hotdesk.ui.plain import Plain, Style


def lines_of(*happened: ev.Event, style: Style | None = None) -> str:
    """What Plain prints for these events."""
    text: list[str] = []
    plain = Plain(text.append, style or Style())
    for event in happened:
        plain(event)
    return "".join(text)


TASK = ev.TaskStarted(task="t1", name="say : hello", action="ansible.builtin.command")


def test_headings_are_filled_with_stars_to_79_columns() -> None:
    """PLAY and TASK lines look as tools expect them."""
    shown = lines_of(ev.PlayStarted(play="Switch", hosts=("a",)), TASK)
    assert shown == f"\nPLAY [Switch] {'*' * 66}\n\nTASK [say : hello] {'*' * 61}\n"


def test_each_status_has_its_line() -> None:
    """ok, changed, skipping, fatal and UNREACHABLE are Ansible's words."""
    results = {
        "a": Result(),
        "b": Result(changed=True),
        "c": Result(skipped=True),
        "d": failure("no", rc=1),
        "e": Result(unreachable=True, data={"msg": "gone"}),
    }
    shown = lines_of(TASK, *(ev.TaskFinished(task="t1", host=host, result=result) for host, result in results.items()))
    assert shown.splitlines()[2:] == [
        "ok: [a]",
        "changed: [b]",
        "skipping: [c]",
        "[ERROR]: Task failed: no",
        "",
        'fatal: [d]: FAILED! => {"changed": false, "msg": "no", "rc": 1}',
        "[ERROR]: Task failed: gone",
        "",
        'fatal: [e]: UNREACHABLE! => {"changed": false, "msg": "gone", "unreachable": true}',
    ]


def test_a_failure_shows_where_the_task_stands(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The origin is the place with its line and a caret."""
    book = tmp_path / "book.yml"
    book.write_text("- hosts: all\n  tasks:\n    - command: false\n")
    place = Place(str(book), 3, 7)
    task = ev.TaskStarted(task="t1", name="x", action="ansible.builtin.command", place=place)
    finished = [ev.TaskFinished(task="t1", host=host, result=failure("no"), place=place) for host in "ab"]
    shown = lines_of(task, *finished)
    excerpt = "1 - hosts: all\n2   tasks:\n3     - command: false\n        ^ column 7"
    assert f"[ERROR]: Task failed: no\nOrigin: {book}:3:7\n\n{excerpt}\n" in shown
    assert shown.count("[ERROR]") == 1, "the same for the next host is said once, as Ansible does"
    assert shown.endswith('fatal: [b]: FAILED! => {"changed": false, "msg": "no"}\n')


def test_items_show_their_label_and_the_loop_itself_only_when_it_was_skipped() -> None:
    """A loop prints a line for each item and none for the sum."""
    shown = lines_of(
        TASK,
        ev.ItemFinished(task="t1", host="a", label="x", result=Result(changed=True)),
        ev.TaskFinished(task="t1", host="a", result=Result(changed=True, items=(Result(changed=True),))),
    )
    assert shown.splitlines()[2:] == ["changed: [a] => (item=x)"]


def test_the_recap_has_ansibles_columns() -> None:
    """The line greps as Ansible's does."""
    shown = lines_of(ev.RunFinished(exit_code=0, recap={"vega": HostRecap(ok=12, changed=3)}, seconds=1.0))
    assert (
        "vega                       : ok=12   changed=3    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0   \n"
        in shown
    )


def test_a_short_commands_output_is_in_its_result_alone() -> None:
    """As under Ansible; one that takes its time is shown as it goes on, from its first line."""

    def says(line: str, at: float) -> ev.Event:
        return ev.Output(task="t1", host="a", stream="stdout", line=line, at=at)

    done = ev.TaskFinished(task="t1", host="a", result=Result(data={"stdout": "one"}))
    verbose = Style(verbosity=1)
    assert lines_of(TASK, says("one", 5.0), done, style=verbose).count("one") == 1
    shown = lines_of(
        TASK, says("old", 1.0), done, says("one", 5.0), says("two", 6.5), says("three", 6.6), style=verbose
    )
    assert shown.splitlines()[3:] == ["[a] one", "[a] two", "[a] three"]


def test_control_characters_from_a_host_are_shown_not_sent() -> None:
    """An escape sequence in a result cannot draw on the terminal."""
    shown = lines_of(TASK, ev.TaskFinished(task="t1", host="a\x1b[2J", result=Result()), style=Style(verbosity=1))
    assert "\x1b" not in shown
    assert "a\\x1b[2J" in shown


def test_warnings_are_repeated_at_the_end_once() -> None:
    """A warning is printed when it comes and again after the recap, however often it came."""
    warning = ev.Warned(text="old rsync", host="vega")
    shown = lines_of(warning, warning, ev.RunFinished(exit_code=0, recap={}, seconds=0.0))
    assert shown.count("[WARNING]: old rsync (on vega)") == 2


def test_a_diff_is_unified_with_ansibles_headers() -> None:
    """Before and after are named; a huge diff is only announced."""
    diff = Diff(before="a\n", after="b\n", before_header="/etc/x", after_header="/tmp/x")
    shown = lines_of(TASK, ev.TaskFinished(task="t1", host="h", result=Result(changed=True, diff=(diff,)), diff=True))
    assert "--- before: /etc/x\n+++ after: /tmp/x\n@@ -1 +1 @@\n-a\n+b\n" in shown
    small = lines_of(
        TASK, ev.TaskFinished(task="t1", host="h", result=Result(diff=(diff,)), diff=True), style=Style(max_diff_size=1)
    )
    assert "diff skipped" in small


def test_a_task_of_the_free_strategy_prints_its_banner_again() -> None:
    """A result that belongs to another task than the last banner says so first."""
    other = ev.TaskStarted(task="t2", name="next", action="ansible.builtin.command")
    shown = lines_of(TASK, other, ev.TaskFinished(task="t1", host="a", result=Result()))
    assert shown.count("TASK [say : hello]") == 2


def test_what_debug_and_assert_say_is_shown_without_v() -> None:
    """debug prints just what it was asked for, assert everything, a quiet assert nothing."""
    debug = ev.TaskStarted(task="d", name="d", action="ansible.builtin.debug")
    item = Result(data={"msg": "x", "item": 1, "ansible_loop_var": "item"})
    assert 'ok: [a] => (item=1) => {\n    "msg": "x"\n}\n' in lines_of(
        debug, ev.ItemFinished(task="d", host="a", label="1", result=item)
    )
    passed = Result(data={"msg": "All assertions passed"})
    for args, line in (({}, 'ok: [a] => {\n    "changed": false,\n'), ({"quiet": True}, "ok: [a]\n")):
        check = ev.TaskStarted(task="c", name="c", action="ansible.builtin.assert", args=args)
        assert line in lines_of(check, ev.TaskFinished(task="c", host="a", result=passed))


def test_verbosity_shows_results_then_paths_then_what_changed() -> None:
    """-v results on one line, -vv the task's path, -vvv over several lines and the verbs."""
    task = ev.TaskStarted(task="t", name="n", action="ansible.builtin.command", place=Place("/b.yml", 3, 7))
    happened = (
        task,
        ev.Changed(host="a", task="t", verb="run", detail="true"),
        ev.TaskFinished(task="t", host="a", result=Result(changed=True, data={"rc": 0})),
    )
    one, two, three = (lines_of(*happened, style=Style(verbosity=level)) for level in (1, 2, 3))
    assert 'changed: [a] => {"changed": true, "rc": 0}\n' in one
    assert "task path" not in one
    assert "task path: /b.yml:3\n" in two
    assert "<a> run true" not in two
    assert '<a> run true\nchanged: [a] => {\n    "changed": true,\n    "rc": 0\n}\n' in three


def test_ok_and_skipped_hosts_can_be_left_out() -> None:
    """ANSIBLE_DISPLAY_OK_HOSTS and ANSIBLE_DISPLAY_SKIPPED_HOSTS: their lines go, others stay."""
    results = (("a", Result()), ("b", Result(skipped=True)), ("c", Result(changed=True)))
    happened = [ev.TaskFinished(task="t1", host=host, result=result) for host, result in results]
    style = Style(display_ok=False, display_skipped=False)
    assert lines_of(TASK, *happened, style=style).splitlines()[2:] == ["changed: [c]"]


def test_custom_stats_are_shown_when_asked_for() -> None:
    """Hosts first, then the run's own, as Ansible prints them."""
    end = ev.RunFinished(exit_code=0, recap={}, seconds=0.0, custom_stats={"_run": {"x": 1}, "a": {"y": [2]}})
    assert "CUSTOM STATS" not in lines_of(end)
    assert '\ta: { "y": [  2 ]}\n\n\tRUN: { "x": 1}\n' in lines_of(end, style=Style(show_custom_stats=True))


def test_a_diff_comes_before_its_line() -> None:
    """As Ansible prints it."""
    diff = Diff(before="a\n", after="b\n")
    shown = lines_of(TASK, ev.TaskFinished(task="t1", host="h", result=Result(changed=True, diff=(diff,)), diff=True))
    assert shown.index("+b") < shown.index("changed: [h]")


def test_a_message_of_a_host_begins_no_lines_of_its_own() -> None:
    """It could pass for a line of ours: failures, warnings, items of a loop."""
    lie = "no\nok: [desk]\nPLAY RECAP ***"
    shown = lines_of(
        TASK,
        ev.TaskFinished(task="t1", host="evil", result=failure(lie)),
        ev.ItemFinished(task="t1", host="evil", label=lie, result=Result()),
        ev.Warned(text=lie, host="evil"),
        ev.Included(file="f.yml", hosts=("evil",), label=lie),
    )
    assert [line for line in shown.splitlines() if line.startswith(("ok: [desk]", "PLAY RECAP"))] == []


def test_what_is_very_long_is_shortened() -> None:
    """A gigabyte on one line, or a million lines: their beginning, their end, and how much is left out."""
    result = Result(data={"stdout": "a" * 10**7 + "z", "stdout_lines": ["line"] * 10**6})
    shown = lines_of(TASK, ev.TaskFinished(task="t1", host="evil", result=result), style=Style(verbosity=1))
    assert len(shown) < 10**7
    assert "9934465 characters left out here" in shown
    assert "more left out here" in shown


def test_a_name_that_a_host_made_begins_no_line() -> None:
    """Names of tasks and plays may be templates; what a host put into one must not look like a line of ours."""
    name = "x\nPLAY RECAP ***\ndesk : ok=9"
    task = ev.TaskStarted(task="t1", name=name, action="ansible.builtin.command")
    shown = lines_of(
        ev.PlayStarted(play=name, hosts=("a",)),
        task,
        ev.Retrying(host="a", task="t1", left=1, attempts=2, result=Result()),
        ev.InterruptedRun(reason="SIGINT", under_way={"a": name}),
        ev.Changed(host="a", task="t1", verb="write", detail=name),
        style=Style(verbosity=3),
    )
    assert shown.count("\\nPLAY RECAP") == 5
    assert not [line for line in shown.splitlines() if line.startswith(("PLAY RECAP", "desk"))]
