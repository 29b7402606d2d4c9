"""The oracle: what CPython's own asyncio does with a scheduling program.

    python3.13 oracle.py < programs.jsonl > traces.jsonl

A scheduling program is a small asyncio program written as JSON; LANGUAGE.md, beside this file, defines the language and
the trace.  Every input line is one program, every output line its answer: ``{"name": ..., "trace": [LINE, ...]}``, or
``{"name": ..., "error": "..."}`` if the program is malformed.  Answers come in order and are flushed one by one, so the
oracle can also be kept as a child process that is asked line by line.

The scheduling is CPython's: its loop, Task, Future, gather, TaskGroup, timeout, locks, queues and runner all run as
they are.  Replaced is only what a real machine leaves to chance:

* the clock and the selector (`VirtualLoop`): time is a whole number of ticks and jumps to the next event when the loop
  would block;
* the order of timers due at the same moment (`SequencedTimer`): the order in which they were set, not heapq's;
* the order of sets of tasks and generators (`OrderedSet`): the order in which things were added, not their addresses;
* worker threads (`ThreadPool`, `InlineThread`): jobs take virtual time, in the loop's own thread;
* garbage collection: nothing dies while a program runs.

CPython 3.13 is required; 3.13.0 is the reference.
"""

from __future__ import annotations

import ast
import asyncio
import concurrent.futures
import contextlib
import functools
import gc
import heapq
import inspect
import itertools
import json
import logging
import re
import sys
import textwrap
import threading
import types
import warnings
from asyncio import base_events, events, futures, taskgroups, tasks
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, MutableSet
from typing import Any, NamedTuple, NoReturn

MAX_LINES = 20_000  # a run that has printed so many is a runaway
MAX_BLOCKS = 200_000  # blocks of statements entered; more only if a program goes on and on without printing
MAX_TASKS = 50_000  # more only if a coroutine gathers itself, twice: other ways to start a task print something
MAX_DEPTH = 500  # CALLER/NAME/NAME/...; more only if a coroutine calls itself without end
MAX_BLOCK_DEPTH = 500  # blocks in one another in one body
MAX_NESTING = 2_000  # blocks and calls in place under way in one another
MAX_TIME = 18_000_000_000  # ticks; the run ends there
MAX_DIGITS = 4_300  # of a whole number: what CPython reads
MAX_JOB = 300  # ticks; the runner waits no longer for the default pool
DEFAULT_POOL_WORKERS = 4
RUNS_PER_COLLECTION = 50

type Statement = dict[str, Any]


# ---------------------------------------------------------------------------------------------------------------------
# Stock asyncio, without chance


class OrderedSet[T](MutableSet[T]):
    """A set that iterates in insertion order."""

    def __init__(self, iterable: Iterable[T] = ()) -> None:
        self._items = dict.fromkeys(iterable)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: T) -> None:
        self._items[item] = None

    def discard(self, item: T) -> None:
        self._items.pop(item, None)


class SequencedTimer(events.TimerHandle):
    """A timer that comes after those set before it for the same moment."""

    __slots__ = ("_sequence",)
    _counter = itertools.count()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._sequence = next(self._counter)

    def __lt__(self, other: SequencedTimer) -> bool:
        return (self._when, self._sequence) < (other._when, other._sequence)


class InlineThread:
    """A thread whose whole work is done, by its starter, when it starts."""

    def __init__(self, target: Callable[..., None], args: tuple[Any, ...]) -> None:
        self._target = target
        self._args = args

    def start(self) -> None:
        self._target(*self._args)

    def join(self) -> None:
        pass


class _SetComprehensionsToCalls(ast.NodeTransformer):
    """`{x for ...}` -> `set(x for ...)`: a name, unlike a display, can be given another meaning."""

    def visit_SetComp(self, node: ast.SetComp) -> ast.Call:
        generator = ast.GeneratorExp(node.elt, node.generators)
        return ast.Call(ast.Name("set", ast.Load()), [generator], [])


def _with_named_sets(function: types.FunctionType) -> types.FunctionType:
    """`function`, compiled anew from its source with its set comprehensions turned into calls of `set`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    tree = ast.fix_missing_locations(_SetComprehensionsToCalls().visit(tree))
    namespace: dict[str, Any] = {}
    exec(compile(tree, inspect.getfile(function), "exec"), function.__globals__, namespace)
    return namespace[function.__name__]


def _all_tasks(loop: VirtualLoop) -> OrderedSet[asyncio.Task]:
    if loop.is_stopped():
        return OrderedSet()  # nothing is printed any more, and to cancel a long chain of tasks takes long
    return OrderedSet(task for task in loop.tasks if not task.done())


def make_deterministic() -> None:
    """Takes from this process's asyncio what it leaves to chance (see the module's docstring)."""
    iterator = tasks._AsCompletedIterator
    iterator.__init__ = _with_named_sets(iterator.__init__)
    tasks.set = taskgroups.set = OrderedSet
    tasks.all_tasks = _all_tasks
    events.TimerHandle = SequencedTimer
    base_events.threading = types.SimpleNamespace(Thread=InlineThread, get_ident=threading.get_ident)


class PoolEvent(NamedTuple):
    """The end of a job in a thread pool."""

    when: int
    sequence: int  # events of one moment: first started, first handled
    handle: Callable[[], None]


class VirtualLoop(asyncio.BaseEventLoop):
    """The stock event loop on virtual time, without I/O.

    It is its own selector: `select`, which a real loop blocks in, moves the time.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.tasks: list[asyncio.Task] = []  # all of them, ever: they must not die during the run
        self._run = run
        self._now = 0
        self._clock_resolution = 1  # timers due before now + 1, that is until now
        self._selector = self
        self._asyncgens = OrderedSet()
        self._pool_events: list[PoolEvent] = []
        self._pool_event_numbers = itertools.count()
        self.set_exception_handler(run.unhandled)

    def time(self) -> int:
        return self._now

    def select(self, _timeout: float | None) -> tuple[()]:
        """Called once in each iteration of the loop, before the stock loop looks for due timers.

        If the loop would block, the time jumps to the next timer or pool event.  There is no I/O to report.
        """
        self._run.check()
        if not self._ready:
            moments = [timer.when() for timer in self._scheduled[:1]] + [event.when for event in self._pool_events[:1]]
            if not moments:
                self._run.stop("deadlock")
            self._now = min(moments)
            if self._now >= MAX_TIME:
                self._run.refuse("the time is up")
        while self._pool_events and self._pool_events[0].when <= self._now:
            heapq.heappop(self._pool_events).handle()
        return ()

    def is_stopped(self) -> bool:
        return self._run.is_stopped()

    def call_pool(self, delay: int, handle: Callable[[], None]) -> None:
        event = PoolEvent(self._now + delay, next(self._pool_event_numbers), handle)
        heapq.heappush(self._pool_events, event)

    def create_task(self, coro: Coroutine, **options: Any) -> asyncio.Task:
        if len(self.tasks) == MAX_TASKS:
            self._run.refuse("endless recursion")
        task = super().create_task(coro, **options)
        self.tasks.append(task)
        return task

    def run_in_executor(self, executor: ThreadPool | None, func: Job, *args: Any) -> asyncio.Future:
        if executor is None and self._default_executor is None:
            self._default_executor = ThreadPool(self._run, "default", DEFAULT_POOL_WORKERS)
        return super().run_in_executor(executor, func, *args)

    async def shutdown_asyncgens(self) -> None:
        self._asyncgens = OrderedSet(agen for agen in self._asyncgens if agen.ag_frame)
        await super().shutdown_asyncgens()

    def _do_shutdown(self, future: asyncio.Future) -> None:
        """The work of the thread that joins the default executor's threads."""
        report = functools.partial(self.call_soon_threadsafe, futures._set_result_unless_cancelled, future, None)
        self._default_executor.call_when_idle(report)

    def _process_events(self, event_list: tuple[()]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


class Job(NamedTuple):
    """What a pool's worker does: nothing, for a while."""

    tag: str
    duration: int
    value: Any
    message: str | None  # of the Boom that it ends with, instead of the value

    def __call__(self) -> Any:
        if self.message is not None:
            raise Boom(self.message)
        return self.value


class ThreadPool(concurrent.futures.Executor):
    """A ThreadPoolExecutor whose workers live in virtual time."""

    def __init__(self, run: Run, label: str, workers: int) -> None:
        if workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        self._run = run
        self._label = label
        self._idle = self._workers = workers
        self._queue: deque[tuple[concurrent.futures.Future, Job]] = deque()
        self._when_idle: Callable[[], None] | None = None

    def submit(self, job: Job) -> concurrent.futures.Future:
        future: concurrent.futures.Future = concurrent.futures.Future()
        self._queue.append((future, job))
        self._start_jobs()
        return future

    def call_when_idle(self, callback: Callable[[], None]) -> None:
        self._when_idle = callback
        self._check_idle()

    def _start_jobs(self) -> None:
        while self._idle and self._queue:
            future, job = self._queue.popleft()
            if future.set_running_or_notify_cancel():
                self._idle -= 1
                self._run.log(self._label, f"start {job.tag}")
                self._run.loop.call_pool(job.duration, functools.partial(self._end_job, future, job))

    def _end_job(self, future: concurrent.futures.Future, job: Job) -> None:
        self._run.log(self._label, f"end {job.tag}")
        try:
            future.set_result(job())
        except Boom as boom:
            future.set_exception(boom)
        self._idle += 1
        self._start_jobs()
        self._check_idle()

    def _check_idle(self) -> None:
        if self._when_idle and self._idle == self._workers:
            self._when_idle()


# ---------------------------------------------------------------------------------------------------------------------
# Values and exceptions, as the trace shows them


class Boom(Exception):
    """The language's own exception."""


def show(value: Any) -> str:
    """VALUE of the trace."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{','.join(map(show, value))}]"
    if isinstance(value, BaseException):
        return f"!{show_exception(value)}"
    return str(value)


def show_exception(exc: BaseException) -> str:
    """EXC of the trace."""
    match exc:
        case asyncio.CancelledError():
            return f"Cancelled({exc.args[0] if exc.args else ''})"
        case Boom():
            return f"Boom({exc})"
        case BaseExceptionGroup():
            return f"Group({', '.join(map(show_exception, exc.exceptions))})"
        case _:
            return f"{type(exc).__name__.removesuffix('Error')}()"


def show_status(future: asyncio.Future) -> str:
    """STATUS of the trace."""
    if not future.done():
        return "pending"
    if future.cancelled():
        return "cancelled"
    if (exc := future.exception()) is not None:
        return f"exception {show_exception(exc)}"
    return f"result {show(future.result())}"


# ---------------------------------------------------------------------------------------------------------------------
# The grammar

# Every statement with its fields: NAME:TYPE, with a question mark if the field may be left out or null.  `Checker` has
# an entry in LEAVES or a method for each type.
GRAMMAR = """
    log              msg:text
    sleep            t:count
    spawn            var:text coro:coro
    call             coro:coro
    await            var:text
    cancel           var:text msg?:text
    uncancel         var?:text
    cancelling       var?:text
    return           value?:value
    raise            exc:raisable msg:text
    reraise
    repeat           n:count body:body
    try              body:body handlers:handlers finally?:body
    future           var:text
    set_result       var:text value?:value
    set_exception    var:text msg:text
    status           var:text
    on_done          var:text tag:text do?:callback
    call_soon        tag:text do?:callback
    call_later       t:count tag:text var:text do?:callback
    cancel_timer     var:text
    gather           of:items return_exceptions:flag var?:text
    wait             of:texts when:when timeout?:count
    wait_for         item:item timeout?:count
    shield           item:item var?:text
    as_completed     of:texts timeout?:count
    timeout          t?:count body:body
    reschedule       t?:count
    taskgroup        var:text body:body
    tg_spawn         tg:text var:text coro:coro
    new              kind:kind var:text arg?:number
    with             var:text body:body
    acquire          var:text
    release          var:text
    locked           var:text
    event_set        var:text
    event_clear      var:text
    event_wait       var:text
    cond_wait        var:text
    notify           var:text n?:count
    put              var:text value?:value
    put_nowait       var:text value?:value
    get              var:text
    get_nowait       var:text
    task_done        var:text
    join             var:text
    qsize            var:text
    shutdown         var:text immediate:flag
    barrier_wait     var:text
    barrier_abort    var:text
    barrier_reset    var:text
    run_in_executor  pool?:text tag:text dur:duration value?:value raise?:text var?:text
    yield            value?:value
    async_for        gen:gen limit?:count aclose:flag body:body
"""

RAISABLE = {"Boom": Boom, "Cancelled": asyncio.CancelledError}

CATCHABLE = RAISABLE | {
    "Timeout": TimeoutError,
    "Group": BaseExceptionGroup,
    "Exception": Exception,
    "Base": BaseException,
}

WAIT_CONDITIONS = (asyncio.ALL_COMPLETED, asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION)

PRIMITIVES = {
    "Lock": asyncio.Lock,
    "Event": asyncio.Event,
    "Condition": asyncio.Condition,
    "Semaphore": asyncio.Semaphore,
    "BoundedSemaphore": asyncio.BoundedSemaphore,
    "Barrier": asyncio.Barrier,
    "Queue": asyncio.Queue,
    "LifoQueue": asyncio.LifoQueue,
    "PriorityQueue": asyncio.PriorityQueue,
    "ThreadPool": ThreadPool,
}
WITHOUT_ARGUMENT = ("Lock", "Event", "Condition")
WITH_ARGUMENT = ("Barrier", "ThreadPool")


class Malformed(Exception):
    """The program is not one of the language."""


class NoNumber:
    """What stands in place of NaN, of the infinities and of numbers that are too long: no value of any type."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class Field(NamedTuple):
    """A field of a statement, from `GRAMMAR`."""

    name: str
    optional: bool
    is_leaf: Callable[[Any], bool] | None  # for types without parts
    check_parts: Callable[[Checker, Any, frozenset[str]], None] | None  # for the others


class Checker:
    """Checks the form of a program, by `GRAMMAR`.

    `around` tells what there is around a statement: a handler, a timeout, a generator.  What shows only when the
    program runs (variables of the wrong kind, endless recursion) is left to `Run`.
    """

    LEAVES: dict[str, Callable[[Any], bool]] = {
        "text": lambda value: isinstance(value, str),
        "texts": lambda value: isinstance(value, list) and all(isinstance(text, str) for text in value),
        "flag": lambda value: isinstance(value, bool),
        "number": lambda value: type(value) is int,
        "count": lambda value: type(value) is int and value >= 0,
        "duration": lambda value: type(value) is int and 0 <= value <= MAX_JOB,
        "value": lambda value: isinstance(value, (bool, int, float, str)),
        "raisable": list(RAISABLE).__contains__,
        "when": WAIT_CONDITIONS.__contains__,
        "kind": list(PRIMITIVES).__contains__,
    }

    NEEDED_AROUND = {"yield": "generator", "reraise": "handler", "reschedule": "timeout"}

    def __init__(self, program: Any) -> None:
        _require(isinstance(program, dict), "a program", program)
        _require(isinstance(program.get("name"), str), "a program with a name", program.get("name"))
        _require(program.keys() <= {"name", "coros", "gens"}, "the fields of a program", list(program))
        self._coros = program.get("coros")
        self._gens = gens_of(program)
        self._depth = 0  # how many bodies are around
        _require(isinstance(self._coros, dict) and "main" in self._coros, "coros with a main", self._coros)
        _require(isinstance(self._gens, dict), "gens", self._gens)

    def check(self) -> None:
        for body in self._coros.values():
            self.body(body, frozenset())
        for body in self._gens.values():
            self.body(body, frozenset({"generator"}))

    def body(self, body: Any, around: frozenset[str]) -> None:
        if not isinstance(body, list):
            raise Malformed(f"not a body: {body!r:.100}")
        with self._deeper():
            for statement in body:
                self._statement(statement, around)

    @contextlib.contextmanager
    def _deeper(self) -> Iterator[None]:
        if self._depth > MAX_BLOCK_DEPTH:
            raise Malformed(f"blocks nest deeper than {MAX_BLOCK_DEPTH} levels")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def _statement(self, statement: Any, around: frozenset[str]) -> None:
        try:
            op = statement["op"]
            fields = FIELDS[op]
        except (KeyError, TypeError):
            raise Malformed(f"not a statement: {statement!r:.100}") from None
        unknown = [name for name in statement if name != "op" and name not in FIELD_NAMES[op]]
        _require(not unknown, f"a field of {op}", unknown)
        if op == "timeout":
            around |= {"timeout"}
        for name, optional, is_leaf, check_parts in fields:
            value = statement.get(name)
            if value is None and optional:
                continue
            if check_parts:
                check_parts(self, value, around)
            elif not is_leaf(value):
                raise Malformed(f"{op} with {name} {value!r:.100}")
        if op in self.NEEDED_AROUND:
            _require(self.NEEDED_AROUND[op] in around, f"inside of a {self.NEEDED_AROUND[op]}", op)
        elif op == "try":
            self._check_try(statement)
        elif op == "new":
            self._check_new(statement)

    def _check_try(self, statement: Statement) -> None:
        with_finally = statement.get("finally") is not None
        _require(statement["handlers"] or with_finally, "a try with handlers or finally", statement)

    def _check_new(self, statement: Statement) -> None:
        if statement.get("arg") is None:
            _require(statement["kind"] not in WITH_ARGUMENT, "a new with arg", statement)
        else:
            _require(statement["kind"] not in WITHOUT_ARGUMENT, "a new without arg", statement)

    def handlers(self, handlers: Any, around: frozenset[str]) -> None:
        _require(isinstance(handlers, list), "handlers", handlers)
        for handler in handlers:
            _require(isinstance(handler, dict) and handler.get("catch") in list(CATCHABLE), "a handler", handler)
            _require(handler.keys() <= {"catch", "body"}, "a handler", handler)
            self.body(handler.get("body"), around | {"handler"})

    def callback(self, statement: Any, _around: frozenset[str]) -> None:
        with self._deeper():
            self._statement(statement, frozenset())

    def coro(self, name: Any, _around: frozenset[str]) -> None:
        _require(isinstance(name, str) and name in self._coros, "a coroutine", name)

    def gen(self, name: Any, _around: frozenset[str]) -> None:
        _require(isinstance(name, str) and name in self._gens, "a generator", name)

    def item(self, item: Any, around: frozenset[str]) -> None:
        match item:
            case {"task": str(), **others}:
                pass
            case {"coro": name, **others}:
                self.coro(name, around)
            case _:
                raise Malformed(f"not an item: {item!r:.100}")
        _require(not others, "an item", item)

    def items(self, items: Any, around: frozenset[str]) -> None:
        _require(isinstance(items, list), "items", items)
        for item in items:
            self.item(item, around)


def _require(condition: Any, expected: str, found: Any) -> None:
    if not condition:
        raise Malformed(f"not {expected}: {found!r:.100}")


def _parse_field(field: str) -> Field:
    name, type_ = field.split(":")
    is_leaf = Checker.LEAVES.get(type_)
    return Field(name.removesuffix("?"), name.endswith("?"), is_leaf, None if is_leaf else getattr(Checker, type_))


def gens_of(program: dict[str, Any]) -> dict[str, Any]:
    """The generator functions; null is the same as none."""
    gens = program.get("gens")
    return {} if gens is None else gens


FIELDS = {op: [*map(_parse_field, fields)] for op, *fields in map(str.split, GRAMMAR.strip().splitlines())}
FIELD_NAMES = {op: {field.name for field in fields} for op, fields in FIELDS.items()}


# ---------------------------------------------------------------------------------------------------------------------
# The interpreter


class Stop(BaseException):
    """Ends the run at once; no program can catch it.  `Run` knows why."""


class Undefined(Exception):
    """A statement names a variable that is not set."""


class Return(NamedTuple):
    """What a block gives if a return statement has ended it."""

    value: Any


class Yielded(NamedTuple):
    """What the body of a generator passes, through its awaits, to `Run.generator`."""

    value: Any


@types.coroutine
def suspend_with(signal: Any) -> Iterator[Any]:
    """Suspends with `signal`, which whoever drives this coroutine receives."""
    return (yield signal)


# What the loop reports to its exception handler, by the beginning of the message.  Nothing else is part of the trace.
REPORTS = {
    "unhandled exception during asyncio.run() shutdown": "shutdown",
    "an error occurred during closing of asynchronous generator": "asyncgen",
    "Exception in callback": "callback",
}


class Run:
    """One run of a program: its variables, its loop and its trace."""

    def __init__(self, program: dict[str, Any]) -> None:
        self.variables: dict[str, Any] = {}
        self.loop = VirtualLoop(self)
        self._coros = program["coros"]
        self._gens = gens_of(program)
        self._lines: list[str] = []
        self._generators: list[AsyncGenerator] = []  # all of them: they must not die during the run
        self._blocks = 0
        self._verdict: str | None = None  # the text of the last line, once it is known
        self._error: str | None = None

    def trace(self) -> list[str]:
        """Runs the program: the lines that it prints, the last one included."""
        try:
            verdict = f"returned {show(asyncio.run(self._main(), loop_factory=lambda: self.loop))}"
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            # Once the run is stopped, whatever its clean-up comes to does not count.
            if not self.is_stopped():
                if isinstance(exc, RecursionError):
                    raise Malformed("endless recursion") from None
                verdict = f"raised {show_exception(exc)}"
        if self._error is not None:
            raise Malformed(self._error)
        if self._verdict == "deadlock" and self._has_cycle():
            raise Malformed("tasks await each other in a cycle")
        self._verdict = self._verdict or verdict
        return [*self._lines, f"{self.loop.time()} run: {self._verdict}"]

    def is_stopped(self) -> bool:
        return self._verdict is not None

    def _has_cycle(self) -> bool:
        """Whether a cancel, which goes from a task to what it awaits, would go round in a cycle."""
        on_path, clear = set(), set()
        path = [(None, iter(self.loop.tasks))]
        while path:
            future, behind = path[-1]
            following = next(behind, None)
            if following is None:
                path.pop()
                on_path.discard(future)
                clear.add(future)
            elif following in on_path:
                return True
            elif following not in clear and not following.done():
                on_path.add(following)
                awaited = getattr(following, "_fut_waiter", None)
                passes_on = [awaited] if awaited is not None else getattr(following, "_children", [])
                path.append((following, iter(passes_on)))
        return False

    async def _main(self) -> Any:
        self.variables["main"] = asyncio.current_task()
        return await self.coroutine("main", "main")

    async def coroutine(self, name: str, who: str, depth: int = 0) -> Any:
        """The coroutine function NAME, called under the label `who`, in `depth` blocks and calls."""
        return await self._body(self._coros[name], who, depth)

    def generator(self, name: str, who: str, depth: int) -> AsyncGenerator:
        """The async generator function NAME, called under the label `who`, in `depth` blocks and calls."""
        generator = self._generate(self._gens[name], who, depth)
        self._generators.append(generator)
        return generator

    async def _generate(self, statements: list[Statement], who: str, depth: int) -> AsyncGenerator:
        """Drives a body from suspension to suspension: yields what it yields, awaits what it awaits.

        The GeneratorExit of `aclose` is sent, for `Body.do_yield` to raise: thrown, it would close the coroutines that
        the body is made of, one by one, whereas it has to appear at the yield.
        """
        body = self._body(statements, who, depth)
        resume, argument = body.send, None
        while True:
            try:
                signal = resume(argument)
            except StopIteration:
                return
            resume, argument = body.send, None
            if isinstance(signal, Yielded):
                try:
                    yield signal.value
                except GeneratorExit as exc:
                    argument = exc
            else:
                try:
                    await suspend_with(signal)
                except BaseException as exc:
                    resume, argument = body.throw, exc

    async def _body(self, statements: list[Statement], who: str, depth: int) -> Any:
        try:
            outcome = await Body(self, who, depth).block(statements)
        except BaseException as exc:
            self.log(who, f"raise {show_exception(exc)}")
            raise
        if outcome is None:
            self.log(who, "return null")
            return None
        return outcome.value

    def callback(self, line: str, do: Statement | None) -> None:
        """What the loop calls for on_done, call_soon and call_later."""
        body = Body(self, "loop", 0)
        body.log(line)
        if do is not None:
            try:
                body.block([do]).send(None)
            except StopIteration:
                return
            self.refuse("a callback waits")

    def unhandled(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The loop's exception handler."""
        if isinstance(context.get("exception"), RecursionError):
            # A timeout's callback has cancelled what goes round in a cycle.
            self.refuse("tasks await each other in a cycle")
        for message, what in REPORTS.items():
            if context["message"].startswith(message):
                self.log("loop", f"unhandled {what} {show_exception(context['exception'])}")

    def log(self, who: str, text: str) -> None:
        """Adds a line to the trace."""
        self.check()
        self._lines.append(f"{self.loop.time()} {who}: {text}")
        if len(self._lines) == MAX_LINES:
            self.stop("runaway")

    def check(self) -> None:
        """Returns only if the run still goes on."""
        if self._verdict is not None:
            raise Stop

    def count_block(self) -> None:
        self._blocks += 1
        if self._blocks > MAX_BLOCKS:
            self.refuse("endless repetition")

    def stop(self, verdict: str) -> NoReturn:
        """Ends the run; nothing is printed any more but the last line."""
        self._verdict = verdict
        raise Stop

    def refuse(self, error: str) -> NoReturn:
        """Ends the run of a malformed program."""
        self._error = error
        self.stop("malformed")


LOCKS = (asyncio.Lock, asyncio.Condition, asyncio.Semaphore)


class Body:
    """A coroutine or generator body that is being run, or a callback.

    There is a method `do_OP` for each statement.  It gives None, or a `Return` that leaves the body; those of
    statements that may wait are coroutine functions.
    """

    def __init__(self, run: Run, who: str, depth: int) -> None:
        self.run = run
        self.who = who
        self.depth = depth  # how many blocks and calls in place are under way around the current statement
        self._timeouts: list[asyncio.Timeout] = []  # those around the current statement
        self._caught: list[BaseException] = []  # what the handlers around it have caught

    async def block(self, statements: list[Statement]) -> Return | None:
        self.run.count_block()
        if self.depth >= MAX_NESTING:
            self.run.refuse("endless recursion")
        self.depth += 1
        try:
            return await self._statements(statements)
        finally:
            self.depth -= 1

    async def _statements(self, statements: list[Statement]) -> Return | None:
        for statement in statements:
            try:
                outcome = STATEMENTS[statement["op"]](self, statement)
                if isinstance(outcome, types.CoroutineType):
                    outcome = await outcome
            except Undefined as undefined:
                self.log(f"undefined {undefined}")
            except RecursionError:
                self.run.refuse("endless recursion")
            else:
                if outcome is not None:
                    return outcome
        return None

    def log(self, text: str) -> None:
        self.run.log(self.who, text)

    def get(self, name: str, kind: type | tuple[type, ...]) -> Any:
        """The variable's value.  To be called before a statement does anything else."""
        try:
            value = self.run.variables[name]
        except KeyError:
            raise Undefined(name) from None
        if not isinstance(value, kind):
            self.run.refuse(f"{name} is of the wrong kind")
        return value

    def set(self, name: str, value: Any) -> None:
        self.run.variables[name] = value

    def _callee(self, name: str) -> str:
        """The label of a coroutine or generator that is run in place."""
        if self.who.count("/") > MAX_DEPTH:
            self.run.refuse("endless recursion")
        return f"{self.who}/{name}"

    def _items(self, items: list[dict[str, str]]) -> list[asyncio.Future | Coroutine]:
        for item in items:  # all of them, before a coroutine is created
            if "task" in item:
                self.get(item["task"], asyncio.Future)
        return [self._item(item) for item in items]

    def _item(self, item: dict[str, str], depth: int = 0) -> asyncio.Future | Coroutine:
        if "task" in item:
            return self.get(item["task"], asyncio.Future)
        return self.run.coroutine(item["coro"], self._callee(item["coro"]), depth)

    async def _await_or_set(self, s: Statement, what: str, future: asyncio.Future) -> None:
        if s.get("var") is not None:
            self.set(s["var"], future)
        else:
            self.log(f"{what} -> {show(await future)}")

    # Control flow

    def do_log(self, s: Statement) -> None:
        self.log(f"log {s['msg']}")

    async def do_sleep(self, s: Statement) -> None:
        await asyncio.sleep(s["t"])
        self.log(f"slept {s['t']}")

    async def do_call(self, s: Statement) -> None:
        value = await self.run.coroutine(s["coro"], self._callee(s["coro"]), self.depth)
        self.log(f"call {s['coro']} -> {show(value)}")

    def do_return(self, s: Statement) -> Return:
        value = s.get("value")
        self.log(f"return {show(value)}")
        return Return(value)

    def do_raise(self, s: Statement) -> NoReturn:
        raise RAISABLE[s["exc"]](s["msg"])

    def do_reraise(self, _s: Statement) -> NoReturn:
        # Not a bare `raise`: a block is a coroutine of its own here.  In one into which an exception was thrown CPython
        # does not know any more what is being handled around it, until it is resumed by `send`.
        raise self._caught[-1]

    async def do_repeat(self, s: Statement) -> Return | None:
        for _ in range(s["n"]):
            outcome = await self.block(s["body"])
            if outcome is not None:
                return outcome
        return None

    async def do_try(self, s: Statement) -> Return | None:
        try:
            outcome = await self._handled(s)
        except Stop:
            raise
        except BaseException as exc:
            final = await self._catching(exc, self._finally, s)
            if final is not None:
                return final  # instead of what was under way, as in Python
            raise
        final = await self._finally(s)
        return outcome if final is None else final

    async def _handled(self, s: Statement) -> Return | None:
        try:
            return await self.block(s["body"])
        except Stop:
            raise
        except BaseException as exc:
            for handler in s["handlers"]:
                if isinstance(exc, CATCHABLE[handler["catch"]]):
                    self.log(f"caught {show_exception(exc)}")
                    return await self._catching(exc, self.block, handler["body"])
            raise

    async def _finally(self, s: Statement) -> Return | None:
        if s.get("finally") is None:
            return None
        self.log("finally")
        return await self.block(s["finally"])

    async def _catching[T](
        self, exc: BaseException, block: Callable[[T], Coroutine[Any, Any, Return | None]], part: T
    ) -> Return | None:
        """Runs a block in which `reraise` means `exc`."""
        self._caught.append(exc)
        try:
            return await block(part)
        finally:
            self._caught.pop()

    # Tasks and futures

    def do_spawn(self, s: Statement) -> None:
        self.set(s["var"], asyncio.create_task(self.run.coroutine(s["coro"], s["var"])))
        self.log(f"spawn {s['var']}")

    async def do_await(self, s: Statement) -> None:
        value = await self.get(s["var"], asyncio.Future)
        self.log(f"await {s['var']} -> {show(value)}")

    def do_cancel(self, s: Statement) -> None:
        future = self.get(s["var"], asyncio.Future)
        self.log(f"cancel {s['var']} -> {show(future.cancel(s.get('msg')))}")

    def do_uncancel(self, s: Statement) -> None:
        self._count_cancels(s, asyncio.Task.uncancel)

    def do_cancelling(self, s: Statement) -> None:
        self._count_cancels(s, asyncio.Task.cancelling)

    def _count_cancels(self, s: Statement, method: Callable[[asyncio.Task], int]) -> None:
        if s.get("var") is not None:
            task, what = self.get(s["var"], asyncio.Task), f"{s['op']} {s['var']}"
        else:
            task, what = asyncio.current_task(), s["op"]
        if task is None:
            self.run.refuse(f"{what} outside of a task")
        self.log(f"{what} -> {method(task)}")

    def do_future(self, s: Statement) -> None:
        self.set(s["var"], self.run.loop.create_future())

    def do_set_result(self, s: Statement) -> None:
        self.get(s["var"], asyncio.Future).set_result(s.get("value"))
        self.log(f"set_result {s['var']}")

    def do_set_exception(self, s: Statement) -> None:
        self.get(s["var"], asyncio.Future).set_exception(Boom(s["msg"]))
        self.log(f"set_exception {s['var']}")

    def do_status(self, s: Statement) -> None:
        self.log(f"status {s['var']} {show_status(self.get(s['var'], asyncio.Future))}")

    # Callbacks

    def do_on_done(self, s: Statement) -> None:
        def callback(future: asyncio.Future) -> None:
            self.run.callback(f"callback {s['tag']} {show_status(future)}", s.get("do"))

        self.get(s["var"], asyncio.Future).add_done_callback(callback)

    def do_call_soon(self, s: Statement) -> None:
        self.run.loop.call_soon(self.run.callback, f"call_soon {s['tag']}", s.get("do"))

    def do_call_later(self, s: Statement) -> None:
        timer = self.run.loop.call_later(s["t"], self.run.callback, f"call_later {s['tag']}", s.get("do"))
        self.set(s["var"], timer)

    def do_cancel_timer(self, s: Statement) -> None:
        self.get(s["var"], asyncio.TimerHandle).cancel()

    # Combinators

    async def do_gather(self, s: Statement) -> None:
        future = asyncio.gather(*self._items(s["of"]), return_exceptions=s["return_exceptions"])
        await self._await_or_set(s, "gather", future)

    async def do_shield(self, s: Statement) -> None:
        await self._await_or_set(s, "shield", asyncio.shield(self._item(s["item"])))

    async def do_wait_for(self, s: Statement) -> None:
        value = await asyncio.wait_for(self._item(s["item"], self.depth), s.get("timeout"))
        self.log(f"wait_for -> {show(value)}")

    async def do_wait(self, s: Statement) -> None:
        named = {name: self.get(name, asyncio.Future) for name in s["of"]}
        done, pending = await asyncio.wait(list(named.values()), timeout=s.get("timeout"), return_when=s["when"])
        names_done = sorted(name for name, future in named.items() if future in done)
        names_pending = sorted(name for name, future in named.items() if future in pending)
        self.log(f"wait done={show(names_done)} pending={show(names_pending)}")

    async def do_as_completed(self, s: Statement) -> None:
        awaited = [self.get(name, asyncio.Future) for name in s["of"]]
        for completed in asyncio.as_completed(awaited, timeout=s.get("timeout")):
            try:
                value = await completed
            except Boom as boom:
                value = boom
            self.log(f"completed {show(value)}")

    async def do_timeout(self, s: Statement) -> Return | None:
        async with asyncio.timeout(s.get("t")) as timeout:
            self._timeouts.append(timeout)
            try:
                outcome = await self.block(s["body"])
            finally:
                self._timeouts.pop()
            if outcome is not None:
                return outcome
        self.log(f"timeout exit expired={show(timeout.expired())}")
        return None

    def do_reschedule(self, s: Statement) -> None:
        delay = s.get("t")
        self._timeouts[-1].reschedule(None if delay is None else self.run.loop.time() + delay)
        self.log("reschedule")

    async def do_taskgroup(self, s: Statement) -> Return | None:
        async with asyncio.TaskGroup() as group:
            self.set(s["var"], group)
            outcome = await self.block(s["body"])
            if outcome is not None:
                return outcome
        self.log(f"taskgroup exit {s['var']}")
        return None

    def do_tg_spawn(self, s: Statement) -> None:
        group = self.get(s["tg"], asyncio.TaskGroup)
        self.set(s["var"], group.create_task(self.run.coroutine(s["coro"], s["var"])))
        self.log(f"spawn {s['var']}")

    # Synchronisation

    def do_new(self, s: Statement) -> None:
        kind, var, argument = PRIMITIVES[s["kind"]], s["var"], s.get("arg")
        if kind is ThreadPool:
            self.set(var, ThreadPool(self.run, var, argument))
        else:
            self.set(var, kind() if argument is None else kind(argument))

    async def do_with(self, s: Statement) -> Return | None:
        async with self.get(s["var"], LOCKS):
            self.log(f"acquired {s['var']}")
            outcome = await self.block(s["body"])
            if outcome is not None:
                return outcome
        self.log(f"released {s['var']}")
        return None

    async def do_acquire(self, s: Statement) -> None:
        await self.get(s["var"], LOCKS).acquire()
        self.log(f"acquired {s['var']}")

    def do_release(self, s: Statement) -> None:
        self.get(s["var"], LOCKS).release()
        self.log(f"released {s['var']}")

    def do_locked(self, s: Statement) -> None:
        self.log(f"locked {s['var']} {show(self.get(s['var'], LOCKS).locked())}")

    def do_event_set(self, s: Statement) -> None:
        self.get(s["var"], asyncio.Event).set()
        self.log(f"set {s['var']}")

    def do_event_clear(self, s: Statement) -> None:
        self.get(s["var"], asyncio.Event).clear()
        self.log(f"clear {s['var']}")

    async def do_event_wait(self, s: Statement) -> None:
        await self.get(s["var"], asyncio.Event).wait()
        self.log(f"event {s['var']}")

    async def do_cond_wait(self, s: Statement) -> None:
        await self.get(s["var"], asyncio.Condition).wait()
        self.log(f"notified {s['var']}")

    def do_notify(self, s: Statement) -> None:
        condition = self.get(s["var"], asyncio.Condition)
        if s.get("n") is None:
            condition.notify_all()
        else:
            condition.notify(s["n"])
        self.log(f"notify {s['var']}")

    async def do_barrier_wait(self, s: Statement) -> None:
        index = await self.get(s["var"], asyncio.Barrier).wait()
        self.log(f"barrier {s['var']} {index}")

    async def do_barrier_abort(self, s: Statement) -> None:
        await self.get(s["var"], asyncio.Barrier).abort()
        self.log(f"abort {s['var']}")

    async def do_barrier_reset(self, s: Statement) -> None:
        await self.get(s["var"], asyncio.Barrier).reset()
        self.log(f"reset {s['var']}")

    # Queues

    async def do_put(self, s: Statement) -> None:
        await self.get(s["var"], asyncio.Queue).put(s.get("value"))
        self.log(f"put {s['var']} {show(s.get('value'))}")

    def do_put_nowait(self, s: Statement) -> None:
        self.get(s["var"], asyncio.Queue).put_nowait(s.get("value"))
        self.log(f"put {s['var']} {show(s.get('value'))}")

    async def do_get(self, s: Statement) -> None:
        value = await self.get(s["var"], asyncio.Queue).get()
        self.log(f"get {s['var']} {show(value)}")

    def do_get_nowait(self, s: Statement) -> None:
        value = self.get(s["var"], asyncio.Queue).get_nowait()
        self.log(f"get {s['var']} {show(value)}")

    def do_task_done(self, s: Statement) -> None:
        self.get(s["var"], asyncio.Queue).task_done()
        self.log(f"task_done {s['var']}")

    async def do_join(self, s: Statement) -> None:
        await self.get(s["var"], asyncio.Queue).join()
        self.log(f"joined {s['var']}")

    def do_qsize(self, s: Statement) -> None:
        self.log(f"qsize {s['var']} {self.get(s['var'], asyncio.Queue).qsize()}")

    def do_shutdown(self, s: Statement) -> None:
        self.get(s["var"], asyncio.Queue).shutdown(s["immediate"])
        self.log(f"shutdown {s['var']}")

    # Threads and generators

    async def do_run_in_executor(self, s: Statement) -> None:
        pool = None if s.get("pool") is None else self.get(s["pool"], ThreadPool)
        job = Job(s["tag"], s["dur"], s.get("value"), s.get("raise"))
        await self._await_or_set(s, "executor", self.run.loop.run_in_executor(pool, job))

    async def do_yield(self, s: Statement) -> None:
        thrown = await suspend_with(Yielded(s.get("value")))
        if thrown is not None:
            raise thrown
        self.log("resumed")

    async def do_async_for(self, s: Statement) -> Return | None:
        generator = self.run.generator(s["gen"], self._callee(s["gen"]), self.depth)
        items = 0
        async for value in generator:
            self.log(f"item {show(value)}")
            outcome = await self.block(s["body"])
            if outcome is not None:
                return outcome
            items += 1
            if items == s.get("limit"):
                break
        if s["aclose"]:
            await generator.aclose()
            self.log("aclosed")
        return None


STATEMENTS = {op: getattr(Body, f"do_{op}") for op in FIELDS}


# ---------------------------------------------------------------------------------------------------------------------
# The process


def _whole_number(text: str) -> int | NoNumber:
    return int(text) if len(text.removeprefix("-")) <= MAX_DIGITS else NoNumber(text)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; its texts have to be Unicode, without halves of surrogate pairs."""
    for key, value in members:
        if not (_is_unicode(key) and _is_unicode(value)):
            raise Malformed("half of a surrogate pair")
    return dict(members)


def _is_unicode(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_unicode, value))
    return not isinstance(value, str) or value.isascii() or value.encode("utf-8", "ignore").decode() == value


LEADING_NAME = re.compile(r'\ufeff?\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")')


def leading_name(line: bytes) -> str | None:
    """The name with which a line begins, for a line that cannot be read to its end."""
    match = LEADING_NAME.match(line.decode("utf-8", "replace"))
    try:
        return json.loads(match[1]) if match else None
    except ValueError:
        return None


def answer(line: bytes) -> dict[str, Any]:
    """The answer to one line of input."""
    name = leading_name(line)
    try:
        program = json.loads(line, parse_int=_whole_number, parse_constant=NoNumber, object_pairs_hook=_object)
        if isinstance(program, dict):
            name = program.get("name") if isinstance(program.get("name"), str) else None
        Checker(program).check()
        return {"name": name, "trace": Run(program).trace()}
    except (Malformed, ValueError, RecursionError) as error:
        return {"name": name, "error": str(error)}


def silence() -> None:
    """Nothing but answers leaves this process: no logs, no warnings, no reports on what dies with a run."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _report: None


def main() -> None:
    if sys.version_info[:2] != (3, 13) or not __debug__:
        sys.exit("The oracle needs CPython 3.13, with assertions: they are part of asyncio's behaviour.")
    make_deterministic()
    silence()
    sys.setrecursionlimit(30_000)
    gc.disable()
    gc.freeze()  # collections need not look at what is there from the start
    for number, line in enumerate(sys.stdin.buffer, 1):
        print(json.dumps(answer(line)), flush=True)
        if number % RUNS_PER_COLLECTION == 0:
            gc.collect()


if __name__ == "__main__":
    main()
