"""One JUnit XML file for a run: its tasks and its verification, a suite per host (the Jenkins xUnit schema's common subset)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from hotdesk import events as ev
from hotdesk.results import Status
from hotdesk.text import safe

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.redaction import Redaction


class JUnit:
    """A subscriber that collects test cases; ``write`` makes the file."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._names: dict[str, str] = {}
        self._cases: dict[str, list[ElementTree.Element]] = {}

    def __call__(self, event: ev.Event) -> None:
        match event:
            case ev.TaskStarted(task=task, name=name):
                self._names[task] = name
            case ev.TaskFinished(host=host, task=task, result=result, duration=duration):
                case = self._case(host, "task", self._names.get(task, task), duration)
                failed = (
                    result.status in (Status.FAILED, Status.UNREACHABLE) and not event.ignored and not event.rescued
                )
                if failed:
                    self._child(case, "failure", result.message or result.status.value)
                elif result.status is Status.SKIPPED:
                    ElementTree.SubElement(case, "skipped")
            case ev.Verified(host=host, test=test, outcome=outcome, detail=detail, seconds=seconds):
                case = self._case(host, "verify", test, seconds)
                if outcome == "skipped":
                    ElementTree.SubElement(case, "skipped")
                elif outcome != "passed":
                    self._child(case, "failure" if outcome == "failed" else "error", detail)

    def _case(self, host: str, kind: str, name: str, seconds: float) -> ElementTree.Element:
        attributes = {"classname": f"{host}.{kind}", "name": self._clean(name), "time": f"{seconds:.3f}"}
        case = ElementTree.Element("testcase", attributes)
        self._cases.setdefault(host, []).append(case)
        return case

    def _child(self, case: ElementTree.Element, tag: str, text: str) -> None:
        lines = self._clean(text).splitlines() or [tag]
        ElementTree.SubElement(case, tag, {"message": lines[0]}).text = "\n".join(lines)

    def _clean(self, text: str) -> str:
        return self._redaction.clean(safe(text))

    def write(self, path: Path) -> None:
        """Write the file (blocks)."""
        root = ElementTree.Element("testsuites")
        for host, cases in sorted(self._cases.items()):
            counts = {tag: sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped")}
            attributes = {
                "name": safe(host),
                "tests": str(len(cases)),
                "failures": str(counts["failure"]),
                "errors": str(counts["error"]),
                "skipped": str(counts["skipped"]),
            }
            ElementTree.SubElement(root, "testsuite", attributes).extend(cases)
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
