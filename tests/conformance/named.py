"""Writes the named programs of the corpus: every operation that waits, met by a cancel in every phase.

    python3.13 named.py > programs.jsonl

Each `Case` is a waiting operation with all that it needs. Each of the PHASES makes a program of it, in which a task
`w` does the operation beside a task `tick` that counts the turns of the loop, so that a hop more or less shows.
"""

import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

type Statement = dict[str, Any]
type Body = list[Statement]


def op(name: str, **fields: Any) -> Statement:
    return {"op": name, **fields}


def log(text: str) -> Statement:
    return op("log", msg=text)


def sleep(ticks: int) -> Statement:
    return op("sleep", t=ticks)


def attempt(body: Body, *handlers: Statement, finally_: Body | None = None) -> Statement:
    statement = op("try", body=body, handlers=list(handlers))
    return statement if finally_ is None else statement | {"finally": finally_}


def catch(kind: str, *body: Statement) -> Statement:
    return {"catch": kind, "body": list(body)}


class Case(NamedTuple):
    """A waiting operation."""

    before: Body
    """What `main` does before `w` is there."""
    waits: Body
    """What `w` does."""
    trigger: Body
    """What `main` does to wake it."""
    coros: dict[str, Body] = {}
    gens: dict[str, Body] = {}


FUTURE = op("future", var="f")
FUTURES = [FUTURE, op("future", var="g")]
AWAIT = op("await", var="f")
SET = op("set_result", var="f", value=1)
FAIL = op("set_exception", var="f", msg="bad")
SET_BOTH = [op("set_result", var="g", value=2), SET]
INNER = {"inner": [AWAIT, op("return", value=5)]}
CHILD = {"child": [sleep(0), op("return", value=3)]}


def awaiting() -> dict[str, Case]:
    inner = [FUTURE, op("spawn", var="inner", coro="inner")]
    swallows = attempt([AWAIT], catch("Cancelled", op("cancelling"), op("uncancel"), log("swallowed")))
    return {
        "sleep": Case([], [sleep(2)], []),
        "await task": Case(inner, [op("await", var="inner")], [SET], INNER),
        "await future": Case([FUTURE], [AWAIT], [SET]),
        "await failing future": Case([FUTURE], [AWAIT], [FAIL]),
        "call": Case([FUTURE], [op("call", coro="inner")], [SET], {"inner": [swallows, sleep(1)]}),
    }


def combining() -> dict[str, Case]:
    items = [{"task": "f"}, {"coro": "child"}, {"task": "g"}]
    both = ["f", "g"]
    end_of_child = attempt([AWAIT], finally_=[sleep(0), log("child is done")])
    slow_child = attempt([sleep(9)], finally_=[sleep(1), log("child is done")])
    group = [op("tg_spawn", tg="tg", var="c1", coro="child"), op("tg_spawn", tg="tg", var="c2", coro="other")]
    return {
        "gather": Case(FUTURES, [op("gather", of=items, return_exceptions=False)], SET_BOTH, CHILD),
        "gather failing": Case(FUTURES, [op("gather", of=items, return_exceptions=False)], [FAIL], CHILD),
        "gather exceptions": Case(
            FUTURES, [op("gather", of=items, return_exceptions=True)], [FAIL, op("cancel", var="g")], CHILD
        ),
        "wait": Case(FUTURES, [op("wait", of=both, when="ALL_COMPLETED", timeout=None)], SET_BOTH),
        "wait with timeout": Case(FUTURES, [op("wait", of=both, when="ALL_COMPLETED", timeout=2)], [SET]),
        "wait for first": Case(FUTURES, [op("wait", of=both, when="FIRST_COMPLETED", timeout=9)], [SET]),
        "wait for first exception": Case(FUTURES, [op("wait", of=both, when="FIRST_EXCEPTION", timeout=9)], [FAIL]),
        "wait_for future": Case([FUTURE], [op("wait_for", item={"task": "f"}, timeout=9)], [SET]),
        "wait_for coroutine": Case([FUTURE], [op("wait_for", item={"coro": "inner"}, timeout=9)], [SET], INNER),
        "wait_for without timeout": Case([FUTURE], [op("wait_for", item={"task": "f"}, timeout=None)], [SET]),
        "wait_for that expires": Case([FUTURE], [op("wait_for", item={"coro": "inner"}, timeout=2)], [], INNER),
        "shield future": Case([FUTURE], [op("shield", item={"task": "f"})], [SET]),
        "shield coroutine": Case([FUTURE], [op("shield", item={"coro": "inner"})], [SET], INNER),
        "as_completed": Case(FUTURES, [op("as_completed", of=both, timeout=9)], SET_BOTH),
        "as_completed that expires": Case(FUTURES, [op("as_completed", of=both, timeout=2)], [SET]),
        "taskgroup": Case(
            [FUTURE],
            [op("taskgroup", var="tg", body=group)],
            [SET],
            {"child": [AWAIT], "other": [end_of_child]},
        ),
        "taskgroup failing": Case(
            [FUTURE],
            [op("taskgroup", var="tg", body=[*group, sleep(5)])],
            [FAIL],
            {"child": [AWAIT], "other": [slow_child]},
        ),
        "timeout": Case([FUTURE], [op("timeout", t=3, body=[AWAIT, op("reschedule", t=1), sleep(0)])], [SET]),
        "timeout that expires": Case([FUTURE], [op("timeout", t=2, body=[AWAIT])], []),
    }


def locking() -> dict[str, Case]:
    cases = {}
    acquire, release = op("acquire", var="x"), op("release", var="x")
    for kind in ["Lock", "Condition", "Semaphore", "BoundedSemaphore"]:
        new = op("new", kind=kind, var="x") | ({"arg": 1} if kind.endswith("Semaphore") else {})
        before = [new, acquire, op("spawn", var="second", coro="second")]
        second = {"second": [sleep(0), sleep(0), acquire, release]}
        cases[f"acquire {kind}"] = Case(before, [acquire, release], [release], second)
        second = {"second": [sleep(0), sleep(0), op("with", var="x", body=[log("second is in")])]}
        cases[f"with {kind}"] = Case(before, [op("with", var="x", body=[sleep(0)])], [release], second)
    waits = op("with", var="x", body=[op("cond_wait", var="x")])
    condition = [op("new", kind="Condition", var="x"), op("spawn", var="second", coro="second")]
    for name, n in [("one", 1), ("all", None)]:
        notify = [acquire, op("notify", var="x", n=n), release]
        cases[f"condition, notify {name}"] = Case(condition, [waits], notify, {"second": [sleep(0), waits]})
    event = [op("event_set", var="x"), op("event_clear", var="x")]
    cases["event"] = Case([op("new", kind="Event", var="x")], [op("event_wait", var="x")], event)
    wait = op("barrier_wait", var="x")
    barrier = [op("new", kind="Barrier", var="x", arg=3), op("spawn", var="second", coro="second")]
    third = [op("spawn", var="third", coro="third"), sleep(0)]
    cases["barrier"] = Case(barrier, [wait], third, {"second": [wait], "third": [wait]})
    cases["barrier abort"] = Case(barrier, [wait], [op("barrier_abort", var="x")], {"second": [wait]})
    cases["barrier reset"] = Case(barrier, [wait], [op("barrier_reset", var="x")], {"second": [wait]})
    return cases


def queueing() -> dict[str, Case]:
    cases = {}
    one, two = (op("put_nowait", var="x", value=value) for value in (1, 2))
    done = op("task_done", var="x")
    second = op("spawn", var="second", coro="second")
    for kind in ["Queue", "LifoQueue", "PriorityQueue"]:
        full = [op("new", kind=kind, var="x", arg=1), one]
        empty = op("new", kind=kind, var="x", arg=0)
        get = op("get", var="x")
        put = {"second": [sleep(0), sleep(0), op("put", var="x", value=2)]}
        puts = [op("put", var="x", value=3)]
        cases[f"put {kind}"] = Case([*full, second], puts, [op("get_nowait", var="x")], put)
        trigger = [op("put_nowait", var="x", value=4), two, op("qsize", var="x")]
        cases[f"get {kind}"] = Case([empty, second], [get, done], trigger, {"second": [sleep(0), sleep(0), get]})
        joins = [op("join", var="x")]
        cases[f"join {kind}"] = Case([empty, one, two], joins, [get, done, get, done])
    at_once = op("shutdown", var="x", immediate=True)
    queue = op("new", kind="Queue", var="x", arg=1)
    slowly = op("shutdown", var="x", immediate=False)
    cases["get, shutdown"] = Case([queue], [op("get", var="x")], [slowly])
    cases["put, shutdown"] = Case([queue, one], [op("put", var="x", value=2)], [at_once])
    cases["join, shutdown"] = Case([queue, one], [op("join", var="x")], [at_once])
    return cases


def outside() -> dict[str, Case]:
    job = op("run_in_executor", pool=None, tag="job", dur=3, value=4)
    first = op("run_in_executor", pool="p", tag="first", dur=1, value=1, var="j1")
    queued = op("run_in_executor", pool="p", tag="job", dur=2) | {"raise": "bad"}
    end = {"finally_": [sleep(1), log("generator is done")]}
    yields = [op("yield", value=1), op("yield", value=2)]
    waits = attempt([yields[0], AWAIT, yields[1]], **end)
    return {
        "job": Case([], [job], []),
        "queued job": Case([op("new", kind="ThreadPool", var="p", arg=1), first], [queued], []),
        "async for": Case(
            [FUTURE],
            [op("async_for", gen="y", limit=None, aclose=False, body=[log("body"), sleep(0)])],
            [SET],
            gens={"y": [waits]},
        ),
        "async for, aclose": Case(
            [FUTURE],
            [op("async_for", gen="y", limit=1, aclose=True, body=[AWAIT])],
            [SET],
            gens={"y": [attempt(yields, **end)]},
        ),
        "async for, left": Case(
            [FUTURE],
            [op("async_for", gen="y", limit=1, aclose=False, body=[AWAIT])],
            [SET],
            gens={"y": [attempt(yields, **end)]},
        ),
    }


JOINED = attempt([op("await", var="w")], catch("Base", op("status", var="w")))
ENDED = [JOINED, op("status", var="w"), sleep(4)]
STOP = op("cancel", var="w", msg="stop")
AGAIN = op("cancel", var="w", msg="again")

PHASES: dict[str, Callable[[Body], Body]] = {
    "undisturbed": lambda trigger: [sleep(1), *trigger, *ENDED],
    "cancelled before it starts": lambda trigger: [STOP, JOINED, *trigger, *ENDED],
    "cancelled while it waits": lambda trigger: [sleep(1), STOP, *trigger, *ENDED],
    "cancelled when woken": lambda trigger: [sleep(1), *trigger, STOP, *ENDED],
    "cancelled a turn after": lambda trigger: [sleep(1), *trigger, sleep(0), STOP, *ENDED],
    "cancelled again and again": lambda trigger: [sleep(1), STOP, AGAIN, sleep(0), AGAIN, JOINED, *trigger, *ENDED],
    "at shutdown": lambda trigger: [sleep(1), op("return", value=1)],
    "woken at shutdown": lambda trigger: [sleep(1), *trigger, op("return", value=1)],
}


def program(name: str, case: Case, phase: Callable[[Body], Body]) -> dict[str, Any]:
    handler = catch("Base", op("cancelling"), op("reraise"))
    waiter = attempt(case.waits, handler, finally_=[sleep(0), log("cleaned up")])
    start = [op("spawn", var="tick", coro="tick"), op("spawn", var="w", coro="w"), op("on_done", var="w", tag="w")]
    coros = {
        "main": [*case.before, *start, *phase(case.trigger)],
        "w": [waiter],
        "tick": [op("repeat", n=2, body=[op("repeat", n=8, body=[sleep(0), log("tick")]), sleep(1)])],
    }
    return {"name": name, "coros": coros | case.coros, "gens": case.gens}


def of_nothing() -> dict[str, Any]:
    nothing = attempt([op("wait", of=[], when="ALL_COMPLETED", timeout=None)], catch("Exception"))
    gather = op("gather", of=[], return_exceptions=False)
    empty = [op("as_completed", of=[], timeout=limit) for limit in (None, 3)]
    return {"name": "of nothing", "coros": {"main": [*empty, gather, nothing]}}


def main() -> None:
    cases = awaiting() | combining() | locking() | queueing() | outside()
    programs = [of_nothing()]
    for name, case in cases.items():
        programs += [program(f"{name}, {when}", case, phase) for when, phase in PHASES.items()]
    sys.stdout.writelines(json.dumps(program) + "\n" for program in programs)


main()
