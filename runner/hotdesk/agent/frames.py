"""The wire format between runner and agent, and between an agent and what it forks: length-prefixed JSON with bytes beside it.

A frame is three big-endian 32-bit lengths, then that many bytes each of: header (a JSON object, ASCII), values, body.
A ``bytes`` anywhere in the header travels in *values* (4-byte length and content each) and stands in the JSON as ``{MARK: index}``,
so values need no base64 and frames without bytes cost nothing. MARK is a NUL, or so many that no object of the header has that one
key; how many is the first 32 bits of *values*. Strings keep lone surrogates (``surrogateescape``), so a file name
that is not UTF-8 survives as str. As in JSON: tuples arrive as lists, keys as str.
"""

from __future__ import annotations

try:  # the parts in C that json is made of: importing json imports re and enum, a third of an agent's start
    import _json
except ImportError:
    _json = None  # type: ignore[assignment]
from struct import Struct
from struct import error as StructError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

PREFIX = Struct(">III")
SIZE = Struct(">I")
CHUNK = 1 << 16
"""Bytes of a stream that go into one frame."""
WINDOW = 1 << 18
"""Bytes of one stream that may be on their way before the other end says it took them."""
LIMIT = 1 << 28
"""No frame is longer; what claims to be is a broken stream."""
_MARK = "\0"


class FrameError(Exception):
    """The stream does not hold frames."""


class _Plain:
    """What a scanner is made from (json.JSONDecoder without arguments has the same)."""

    strict, object_pairs_hook = True, None
    parse_float, parse_int, parse_constant = float, int, float


def _scanner(hook: Callable[[dict[str, Any]], Any] | None) -> Any:
    made: Any = _Plain()
    made.object_hook = hook
    return _json.make_scanner(made)


_scan = None if _json is None else _scanner(None)


def to_text(value: Any, default: Callable[[Any], Any] | None = None) -> bytes:
    """``value`` as JSON, compact. ``default`` replaces what JSON cannot carry. Raises TypeError."""
    if _json is None:
        import json

        return json.dumps(value, separators=(",", ":"), default=default).encode("ascii")
    ascii = _json.encode_basestring_ascii
    encode = _json.make_encoder({}, default or _refuse, ascii, None, ":", ",", False, False, True)
    return "".join(encode(value, 0)).encode("ascii")


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is not JSON: {value!r:.80}")


def from_text(text: bytes, hook: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """What a JSON text says. Raises ValueError."""
    if _scan is not None:
        try:
            value, end = (_scan if hook is None else _scanner(hook))(text.decode("ascii"), 0)
            if end == len(text):
                return value
        except (StopIteration, SystemError, ValueError):  # without the module json the scanner cannot say what is wrong
            pass
    import json

    return json.loads(text, object_hook=hook)


def pack(header: dict[str, Any], body: bytes = b"") -> bytes:
    """One frame. Raises TypeError for what neither JSON nor bytes can carry, FrameError when it is too long."""
    values: list[bytes] = []
    mark = _MARK

    def default(value: Any) -> Any:
        if isinstance(value, (bytes, bytearray, memoryview)):
            values.append(bytes(value))
            return {mark: len(values) - 1}
        if hasattr(value, "__fspath__"):
            return value.__fspath__()
        if isinstance(value, (set, frozenset)):
            return sorted(value)
        raise TypeError(f"{type(value).__name__} cannot be sent to or from an agent: {value!r:.80}")

    text = to_text(header, default)
    while values and text.count(to_text({mark: 0})[:-2]) > len(values):
        values.clear()
        mark += _MARK
        text = to_text(header, default)
    extra = b"".join([SIZE.pack(len(mark))] + [SIZE.pack(len(value)) + value for value in values]) if values else b""
    if len(text) + len(extra) + len(body) > LIMIT:
        raise FrameError(f"a frame of more than {LIMIT >> 20} MiB cannot be sent")
    return b"".join((PREFIX.pack(len(text), len(extra), len(body)), text, extra, body))


def _unpack(text: bytes, extra: bytes) -> dict[str, Any]:
    values: list[bytes | None] = []
    mark = ""
    if extra:  # no longer than the text, whatever is claimed
        mark = _MARK * min(SIZE.unpack_from(extra)[0], len(text))
    at = SIZE.size
    while at < len(extra):
        (size,) = SIZE.unpack_from(extra, at)
        values.append(extra[at + 4 : at + 4 + size])
        at += 4 + size

    def hook(found: dict[str, Any]) -> Any:
        if len(found) != 1 or mark not in found:
            return found
        index = found[mark]
        value, values[index] = values[index], None
        if value is None:  # each stands for itself: a million times the same one would be a bomb
            raise ValueError("a value is named twice")
        return value

    header: dict[str, Any] = from_text(text, hook if values else None)
    if type(header) is not dict:
        raise ValueError("its header is not an object")
    return header


class Decoder:
    """Frames out of bytes as they arrive. None may be longer than ``limit``; ``check`` may refuse a header's text (FrameError)."""

    def __init__(self, limit: int = LIMIT, check: Callable[[bytes], None] | None = None) -> None:
        self._buffer = bytearray()
        self._limit, self._check = limit, check

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[tuple[dict[str, Any], bytes]]:
        """All frames (header, body) that are complete now. Raises FrameError for what is no frame."""
        buffer = self._buffer
        buffer += data
        found: list[tuple[dict[str, Any], bytes]] = []
        at = 0
        while len(buffer) - at >= PREFIX.size:
            head, extra, body = PREFIX.unpack_from(buffer, at)
            if head + extra + body > self._limit:
                size = head + extra + body
                raise FrameError(
                    "what came is not a frame" if size > LIMIT else "a frame of {} bytes came".format(size)
                )
            start = at + PREFIX.size
            end = start + head + extra + body
            if len(buffer) < end:
                break
            text = bytes(buffer[start : start + head])
            if self._check is not None:
                self._check(text)
            try:
                header = _unpack(text, bytes(buffer[start + head : end - body]))
            except (ValueError, LookupError, TypeError, StructError, RecursionError) as exc:
                raise FrameError("what came is not a frame: {}".format(exc))
            found.append((header, bytes(buffer[end - body : end])))
            at = end
        if at:
            del buffer[:at]
        return found
