"""Bars of a timeline: what took how long, merged where they would be too narrow to be seen."""

from __future__ import annotations

from dataclasses import dataclass, field

WIDTH = 1000
"""Units of a row."""
NARROWEST = 2
"""Units of a bar: what is shorter is still seen."""
WORST = ("ok", "skipped", "changed", "open", "failed")
"""Kinds of bars; of merged ones the latter counts."""


@dataclass(slots=True)
class Bar:
    """From ``begin`` to ``end`` (units), of ``count`` tasks or hosts; ``label`` names the longest of them, ``seconds`` long."""

    begin: int
    end: int
    kind: str
    label: str
    seconds: float
    count: int = 1


@dataclass(slots=True)
class Scale:
    """Seconds since the epoch to units; ``grain`` units is what bars are merged within."""

    begin: float
    end: float
    grain: int = 4

    def unit(self, at: float) -> int:
        """0 to WIDTH."""
        whole = max(self.end - self.begin, 0.001)
        return min(WIDTH, max(0, round((at - self.begin) / whole * WIDTH)))


@dataclass(slots=True)
class Row:
    """The bars of a host or task, in the order of their ends. There are at most about 2 * WIDTH / grain."""

    bars: list[Bar] = field(default_factory=list)

    def add(self, scale: Scale, begin: float, end: float, kind: str, label: str) -> None:
        """One more; merged with the last when both are narrow and near, or when it overlaps the last."""
        first, last = scale.unit(begin), scale.unit(end)
        bar = Bar(min(first, WIDTH - NARROWEST), max(last, first + NARROWEST), kind, label, end - begin)
        before = self.bars[-1] if self.bars else None
        if before is not None and (_narrow(before, bar, scale.grain) or bar.begin < before.end - NARROWEST):
            self._merge(before, bar)
        else:
            self.bars.append(bar)

    @staticmethod
    def _merge(before: Bar, bar: Bar) -> None:
        before.begin, before.end = min(before.begin, bar.begin), max(before.end, bar.end)
        before.kind = max(before.kind, bar.kind, key=WORST.index)
        before.count += bar.count
        if bar.seconds > before.seconds:
            before.label, before.seconds = bar.label, bar.seconds


def _narrow(before: Bar, bar: Bar, grain: int) -> bool:
    """Do the two together fit into a grain?"""
    return max(before.end, bar.end) - min(before.begin, bar.begin) <= grain
