"""``make matrix-peers``: ansible-playbook, Mitogen and pyinfra in cells of the fault matrix, for real, judged as hotdesk is.

``python -m tests.matrix.peers [--peers ansible,pyinfra] [--faults ...] [--works ...] [--beside 4] [--output FILE] [--add]``
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.lab.lab import Lab, LabError, missing
from tests.matrix.peers.cell import play_out
from tests.matrix.peers.faults import PEERS_FAULTS
from tests.matrix.peers.tools import PEERS, VENV, Peer
from tests.matrix.peers.works import PEERS_WORKS

Cell = tuple[str, str, str]
"""Names of peer, fault and work."""


def cells(peers: list[str], faults: list[str], works: list[str]) -> list[Cell]:
    """Every combination that there is, in random order."""

    def asked(peer: Peer, fault: str, work: str) -> bool:
        return (not peer.faults or fault in peer.faults) and work not in peer.cannot

    every = ((peer, fault, work) for peer in peers for fault in faults for work in works)
    found = [cell for cell in every if asked(PEERS[cell[0]], *cell[1:])]
    random.shuffle(found)
    return found


def versions() -> dict[str, str]:
    """Of the peers, as installed in their venv, and of what is around them."""
    names = ("ansible-core", "mitogen", "pyinfra", "paramiko")
    code = f"import importlib.metadata as m; print(*map(m.version, {names!r}))"
    done = subprocess.run([VENV / "bin/python", "-c", code], capture_output=True, text=True, check=True)
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.split(",")[0]
    return {**dict(zip(names, done.stdout.split(), strict=True)), "OpenSSH": ssh, "Python": platform.python_version()}


def machine() -> str:
    """Its size in words."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, Linux {platform.release()}"


class Results:
    """What is known so far, in a file after every cell: a long run that is ended early is not lost."""

    def __init__(self, path: Path, *, add: bool) -> None:
        self._path, self._lock = path, threading.Lock()
        self._all = {"date": time.strftime("%Y-%m-%d"), "machine": machine(), "versions": versions()}
        self.cells: list[dict[str, Any]] = json.loads(path.read_text())["cells"] if add and path.exists() else []

    def known(self, cell: Cell) -> bool:
        """Whether that cell has been judged already."""
        return any((each["peer"], each["fault"], each["work"]) == cell and each["judged"] for each in self.cells)

    def append(self, verdict: dict[str, Any]) -> None:
        """One more cell; an earlier try of it is forgotten."""
        name = [verdict[word] for word in ("peer", "fault", "work")]
        with self._lock:
            self.cells = [each for each in self.cells if [each[word] for word in ("peer", "fault", "work")] != name]
            self.cells.append(verdict)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps({**self._all, "cells": self.cells}, indent=1))
            part.replace(self._path)


def work_off(lab: Lab, waiting: queue.SimpleQueue[Cell], results: Results, stop: threading.Event) -> None:
    """One thread: cell after cell on its own three PCs. A cell whose work never got under way is tried once more."""
    while not stop.is_set():
        try:
            peer, fault, work = waiting.get_nowait()
        except queue.Empty:
            return
        for _ in range(2):
            verdict = play_out(PEERS[peer], PEERS_FAULTS[fault], PEERS_WORKS[work], lab)
            if verdict["judged"] or stop.is_set():
                break
        results.append(verdict)
        print(f"{waiting.qsize():>4} to come; {line(verdict)}", flush=True)


def line(verdict: dict[str, Any]) -> str:
    """One cell in one line."""
    name = f"{verdict['peer']:<12} {verdict['fault']:<13} {verdict['work']:<13}"
    if not verdict["judged"]:
        return f"{name} did not get under way"
    left = f"left {verdict['left']}" if verdict["left"] else f"gone after {verdict['gone']:.1f} s"
    ended = "hung" if verdict["ended"] is None else f"exit {verdict['exit']} after {verdict['ended']:.1f} s"
    return f"{name} {left:<18} {ended:<24} {' '.join(verdict['said'].values())}"


def main() -> int:
    """Parse, bring up the PCs, run, write."""
    parser = argparse.ArgumentParser(prog="make matrix-peers ARGS=...")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--faults", default=",".join(PEERS_FAULTS))
    parser.add_argument("--works", default=",".join(PEERS_WORKS))
    parser.add_argument("--beside", type=int, default=4, help="cells side by side, each on three PCs")
    parser.add_argument("--output", type=Path, default=Path("build/matrix/peers.json"))
    parser.add_argument("--add", action="store_true", help="keep what FILE has, play only the cells that it has not")
    args = parser.parse_args()
    results = Results(args.output, add=args.add)
    todo = cells(*(words.split(",") for words in (args.peers, args.faults, args.works)))
    waiting: queue.SimpleQueue[Cell] = queue.SimpleQueue()
    for cell in todo:
        if not results.known(cell):
            waiting.put(cell)
    if reason := missing():
        print(reason)
        return 2
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # the cells under way are played to their end
        signal.signal(number, lambda *_: stop.set())
    Lab.down()
    pcs = list(Lab.up(3 * args.beside))
    try:
        labs = [Lab(pcs[first : first + 3]) for first in range(0, len(pcs), 3)]
        threads = [threading.Thread(target=work_off, args=(each, waiting, results, stop)) for each in labs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        Lab.down()
    seen = sum(map(results.known, todo))
    print(f"{seen} of {len(todo)} cells judged; written to {args.output}")
    return 0 if seen == len(todo) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as exc:
        sys.exit(f"lab: {exc}")
