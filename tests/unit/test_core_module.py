"""The module object: types, isolation, interpreters, the collector."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import subprocess
import sys
import textwrap
import weakref
from typing import Any

import pytest

from sgostream import _core

PUBLIC_TYPES = sorted(
    name for name, value in vars(_core).items() if isinstance(value, type)
)
#: Types that Python code may make instances of.
CONSTRUCTIBLE = {
    "Change",
    "Client",
    "ConsensusChange",
    "Error",
    "Quote",
    "QuoteChange",
    "Stream",
    "StreamState",
    "Subscription",
    "Times",
}
#: Types that Python code may derive from.
BASES = {"Client", "Error", "Event", "ObjectView", "Stream", "Subscription", "Update"}


def fresh_module() -> Any:
    """Another module object of the same file, outside sys.modules."""
    spec = importlib.util.find_spec("sgostream._core")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", PUBLIC_TYPES)
def test_types(name: str) -> None:
    kind = getattr(_core, name)
    assert kind.__module__ == "sgostream._core"
    assert kind.__qualname__ == name
    if name == "Error":
        return
    assert kind.__doc__
    with pytest.raises(TypeError, match="immutable"):
        kind.anything = 1
    if name not in CONSTRUCTIBLE:
        with pytest.raises(TypeError, match="cannot create"):
            kind()
    if name in BASES:
        type("Derived", (kind,), {})
    else:
        with pytest.raises(TypeError, match="not an acceptable base type"):
            type("Derived", (kind,), {})
    assert gc.is_tracked(kind)
    assert kind.__flags__ & (1 << 14)  # Py_TPFLAGS_HAVE_GC


def test_versions() -> None:
    assert _core.__version__ in _core.version_text
    assert "libcurl" in _core.version_text


def test_everything_has_a_signature_and_a_docstring() -> None:
    import inspect

    for name in PUBLIC_TYPES:
        for attribute, value in vars(getattr(_core, name)).items():
            if attribute.startswith("_") or not callable(value):
                continue
            assert value.__doc__, f"{name}.{attribute}"
            if not isinstance(value, classmethod | property):
                inspect.signature(value)
    for name in ("set_error_factory", "to_plain", "after_fork_in_child", "shutdown"):
        inspect.signature(getattr(_core, name))


def test_two_module_objects_share_nothing() -> None:
    other = fresh_module()
    assert other is not _core
    assert other.Event is not _core.Event
    assert other.MISSING is not _core.MISSING
    text = '{"eventID":"e","a":{"b":[1]}}'
    mine, theirs = _core.Event.parse(text), other.Event.parse(text)
    assert type(theirs["a"]) is other.ObjectView
    assert mine != theirs  # strangers to one another, not a crash
    assert mine == theirs.to_dict()
    with pytest.raises(TypeError):
        _core.to_plain(theirs)

    class Special(Exception):
        pass

    other.set_error_factory(lambda *args: Special(args[1]))
    client = other.Client(api_key="k" * 8)
    client.close()
    with pytest.raises(Special):
        client.usage()
    mine_client = _core.Client(api_key="k" * 8)
    mine_client.close()
    with pytest.raises(Exception, match="closed") as caught:
        mine_client.usage()
    assert not isinstance(caught.value, Special)


class Cyclic:
    """A factory that leads back to its module."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def __call__(self, *args: Any) -> Exception:
        return RuntimeError(*args)


def test_a_module_object_is_collected_with_all_its_types() -> None:
    other = fresh_module()
    gone = [weakref.ref(other.Event), weakref.ref(other.Client)]
    event = other.Event.parse('{"eventID":"e","odds":{}}')
    list(event.items())
    other.set_error_factory(Cyclic(other))
    del other
    gc.collect()
    assert gone[0]() is not None  # the event lives
    assert event["odds"] == {}
    del event
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_reimport_after_deletion() -> None:
    code = """
        import sys
        from sgostream import _core as first
        event = first.Event.parse('{"eventID":"e","a":[1,{"b":null}]}')
        for name in [n for n in sys.modules if n.split(".")[0] == "sgostream"]:
            del sys.modules[name]
        from sgostream import _core as second
        assert second is not first
        assert event["a"][1] == {"b": None}
        assert second.Event.parse(event.json()) == event.to_dict()
        del first, event
        import gc; gc.collect()
        assert second.Event.parse('{"eventID":"e"}').event_id == "e"
    """
    run(code)


INSIDE = """
from sgostream import _core
event = _core.Event.parse('{"eventID":"e","a":[1,{"b":null}]}')
assert event["a"][1] == {"b": None}
client = _core.Client(api_key="k" * 8, base_url="http://127.0.0.1:9/v2")
subscription = client.subscribe(client.stream("events:live"))
assert subscription.get_batch(timeout=0.05) == []
client.close()
"""


def test_subinterpreters_with_a_shared_gil() -> None:
    if sys.version_info >= (3, 13):
        make = 'i.create("legacy")'
        finish = "i.destroy(one); i.destroy(two)"
        module = "_interpreters as i"
        go = "i.exec(x, INSIDE)"
    else:
        make = "i.create(isolated=False)"
        finish = "i.destroy(one); i.destroy(two)"
        module = "_xxsubinterpreters as i"
        go = "i.run_string(x, INSIDE)"
    code = f"""
        import sys
        import {module}
        INSIDE = "import sys; sys.path[:] = " + repr(sys.path) + {INSIDE!r}
        def go(x):
            failed = {go}
            assert not failed, failed
        exec(INSIDE)
        one, two = {make}, {make}
        go(one); go(two); go(one)
        {finish}
        exec(INSIDE)
    """
    run(code)


if sys.version_info >= (3, 12):  # before, interpreters had no GIL of their own

    def test_interpreters_with_gils_of_their_own_run_at_once() -> None:
        """Each has types and errors of its own; both go at full speed."""
        if sys.version_info >= (3, 13):
            module, make, go = "_interpreters as i", "i.create()", "i.exec"
        else:
            module, make = "_xxsubinterpreters as i", "i.create(isolated=True)"
            go = "i.run_string"
        inside = INSIDE + textwrap.dedent(
            """
            for number in range(3000):
                event = _core.Event.parse('{"eventID":"e%d","a":[1]}' % number)
                assert event.keys() >= {"a"} and event["a"] == [1]
            try:
                client.stream("events:live")
            except Exception as error:
                assert "closed" in str(error), error
            else:
                raise AssertionError("a closed client made a stream")
            """
        )
        run(
            f"""
            import sys, threading
            import {module}
            inside = "import sys; sys.path[:] = " + repr(sys.path) + {inside!r}
            failed = []
            def one():
                for _ in range(2):
                    x = {make}
                    told = {go}(x, inside)
                    if told:
                        failed.append(told)
                    i.destroy(x)
            threads = [threading.Thread(target=one) for _ in range(3)]
            for thread in threads:
                thread.start()
            exec(inside)
            for thread in threads:
                thread.join()
            assert not failed, failed
            exec(inside)
            """
        )


def run(code: str) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "faulthandler",
            "-W",
            "error",
            "-c",
            textwrap.dedent(code),
        ],
        env={
            **__import__("os").environ,
            "PYTHONPATH": ":".join(filter(None, sys.path)),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
