"""The same plays with and without workers: the same events, the same exit code."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from hotdesk import events as ev
from tests.unit.workers.conftest import comparable, play, written

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from hotdesk.demo.embedded import EmbeddedPCs

BOOK = """
- name: Batches
  hosts: all
  gather_facts: true
  gather_subset: ["!all", "!min", "distribution"]
  serial: [1, 2, "100%"]
  tasks:
    - {name: Once, ansible.builtin.command: echo chosen, run_once: true, register: chosen, changed_when: false}
    - {name: Loop, ansible.builtin.command: "echo {{ item }} {{ chosen.stdout }}", loop: [a, b], register: said, notify: Told}
    - {name: A file, ansible.builtin.copy: {content: "{{ inventory_hostname }}\\n", dest: ~/equal.txt, mode: "0600"}, notify: Told}
    - {name: Read back, ansible.builtin.slurp: {src: ~/equal.txt}, register: back}
    - {name: A new connection, ansible.builtin.meta: reset_connection}
    - {name: Here, ansible.builtin.command: "echo {{ inventory_hostname }}", delegate_to: localhost}
    - name: Guarded
      block:
        - {name: Fails on one, ansible.builtin.command: "false", when: inventory_hostname == 'pc2'}
      rescue:
        - {name: Rescued, ansible.builtin.debug: {msg: "{{ ansible_failed_result.rc }}"}}
      always:
        - {name: Always, ansible.builtin.command: {cmd: cat, stdin: "{{ back.content }}"}}
  handlers:
    - {name: Told, ansible.builtin.command: echo told}
- name: Hosts see each other, and one is lost
  hosts: all
  gather_facts: false
  tasks:
    - name: Others
      ansible.builtin.debug: {msg: "{{ ansible_play_hosts | map('extract', hostvars, 'said') | map(attribute='results') | map('length') | list }}"}
    - {name: Fails on pc3, ansible.builtin.command: "false", when: inventory_hostname == 'pc3'}
    - {name: Goes on, ansible.builtin.shell: "head -c 300000 /dev/zero | tr '\\\\0' x; echo no >&2; exit 3", failed_when: false}
    - {name: Too slow, ansible.builtin.command: sleep 60, timeout: 1, ignore_errors: true, when: inventory_hostname == 'pc1'}
    - {name: Begun, ansible.builtin.command: sleep 0.2, async: 30, poll: 1}
    - {name: Fatal, ansible.builtin.command: "false", any_errors_fatal: true, when: inventory_hostname == 'pc1'}
    - {name: Never, ansible.builtin.command: "true"}
"""


async def test_a_play_is_the_same_with_workers(make_pcs: Callable[..., Awaitable[EmbeddedPCs]], tmp_path: Path) -> None:
    """Batches, run_once, loops, handlers, rescue, delegation, hostvars, limits, async and a fatal failure on four PCs."""
    pcs = await make_pcs("pc1", "pc2", "pc3", "pc4")
    book = written(tmp_path, BOOK)
    await play(pcs, book)  # from now on nothing of it changes any more
    alone, shared = await play(pcs, book), await play(pcs, book, workers="2")
    assert alone.code == shared.code == 2
    assert "Never" not in [event.name for event in alone.of(ev.TaskStarted)]
    theirs, ours = comparable(alone), comparable(shared)
    for host in theirs.keys() | ours.keys():
        assert ours.get(host) == theirs.get(host), host


MIRROR = """
- hosts: pc2
  gather_facts: false
  vars: {hotdesk_source: %s, hotdesk_disk_watch: {paths: []}}
  tasks:
    - name: Mirror
      hotdesk.sync.folder: {path: "%s", dest: "%s", delete: true}
"""


@pytest.mark.parametrize("source", ["localhost", "pc1"])
async def test_bulk_data_goes_through_a_worker(pcs: EmbeddedPCs, tmp_path: Path, source: str) -> None:
    """A folder of some megabytes, from the control node and from another PC: the same changes are told, all of it arrives."""
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not installed")
    folder = tmp_path / "source"
    (folder / "deep").mkdir(parents=True)
    (folder / "big").write_bytes(bytes(range(256)) * 40_000)
    (folder / "deep/small").write_text("x")
    told = []
    for number, workers in enumerate(("0", "0", "2")):  # the first sync of two PCs notes more than those after it
        dest = tmp_path / f"dest{number}"
        book = written(tmp_path, MIRROR % (source, folder, dest))
        played = await play(pcs, book, workers=workers)
        assert played.code == 0, played.events
        assert (dest / "big").read_bytes() == (folder / "big").read_bytes()
        assert (dest / "deep/small").read_text() == "x"
        told.append([(each.host, each.verb) for each in played.of(ev.Changed)])
    assert told[2] == told[1]
