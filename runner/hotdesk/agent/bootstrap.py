"""Read by the runner as text and run on the target before the package exists there: puts the package in memory and enters it.

Before it, the command line's one-liner has printed the token and read this text. After it on stdin, each with its length before
it (10 digits): the configuration, marshalled; the marshalled, compressed pack ``[magic, {module: code}, {module: source}]``. Code
compiled by the runner's own Python is used when the target's has the same bytecode magic; sources are compiled here otherwise.
Nothing is written to the target's disk.
"""

import sys

if sys.version_info < (3, 8):
    sys.stderr.write(
        "hotdesk: python %d.%d is too old: %s\n" % (sys.version_info[0], sys.version_info[1], sys.executable)
    )
    sys.exit(96)

import marshal
import zlib
from _frozen_importlib import ModuleSpec  # importlib.util brings four modules more
from _frozen_importlib_external import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


class Finder:
    """Imports the package from memory."""

    def __init__(self, codes: "dict[str, bytes]", sources: "dict[str, str]") -> None:
        self.codes, self.sources = codes, sources

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        if name in self.sources:
            return ModuleSpec(name, self, is_package=name in ("hotdesk", "hotdesk.agent"), origin="hotdesk agent")  # type: ignore[arg-type]
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual kind."""

    def exec_module(self, module: "ModuleType") -> None:
        name = module.__name__
        ready = self.codes.get(name)
        code = (
            marshal.loads(ready) if ready else compile(self.sources[name], "<" + name + ">", "exec", dont_inherit=True)
        )
        exec(code, module.__dict__)


def enter() -> None:
    """Load the pack and run the agent."""
    stdin = sys.stdin.buffer
    config = marshal.loads(stdin.read(int(stdin.read(10))))
    magic, codes, sources = marshal.loads(zlib.decompress(stdin.read(int(stdin.read(10)))))
    sys.meta_path.insert(0, Finder(codes if magic == MAGIC_NUMBER else {}, sources))
    sys.stderr.flush()
    from hotdesk.agent.main import main

    main(config)


if __name__ == "__main__":
    enter()
