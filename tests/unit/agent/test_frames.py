"""The wire format, from both ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hotdesk
from hotdesk.agent import frames

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
    max_leaves=20,
)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.dictionaries(st.text(min_size=2), VALUES), st.binary())), st.integers(1, 50))
def test_frames_survive_any_cut(sent: list[tuple[dict[str, object], bytes]], step: int) -> None:
    """Whatever pieces the bytes arrive in, the same frames come out."""
    stream = b"".join(frames.pack(header, body) for header, body in sent)
    decoder = frames.Decoder()
    found = [frame for at in range(0, len(stream), step) for frame in decoder.feed(stream[at : at + step])]
    assert found == sent
    assert decoder.pending == 0


@pytest.mark.parametrize("odd", [{"\0": b"x"}, {"\0": 0}, {"\0": {"\0\0": 0}}])
def test_keys_like_the_mark_of_bytes_are_keys(odd: dict[str, object]) -> None:
    """Whatever a host calls its keys, what was packed comes out."""
    header = {"before": odd, "value": b"v", "after": [odd]}
    assert frames.Decoder().feed(frames.pack(header)) == [(header, b"")]


def test_a_name_that_is_no_utf8_survives() -> None:
    """Lone surrogates stand for its bytes."""
    ((header, _),) = frames.Decoder().feed(frames.pack({"name": b"a\xff".decode("utf-8", "surrogateescape")}))
    assert header["name"].encode("utf-8", "surrogateescape") == b"a\xff"


@pytest.mark.parametrize(
    "rubbish", [b"Welcome to the machine!\n", b"\0\0\0\2\0\0\0\0\0\0\0\0{x", b"\0\0\0\1\0\0\0\0\0\0\0\0\xff"]
)
def test_what_is_no_frame_is_refused(rubbish: bytes) -> None:
    """At once, not after waiting for gigabytes."""
    with pytest.raises(frames.FrameError):
        frames.Decoder().feed(rubbish)


def test_what_cannot_be_sent_is_named() -> None:
    """A TypeError with the value."""
    with pytest.raises(TypeError, match="object cannot be sent"):
        frames.pack({"x": object()})


def test_bytes_do_not_grow() -> None:
    """No base64: 1 MB of bytes is 1 MB on the wire."""
    assert len(frames.pack({"x": bytes(1000000)})) < 1000100


@settings(max_examples=50)
@given(st.dictionaries(st.text(), VALUES.filter(lambda value: "b'" not in repr(value) and 'b"' not in repr(value))))
def test_the_text_is_what_json_makes_of_it(value: dict[str, object]) -> None:
    """An agent does without the module, not without the format."""
    assert json.loads(frames.to_text(value)) == value
    assert frames.from_text(json.dumps(value).encode()) == value


def test_without_the_parts_in_c_the_module_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another Python may not have them."""
    monkeypatch.setattr(frames, "_json", None)
    monkeypatch.setattr(frames, "_scan", None)
    assert frames.Decoder().feed(frames.pack({"a": [1, b"x", "\udcff"]}, b"y")) == [({"a": [1, b"x", "\udcff"]}, b"y")]


SLOW = ("collections", "ctypes", "enum", "importlib.util", "json", "re", "signal", "threading", "typing")


def test_an_agent_starts_without_slow_modules() -> None:
    """Each of them costs every start on every PC up to 8 ms."""
    code = (
        "import sys\n"
        "sys.path.insert(0, sys.argv[1])\nimport hotdesk.agent.main\n"
        "print(*[name for name in sys.argv[2:] if name in sys.modules])"
    )
    root = str(Path(hotdesk.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, root, *SLOW], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (frames.PREFIX.pack(2, 0, 2000) + b"{}", "a frame of 2002 bytes"),
        (frames.PREFIX.pack(2, 0, 0) + b"[]", "not an object"),
        (frames.PREFIX.pack(200_000, 0, 0) + b"[" * 200_000, "a frame of"),
        (frames.PREFIX.pack(2, 2, 0) + b"{}\0\0", "not a frame"),
        (frames.PREFIX.pack(19, 9, 0) + b'{"a":{"\\u0000":"x"}}'[:19] + b"\0\0\0\1\0\0\0\1a", "not a frame"),
    ],
)
def test_a_frame_beyond_the_limit_or_of_another_shape_is_refused(stream: bytes, said: str) -> None:
    """From its prefix alone, when that is enough."""
    with pytest.raises(frames.FrameError, match=said):
        frames.Decoder(1000).feed(stream)


def test_json_too_deep_for_the_stack_is_no_frame() -> None:
    """Not a RecursionError."""
    with pytest.raises(frames.FrameError):
        frames.Decoder().feed(frames.PREFIX.pack(200_000, 0, 0) + b"[" * 200_000)


def test_a_value_stands_for_itself_once() -> None:
    """A million names for one megabyte would be a terabyte when they are written out."""
    text = b'{"a":[{"\\u0000":0},{"\\u0000":0}]}'
    with pytest.raises(frames.FrameError, match="named twice"):
        frames.Decoder().feed(frames.PREFIX.pack(len(text), 9, 0) + text + b"\0\0\0\1\0\0\0\1x")
