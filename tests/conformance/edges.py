"""Writes the programs at the edges of the language: what is just valid, and what is just not any more.

    python3.13 edges.py > edges.jsonl

How deep programs nest, which numbers there are, what a callback may do, what a priority queue compares, how a runaway
ends, and lines that are no programs.
"""

from __future__ import annotations

import json
import sys
from typing import Any

type Statement = dict[str, Any]
type Body = list[Statement]


def op(name: str, **fields: Any) -> Statement:
    return {"op": name} | fields


def show(name: str, main: Body, gens: dict[str, Body] | None = None, **coros: Body) -> None:
    print(json.dumps({"name": name, "coros": {"main": main} | coros, "gens": gens or {}}))


def new(kind: str, var: str, **fields: Any) -> Statement:
    return op("new", kind=kind, var=var, **fields)


def log(msg: str) -> Statement:
    return op("log", msg=msg)


def attempt(*body: Statement) -> Statement:
    return op("try", body=[*body], handlers=[{"catch": "Exception", "body": []}])


def once(body: Body) -> Statement:
    return op("repeat", n=1, body=body)


def nested(depth: int, innermost: Body) -> Body:
    """`innermost` inside of so many blocks."""
    for _ in range(depth):
        innermost = [once(innermost)]
    return innermost


def spawn(var: str, coro: str) -> Statement:
    return op("spawn", var=var, coro=coro)


def call(coro: str) -> Statement:
    return op("call", coro=coro)


def recursion() -> None:
    def show_k(name: str, k: Body) -> None:
        show(name, [call("k"), log("after")], k=k)

    show("endless recursion", [call("main")])
    show_k("recursion behind a return", [op("return", value=1), call("k")])
    show_k("recursion behind a raise", [attempt(op("raise", exc="Boom", msg="b"), call("k"))])
    show_k("recursion that is repeated no times", [op("repeat", n=0, body=[call("k")])])
    show("recursion until a timeout", [op("timeout", t=20, body=[call("k")])], k=[op("sleep", t=1), call("k")])
    show("recursion until a full queue", [new("Queue", "q", arg=9), call("k")], k=[op("put_nowait", var="q"),
        call("k")])
    show("recursion of a generator", [call("k")], {"y": [op("yield", value=1), call("k")]}, k=[
        op("async_for", gen="y", aclose=False, body=[])
    ])  # fmt: skip
    chain = {f"k{i}": [call(f"k{i + 1}")] for i in range(450)} | {"k450": [log("bottom")]}
    show("450 calls", [call("k0")], **chain)
    for calls in (500, 501):
        chain = {f"k{i}": [call(f"k{i + 1}")] for i in range(calls)} | {f"k{calls}": []}
        show(f"{calls} calls behind one", [call("k0")], **chain)
    blocks = {f"k{i}": nested(3, [call(f"k{i + 1}")]) for i in range(450)} | {"k450": [log("bottom")]}
    show("450 calls in 3 blocks each", [call("k0")], **blocks)
    kinds = {
        "timeouts": lambda body: op("timeout", t=9, body=body),
        "groups": lambda body: op("taskgroup", var="g", body=body),
        "locks": lambda body: op("with", var="s", body=body),
        "tries": lambda body: op("try", body=body, handlers=[{"catch": "Boom", "body": []}], **{"finally": []}),
        "handlers": lambda body: op(
            "try", body=[op("raise", exc="Boom", msg="b")], handlers=[{"catch": "Boom", "body": body}]
        ),
        "loops": lambda body: op("async_for", gen="y", aclose=True, body=body),
    }
    for kind, block in kinds.items():
        blocks = {f"k{i}": [block([block([call(f"k{i + 1}")])])] for i in range(450)}
        bottom = [log("bottom"), op("sleep", t=1), op("raise", exc="Cancelled", msg="up")]
        main = [new("Semaphore", "s", arg=10_000), call("k0")]
        show(f"450 calls in 2 {kind} each", main, {"y": [op("yield", value=0)]}, **blocks, k450=bottom)
    wait_for = op("wait_for", item={"coro": "k"}, timeout=5)
    show("recursion of wait_for", [call("k")], k=[wait_for])
    show("recursion of wait_for until its timeout", [call("k")], k=[op("sleep", t=1), wait_for])
    blocks = {f"k{i}": nested(4, [call(f"k{i + 1}")]) for i in range(450)} | {"k450": [log("bottom")]}
    show("450 calls in 4 blocks each", [call("k0")], **blocks)


def depth() -> None:
    for blocks in (61, 100, 499, 500, 501, 2_000):
        show(f"{blocks} blocks", nested(blocks, [log("inside")]))
    body = [log("inside")]
    for _ in range(300):
        body = [op("try", body=[], handlers=[], **{"finally": [op("try", body=body, handlers=[{"catch": "Boom",
            "body": []}])]})]
    show("600 tries", body)
    print('{"name": "a list in a list", "coros": ' + "[" * 100_000 + "]" * 100_000 + "}")
    inner = log("called")
    for _ in range(100):
        inner = op("call_soon", tag="c", do=inner)
    show("100 callbacks of callbacks", [inner])


def runaways() -> None:
    spawned = spawn("t", "k")
    waits = {
        "await": op("await", var="t"),
        "timeout": op("timeout", t=5, body=[op("await", var="t")]),
        "gather": op("gather", of=[{"task": "t"}], return_exceptions=False),
        "wait_for": op("wait_for", item={"task": "t"}, timeout=3),
        "wait": op("wait", of=["t"], when="ALL_COMPLETED", timeout=3),
        "group": op("taskgroup", var="g", body=[op("tg_spawn", tg="g", var="t", coro="k")]),
    }
    for name, wait in waits.items():
        show(f"a runaway that spawns and {name}s", [spawned, op("await", var="t")], k=[spawned, wait])
    gather = op("gather", of=[{"coro": "k"}, {"coro": "k"}], return_exceptions=False)
    show("a runaway that gathers", [call("k")], k=[log("k"), gather])
    show("a runaway that gathers and prints nothing", [call("k")], k=[gather])
    show("a runaway that repeats nothing", [op("repeat", n=10**30, body=[])])
    wait = op("event_wait", var="e")
    show("a long chain that is stuck", [new("Event", "e"), call("k")], k=[
        new("Queue", "q"), op("repeat", n=3_000, body=[spawn("t", "link"), op("sleep", t=0)]), op("await", var="t")
    ], link=[op("await", var="t")])  # fmt: skip
    show("a cycle that is stuck", [spawn("a", "k"), spawn("b", "l"), op("await", var="a")], k=[op("await",
        var="b")], l=[
        op("gather", of=[{"task": "a"}], return_exceptions=True)
    ])  # fmt: skip
    cancelled = lambda var: [op("try", body=[op("sleep", t=9)], handlers=[{"catch": "Cancelled", "body": [op("await", var=var)]}])]  # noqa: E731
    late = [spawn("a", "k"), spawn("b", "l"), op("sleep", t=0)]
    show("a cycle that is stuck after main", late, k=cancelled("b"), l=cancelled("a"))
    show("stuck after main", [new("Event", "e"), spawn("a", "k"), op("sleep", t=0)], k=[
        op("try", body=[op("sleep", t=9)], handlers=[{"catch": "Cancelled", "body": [wait]}])
    ])  # fmt: skip
    show("a cycle that a timeout cancels", [
        op("future", var="f"), spawn("t", "k"), spawn("u", "l"), op("gather", of=[{"coro": "l"}],
        return_exceptions=False)
    ], k=[op("gather", of=[{"task": "f"}, {"task": "u"}, {"task": "t"}], return_exceptions=False)], l=[
        op("wait_for", item={"task": "t"}, timeout=1)
    ])  # fmt: skip
    show("stuck", [new("Event", "e"), wait])


def priority_queues() -> None:
    put = lambda value: op("put_nowait", var="q", value=value)  # noqa: E731
    get, size, done = op("get_nowait", var="q"), op("qsize", var="q"), op("task_done", var="q")
    drain = [attempt(get), size] * 8
    show("an item that cannot be compared", [
        new("PriorityQueue", "q"), put(1), attempt(put("a")), size, attempt(put(2)), size, *drain,
        *[attempt(done)] * 4
    ])  # fmt: skip
    show("an error of put", [new("PriorityQueue", "q"), op("put", var="q", value=1), op("put", var="q", value="x")])
    show("nulls in a priority queue", [new("PriorityQueue", "q"), *[attempt(put(v)) for v in (None, None, True)],
        *drain])
    mixed = [1, True, 1.0, 0, False, -0.0, 2.5, 3, 1e30, 10**30, 10**30 - 1, -(10**30), 2**53 + 1, 2.0**53, -0.5,
        1e-7]
    show("numbers of all types", [new("PriorityQueue", "q"), *[attempt(put(v)) for v in mixed], *drain, *drain])
    show("texts", [new("PriorityQueue", "q"), *[put(v) for v in ("b", "a", "é", "", "😀", "\uffff")], *drain])
    show("errors of get", [
        new("PriorityQueue", "q"), put(1), put(5), put(6), attempt(put("a")), attempt(put(None)), attempt(put(0)),
        *drain
    ])  # fmt: skip
    show("a shutdown that cannot compare", [
        new("PriorityQueue", "q"), put(1), put(2), attempt(put("a")), attempt(op("shutdown", var="q",
        immediate=True)),
        size, *drain, attempt(op("shutdown", var="q", immediate=True)), size, *[attempt(done)] * 3,
    ])  # fmt: skip
    getter = [op("get", var="q"), op("get", var="q")]
    show("getters who cannot compare", [
        new("PriorityQueue", "q", arg=3), spawn("a", "k"), spawn("b", "k"), spawn("c", "l"), op("sleep", t=1),
        put(1), put(2), attempt(put("x")), attempt(put("y")), op("sleep", t=1), attempt(put(3)), attempt(put("z")),
        op("sleep", t=1), *[op("status", var=v) for v in "abc"], size, op("sleep", t=1), *[op("cancel",
        var=v) for v in "abc"],
    ], k=getter, l=[op("put", var="q", value="p"), op("put", var="q", value=7)])  # fmt: skip


def numbers() -> None:
    put = [op("put_nowait", var="q", value=value) for value in (
        1.5, 1e100, 1e16, 1e15, 123456789.125, 0.1, 1e-4, 1e-5, 1e-7, 5e-324, 1e22, -2.0, 10**20, -(10**40), 2**63,
            2**63 - 1
    )]  # fmt: skip
    show("values", [new("Queue", "q"), *put, op("return", value=0.5)])
    for text in ("-0", "-0.0", "1e400", "-1E+400", "1E5", "NaN", "Infinity", "-Infinity", "9" * 4_300, "9" * 4_301,
        "01", "1.", ".5", "+1"):
        print(f'{{"name": "value {text[:9]}", "coros": {{"main": [{{"op": "return", "value": {text}}}]}}}}')
    for text in ("-0", "1.0", "1e2", "-1", "NaN", "true", '"1"', "null", "17999999999", "18000000000",
        "1" + "0" * 30):
        print(f'{{"name": "time {text[:9]}", "coros": {{"main": [{{"op": "sleep", "t": {text}}}]}}}}')
    far = 20_000_000_000
    show("a time that adds up", [op("repeat", n=20, body=[op("sleep", t=1_000_000_000)])])
    show("timers that are too far", [
        op("call_later", t=far, tag="a", var="x"), op("timeout", t=far, body=[op("sleep", t=1), op("reschedule",
        t=far * far)]),
        spawn("t", "k"), op("wait_for", item={"task": "t"}, timeout=far), op("wait", of=["t"], when="ALL_COMPLETED",
            timeout=far),
    ], k=[op("sleep", t=17_000_000_000)])  # fmt: skip
    show("a timer that is waited for too long", [op("call_later", t=far, tag="a", var="x"), op("sleep", t=far - 1)])
    huge = 10**30
    show("numbers of objects", [
        new("Semaphore", "s", arg=huge), op("locked", var="s"), new("Queue", "q", arg=huge), op("put", var="q",
        value=1),
        new("Queue", "q", arg=-huge), op("put", var="q", value=1), attempt(new("Barrier", "b", arg=-huge)),
        new("Barrier", "b", arg=huge), new("ThreadPool", "p", arg=huge), attempt(new("Semaphore", "s", arg=-huge)),
        op("run_in_executor", pool="p", tag="j", dur=1, value=huge), new("Condition", "c"), op("acquire", var="c"),
        op("notify", var="c", n=huge), op("async_for", gen="y", limit=huge, aclose=True, body=[]), op("repeat",
        n=huge, body=[
            op("return", value=1)
        ]),
    ], {"y": [op("yield", value=0)]})  # fmt: skip


def callbacks() -> None:
    item, done = {"coro": "k"}, {"task": "done"}

    def each(gen: str, *, aclose: bool = False, **fields: int) -> Statement:
        return op("async_for", gen=gen, aclose=aclose, body=[log("item")], **fields)

    statements = [
        op("return", value=5), op("repeat", n=2, body=[log("r")]), attempt(op("raise", exc="Boom", msg="m")),
        op("try", body=[op("raise", exc="Boom", msg="m")], handlers=[{"catch": "Boom", "body": [op("reraise")]}]),
        op("acquire", var="l"), op("acquire", var="held"), op("with", var="l", body=[log("w")]), op("sleep", t=0),
        op("with", var="l", body=[op("raise", exc="Boom", msg="m")]), op("with", var="held", body=[]),
        op("with", var="cc", body=[op("notify", var="cc")]), op("with", var="l", body=[op("sleep", t=1)]),
        op("cancelling"), op("uncancel"), op("cancelling", var="t"), call("k"), call("sleeper"), op("put", var="q",
        value=1),
        op("put", var="full", value=1), op("timeout", body=[log("x")]), op("timeout", t=3, body=[]), op("taskgroup",
        var="g", body=[]),
        op("event_wait", var="e"), op("event_wait", var="set"), op("barrier_abort", var="b"), op("barrier_reset",
        var="b"),
        op("barrier_wait", var="b"), op("join", var="q"), op("join", var="full"), op("get", var="q"), op("get",
        var="full"),
        op("run_in_executor", tag="j", dur=1), op("run_in_executor", tag="j", dur=1, var="j"), op("cond_wait",
        var="cc"),
        op("wait", of=["t"], when="ALL_COMPLETED"), op("wait", of=[], when="ALL_COMPLETED"), op("as_completed",
        of=[]),
        op("as_completed", of=["t"]), op("gather", of=[], return_exceptions=False), op("gather", of=[item],
        return_exceptions=False),
        op("gather", of=[done], return_exceptions=False), op("gather", of=[], return_exceptions=False, var="gg"),
        op("shield", item=item), op("shield", item=done), op("shield", item=item, var="sh"), op("wait_for",
        item=item),
        op("wait_for", item=item, timeout=0), op("wait_for", item=done, timeout=0), op("await", var="t"),
        op("await", var="done"),
        op("await", var="main"), op("await", var="nothing"), op("raise", exc="Boom", msg="m"), op("raise",
        exc="Cancelled", msg="m"),
        op("reschedule"), op("reraise"), op("yield", value=1), call("none"), log("logged"),
        op("timeout", t=1, body=[op("reschedule", t=2)]), once([op("acquire", var="l"), op("release", var="l"),
        log("both")]),
        each("y"), each("two"), each("two", aclose=True, limit=1), each("late"), each("late", limit=1),
        each("late", aclose=True, limit=1), each("fails"), each("fails", aclose=True, limit=1),
        once([op("acquire", var="l"), each("two", limit=1), op("release", var="l")]),
    ]  # fmt: skip
    before = [
        new("Lock", "l"), new("Lock", "held"), op("acquire", var="held"), new("Event", "e"), new("Event", "set"),
        op("event_set", var="set"), new("Condition", "cc"), new("Barrier", "b", arg=2), new("Queue", "q"),
        new("Queue", "full", arg=1),
        op("put", var="full", value=3), op("future", var="done"), op("set_result", var="done", value=7), spawn("t",
        "k"),
    ]  # fmt: skip
    after = [op("sleep", t=1), log("after"), op("sleep", t=1)]
    late = op("try", body=[op("yield", value=1)], handlers=[], **{"finally": [op("sleep", t=1), log("late")]})
    gens = {
        "y": [],
        "two": [op("yield", value=1), op("yield", value=2)],
        "late": [late, op("yield", value=2)],
        "fails": [op("yield", value=1), op("raise", exc="Boom", msg="m")],
    }
    for number, do in enumerate(statements):
        main = [*before, op("call_soon", tag="c", do=do), *after]
        show(f"callback {number}: {do['op']}", main, gens, k=[log("k")], sleeper=[op("sleep", t=1)])


LINES = r"""
{"name": "gens that are null", "coros": {"main": []}, "gens": null}
{"name": "no gens", "coros": {"main": []}}
{"name": "a list as value", "coros": {"main": [{"op": "return", "value": [1, 2]}]}}
{"name": "an object as value", "coros": {"main": [{"op": "put", "var": "q", "value": {}}]}}
{"name": "first", "name": "of equal fields the last", "coros": {"main": [{"op": "log", "msg": 1, "msg": "b"}]}}
{"name": "equal names", "coros": {"main": [], "k": 5, "main": [{"op": "call", "coro": "k"}], "k": []}}
{"name": "a surrogate", "coros": {"main": [{"op": "log", "msg": "\ud800"}]}}
{"name": "the wrong half", "coros": {"main": [{"op": "log", "msg": "\udc00\ud800"}]}}
{"name": "escapes", "coros": {"main": [{"op": "log", "msg": "\ud83d\ude00 \u0000 \"\\\/\b\f\n\r\t \u00e9\u2028"}]}}
{"name": "an unknown escape", "coros": {"main": [{"op": "log", "msg": "\x41"}]}}
{"name": "three digits", "coros": {"main": [{"op": "log", "msg": "\u041"}]}}
{"name": "an unknown field", "coros": {"main": [{"op": "log", "msg": "a", "zzz": 1}]}}
{"name": "an unknown field of the program", "coros": {"main": []}, "more": 1}
{"name": "an unknown operation", "coros": {"main": [{"op": "jump"}]}}
{"name": "more", "coros": {"main": []}} x
{"name": "two", "coros": {"main": []}} {}
{"name": "a tabulator", "coros": {"main": [{"op": "log", "msg": "a	b"}]}}
{"name": "a comma too many", "coros": {"main": [],}}
{"name": "a comma too few", "coros": {"main": []} "gens": {}}
{"name": "cut off", "coros": {"main": [
{"coros": {"main": []}}
{"name": 5, "coros": {"main": []}}
{"name": null, "coros": {"main": []}}
{"name": "no coros"}
{"name": "no main", "coros": {"k": []}}
{"name": "a body that is none", "coros": {"main": {}}}
[]

null
"text"
{'name': 'quotes'}
{"name": "an item of both", "coros": {"main": [{"op": "shield", "item": {"task": "x", "coro": "main"}}]}}
{"name": "an item of neither", "coros": {"main": [{"op": "shield", "item": {}}]}}
{"name": "value and raise", "coros": {"main": [{"op": "run_in_executor", "tag": "a", "dur": 1, "value": 1, "raise": "b"}]}}
{"name": "neither value nor raise", "coros": {"main": [{"op": "run_in_executor", "tag": "a", "dur": 1}]}}
{"name": "300 ticks", "coros": {"main": [{"op": "run_in_executor", "tag": "a", "dur": 300}]}}
{"name": "301 ticks", "coros": {"main": [{"op": "run_in_executor", "tag": "a", "dur": 301}]}}
{"name": "no values", "coros": {"main": [{"op": "new", "kind": "Queue", "var": "q"}, {"op": "put", "var": "q"}, {"op": "return"}]}}
{"name": "no times", "coros": {"main": [{"op": "timeout", "body": [{"op": "reschedule"}]}, {"op": "wait", "of": ["main"], "when": "X"}]}}
{"name": "no handlers", "coros": {"main": [{"op": "try", "body": [], "finally": []}]}}
{"name": "neither handlers nor finally", "coros": {"main": [{"op": "try", "body": [], "handlers": []}]}}
{"name": "no aclose", "coros": {"main": [{"op": "async_for", "gen": "y", "body": []}]}, "gens": {"y": []}}
{"name": "a limit of 0", "coros": {"main": [{"op": "async_for", "gen": "y", "limit": 0, "aclose": false, "body": []}]}, "gens": {"y": [{"op": "yield"}]}}
{"name": "no workers", "coros": {"main": [{"op": "new", "kind": "ThreadPool", "var": "p"}]}}
{"name": "0 workers", "coros": {"main": [{"op": "new", "kind": "ThreadPool", "var": "p", "arg": 0}]}}
{"name": "a lock with arg", "coros": {"main": [{"op": "new", "kind": "Lock", "var": "p", "arg": 0}]}}
{"name": "a lock that is awaited", "coros": {"main": [{"op": "new", "kind": "Lock", "var": "l"}, {"op": "await", "var": "l"}]}}
"""


def main() -> None:
    sys.stdout.reconfigure(encoding="utf-8")
    recursion()
    depth()
    runaways()
    priority_queues()
    numbers()
    callbacks()
    print(LINES.strip("\n"))
    print('\ufeff{"name": "a byte order mark", "coros": {"main": []}}')


if __name__ == "__main__":
    main()
