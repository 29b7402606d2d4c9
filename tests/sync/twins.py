"""The programs of the tests in this folder, for CPython 3.13.0: `python3 twins.py > twins.txt`.

Each function prints the transcript that the Rust test of the same name must print. No program
depends on the real clock.
"""

import asyncio
import contextlib
import io
from asyncio import CancelledError, create_task, sleep

PROGRAMS = []
hop = 0


def program(main):
    PROGRAMS.append(main)
    return main


def out(text):
    print(str(text).lower() if isinstance(text, bool) else text, end="; ")


def at(text):
    out(f"{hop} {text}")


async def spin(n=1):
    """Gives way n times and counts the hops of the main task."""
    global hop
    for _ in range(n):
        await sleep(0)
        hop += 1


def show(error):
    if isinstance(error, CancelledError):
        return "cancelled" + "".join(f": {arg}" for arg in error.args)
    return type(error).__name__


async def attempt(aw):
    """The result of an await or the name of its error, as a text."""
    try:
        result = await aw
        return "ok" if result is None or result is True else str(result)
    except BaseException as error:
        return show(error)


@program
async def lock_hand_over():
    lock = asyncio.Lock()
    await lock.acquire()

    async def waiter():
        await lock.acquire()
        out("waiter")
        lock.release()

    task = create_task(waiter())
    await spin()
    lock.release()
    out(lock.locked())
    await lock.acquire()
    out("main")
    await task


@program
async def lock_is_first_in_first_out():
    lock = asyncio.Lock()

    async def user(name):
        async with lock:
            at(name)
            await sleep(0)
        at(f"{name} left")

    await lock.acquire()
    for name in "abc":
        create_task(user(name))
    await spin(2)
    lock.release()
    late = create_task(user("late"))
    await spin(8)
    await late


@program
async def lock_newcomer_passes_those_cancelled():
    lock = asyncio.Lock()
    await lock.acquire()
    a, b = [create_task(attempt(lock.acquire())) for _ in range(2)]
    await spin()
    a.cancel()
    b.cancel()
    lock.release()
    await lock.acquire()
    at("main, at once")
    out(await a)
    out(await b)
    out(lock.locked())


@program
async def lock_woken_waiter_is_cancelled():
    lock = asyncio.Lock()
    await lock.acquire()

    async def user(name):
        at(f"{name} {await attempt(lock.acquire())}")

    tasks = [create_task(user(name)) for name in "abc"]
    await spin()
    lock.release()
    tasks[0].cancel("m")
    out(lock.locked())
    await spin(4)
    lock.release()
    await spin(2)


@program
async def lock_first_waiter_is_cancelled_before_the_release():
    lock = asyncio.Lock()
    await lock.acquire()

    async def user(name):
        at(f"{name} {await attempt(lock.acquire())}")

    a = create_task(user("a"))
    create_task(user("b"))
    await spin()
    a.cancel()
    lock.release()
    await spin(4)


@program
async def lock_scope_is_left_by_error_and_cancel():
    lock = asyncio.Lock()

    async def fails():
        async with lock:
            raise ValueError

    async def parks():
        async with lock:
            await asyncio.Event().wait()

    out(await attempt(fails()))
    out(lock.locked())
    task = create_task(attempt(parks()))
    await spin()
    out(lock.locked())
    task.cancel("m")
    out(await task)
    out(lock.locked())


@program
async def lock_released_inside_its_scope():
    lock = asyncio.Lock()

    async def body():
        async with lock:
            lock.release()

    out(await attempt(body()))

    async def steals():
        await lock.acquire()
        out("other holds")

    async def longer():
        async with lock:
            lock.release()
            await create_task(steals())
            out(lock.locked())
        out(lock.locked())

    await longer()


@program
async def event_set_and_cleared_in_one_go():
    event = asyncio.Event()
    task = create_task(event.wait())
    await spin()
    event.set()
    event.clear()
    out(await attempt(task))
    out(event.is_set())


@program
async def event_wakes_in_order():
    event = asyncio.Event()

    async def waiter(name):
        await event.wait()
        at(name)

    for name in "abc":
        create_task(waiter(name))
    await spin()
    event.set()
    late = create_task(waiter("late"))
    await event.wait()
    at("main, at once")
    await spin()
    await late


@program
async def event_woken_waiter_is_cancelled():
    event = asyncio.Event()
    a, b = [create_task(attempt(event.wait())) for _ in range(2)]
    await spin()
    event.set()
    a.cancel("m")
    out(await a)
    out(await b)


@program
async def condition_needs_its_lock():
    condition = asyncio.Condition()
    out(await attempt(condition.wait()))
    for notify in condition.notify, condition.notify_all:
        try:
            notify()
        except RuntimeError as error:
            out(show(error))
    out(await attempt(condition.wait_for(lambda: True)))
    out(await attempt(condition.wait_for(lambda: False)))


@program
async def condition_notifies_in_order():
    condition = asyncio.Condition()

    async def waiter(name):
        async with condition:
            await condition.wait()
            at(name)

    for name in "abcd":
        create_task(waiter(name))
    await spin()
    async with condition:
        condition.notify(2)
        await spin(2)
        at("still held")
    await spin(3)
    async with condition:
        condition.notify_all()
    at("released")
    await spin(3)


@program
async def condition_lock_is_free_or_contested():
    condition = asyncio.Condition()

    async def waiter(name):
        await condition.acquire()
        await condition.wait()
        at(name)
        await sleep(0)
        condition.release()

    async def contender():
        async with condition:
            at("contender")
            await sleep(0)

    for name in "ab":
        create_task(waiter(name))
    await spin()
    await condition.acquire()
    create_task(contender())
    await spin()
    condition.notify_all()
    condition.release()
    await spin(8)


@program
async def condition_cancelled_waiter_wakes_another():
    for notify in 0, 1:
        condition = asyncio.Condition()

        async def waiter(name):
            async with condition:
                out(f"{name} {await attempt(condition.wait())}")

        tasks = [create_task(waiter(name)) for name in "abc"]
        await spin()
        await condition.acquire()
        condition.notify(notify)
        condition.release()
        tasks[0].cancel()
        await spin(5)
        out("|")


@program
async def condition_cancelled_while_taking_the_lock_again():
    condition = asyncio.Condition()

    async def waiter():
        async with condition:
            result = await attempt(condition.wait())
            at(f"{result}, {'locked' if condition.locked() else 'unlocked'}")

    create_task(waiter())
    other = create_task(waiter())
    await spin()
    await condition.acquire()
    condition.notify(2)
    await spin(2)
    other.cancel("first")
    await spin()
    other.cancel("second")
    await spin()
    condition.release()
    await spin(4)


@program
async def condition_cancelled_twice_before_it_runs():
    condition = asyncio.Condition()

    async def waiter():
        async with condition:
            at(await attempt(condition.wait()))

    task = create_task(waiter())
    await spin()
    task.cancel("first")
    task.cancel("second")
    await spin(3)
    out(task.cancelling())


@program
async def condition_waits_for_a_predicate():
    condition = asyncio.Condition()
    value = 0

    def enough():
        out(f"asked {value}")
        return value >= 2

    async def waiter():
        async with condition:
            await condition.wait_for(enough)
            at("enough")

    create_task(waiter())
    await spin()
    for value in 1, 2:
        async with condition:
            condition.notify()
        await spin(2)


@program
async def semaphore_wakes_all_it_can():
    semaphore = asyncio.Semaphore(0)
    go = asyncio.Event()

    async def waiter(name, event):
        if event:
            await event.wait()
        await semaphore.acquire()
        at(name)

    create_task(waiter("c", go))
    create_task(waiter("d", go))
    create_task(waiter("a", None))
    await spin()
    go.set()
    for _ in range(3):
        semaphore.release()
    await spin(4)


@program
async def semaphore_is_locked_with_permits_left():
    semaphore = asyncio.Semaphore(0)

    async def waiter(name):
        await semaphore.acquire()
        at(name)

    create_task(waiter("a"))
    await spin()
    semaphore.release()
    semaphore.release()
    out(semaphore.locked())
    await semaphore.acquire()
    at("main")
    out(semaphore.locked())


@program
async def semaphore_woken_waiter_is_cancelled():
    semaphore = asyncio.Semaphore(0)

    async def waiter(name):
        at(f"{name} {await attempt(semaphore.acquire())}")

    tasks = [create_task(waiter(name)) for name in "abcd"]
    await spin()
    semaphore.release()
    semaphore.release()
    tasks[0].cancel("m")
    await spin()
    tasks[2].cancel()
    semaphore.release()
    await spin(4)
    out(semaphore.locked())


@program
async def semaphore_waiter_cancelled_before_the_release():
    semaphore = asyncio.Semaphore(0)

    async def waiter(name):
        at(f"{name} {await attempt(semaphore.acquire())}")

    a, b = create_task(waiter("a")), create_task(waiter("b"))
    await spin()
    a.cancel()
    out(semaphore.locked())
    b.cancel()
    out(semaphore.locked())
    semaphore.release()
    out(semaphore.locked())
    await semaphore.acquire()
    at("main, at once")
    await spin(2)


@program
async def bounded_semaphore_counts():
    semaphore = asyncio.BoundedSemaphore(1)
    for _ in range(2):
        try:
            semaphore.release()
        except ValueError as error:
            out(show(error))
        await semaphore.acquire()
        semaphore.release()
    await semaphore.acquire()
    create_task(semaphore.acquire())
    await spin()
    semaphore.release()
    semaphore.release()
    out("the permit on its way does not count")
    await spin()

    async def body():
        async with semaphore:
            semaphore.release()

    out(await attempt(body()))


@program
async def barrier_lets_all_go_at_once():
    barrier = asyncio.Barrier(3)

    async def party(name):
        at(f"{name} {await barrier.wait()}")

    for name in "abc":
        create_task(party(name))
        await spin()
    await spin(2)
    out(barrier.n_waiting)


@program
async def barrier_newcomer_waits_for_the_last_to_leave():
    barrier = asyncio.Barrier(2)

    async def party(name):
        for _ in range(2):
            at(f"{name} {await barrier.wait()}")

    tasks = [create_task(party(name)) for name in "abcd"]
    await spin(8)
    out(all(task.done() for task in tasks))


@program
async def barrier_reset():
    barrier = asyncio.Barrier(3)

    async def party(name):
        at(f"{name} {await attempt(barrier.wait())}")

    create_task(party("a"))
    create_task(party("b"))
    await spin()
    await barrier.reset()
    at(f"reset {barrier.n_waiting} {'broken' if barrier.broken else 'whole'}")
    create_task(party("c"))
    await spin(3)
    at(barrier.n_waiting)
    create_task(party("d"))
    create_task(party("e"))
    await spin(4)


@program
async def barrier_abort():
    barrier = asyncio.Barrier(3)

    async def party(name):
        at(f"{name} {await attempt(barrier.wait())}")

    create_task(party("a"))
    create_task(party("b"))
    await spin()
    await barrier.abort()
    at(f"abort {barrier.n_waiting} {'broken' if barrier.broken else 'whole'}")
    create_task(party("c"))
    await spin(3)
    await barrier.reset()
    out(barrier.broken)


@program
async def barrier_counts_a_cancelled_one_out():
    barrier = asyncio.Barrier(2)

    async def party(name):
        at(f"{name} {await attempt(barrier.wait())}")

    a = create_task(party("a"))
    await spin()
    a.cancel("m")
    await spin()
    at(barrier.n_waiting)
    create_task(party("b"))
    await spin()
    c = create_task(party("c"))
    await spin()
    c.cancel()
    await spin(3)


@program
async def barrier_woken_one_is_cancelled():
    barrier = asyncio.Barrier(3)

    async def party(name):
        at(f"{name} {await attempt(barrier.wait())}")

    tasks = [create_task(party(name)) for name in "ab"]
    await spin()
    at(f"main {await barrier.wait()}")
    tasks[0].cancel("m")
    create_task(party("next"))
    await spin(3)
    at(barrier.n_waiting)


@program
async def queue_loser_goes_to_the_end_of_the_line():
    queue = asyncio.Queue()

    async def getter(name):
        at(f"{name} {await queue.get()}")

    create_task(getter("a"))
    create_task(getter("b"))
    await spin()
    queue.put_nowait(1)
    out(queue.get_nowait())
    await spin(2)
    queue.put_nowait(2)
    queue.put_nowait(3)
    await spin(2)


@program
async def queue_woken_getter_is_cancelled():
    queue = asyncio.Queue()

    async def getter(name):
        at(f"{name} {await attempt(queue.get())}")

    tasks = [create_task(getter(name)) for name in "abc"]
    await spin()
    queue.put_nowait(1)
    tasks[0].cancel("m")
    tasks[1].cancel()
    await spin(4)
    tasks[2].cancel()
    await spin(2)


@program
async def queue_woken_getter_is_cancelled_after_the_item_is_gone():
    queue = asyncio.Queue()

    async def getter(name):
        at(f"{name} {await attempt(queue.get())}")

    a = create_task(getter("a"))
    create_task(getter("b"))
    await spin()
    queue.put_nowait(1)
    queue.get_nowait()
    a.cancel()
    await spin(3)
    queue.put_nowait(2)
    await spin(2)


@program
async def queue_putters_take_turns():
    queue = asyncio.Queue(1)

    async def putter(name):
        at(f"{name} {await attempt(queue.put(name))}")

    tasks = [create_task(putter(name)) for name in "abcd"]
    await spin()
    out(queue.get_nowait())
    tasks[1].cancel("m")
    await spin(2)
    out(queue.get_nowait())
    queue.put_nowait("main")
    await spin(2)
    out(queue.get_nowait())
    await spin(2)
    out(queue.get_nowait())
    await spin()
    out(queue.qsize())


@program
async def queue_join_is_one_hop():
    queue = asyncio.Queue()
    await queue.join()
    at("empty, at once")

    async def joiner():
        await queue.join()
        at(f"joined {queue.qsize()}")

    queue.put_nowait(1)
    queue.put_nowait(2)
    create_task(joiner())
    await spin()
    queue.get_nowait()
    queue.task_done()
    await spin()
    queue.get_nowait()
    queue.task_done()
    queue.put_nowait(3)
    await spin(2)
    queue.task_done()
    try:
        queue.task_done()
    except ValueError as error:
        out(show(error))


@program
async def queue_order_of_lifo_and_priority():
    class Item(int):
        __lt__ = lambda self, other: False

    lifo, equal, sparse = asyncio.LifoQueue(), asyncio.PriorityQueue(), asyncio.PriorityQueue()
    for n in range(6):
        lifo.put_nowait(n)
        equal.put_nowait(Item(n))
    for n in 5, 3, 8, 1, 9, 2, 3:
        sparse.put_nowait(n)
    out(" ".join(str(lifo.get_nowait()) for _ in range(6)))
    out(" ".join(str(int(equal.get_nowait())) for _ in range(6)))
    out(" ".join(str(sparse.get_nowait()) for _ in range(7)))


@program
async def queue_ties_of_a_priority_queue():
    class Item:
        def __init__(self, rank, name):
            self.rank, self.name = rank, name

        def __lt__(self, other):
            return self.rank < other.rank

    state, given, queue = 1, 0, asyncio.PriorityQueue()
    for _ in range(400):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        if state >> 16 & 3 or queue.empty():
            queue.put_nowait(Item(state >> 20 & 3, given))
            given += 1
        else:
            out(queue.get_nowait().name)
    while not queue.empty():
        out(queue.get_nowait().name)


@program
async def queue_shutdown():
    queue = asyncio.Queue(1)

    async def getter(name):
        at(f"{name} {await attempt(queue.get())}")

    async def putter(name):
        at(f"{name} {await attempt(queue.put(name))}")

    create_task(getter("a"))
    create_task(getter("b"))
    await spin()
    queue.put_nowait("item")
    create_task(putter("c"))
    await spin(0)
    queue.shutdown()
    await spin(2)
    create_task(putter("d"))
    await spin(2)
    for call in queue.get_nowait, lambda: queue.put_nowait(0):
        try:
            call()
        except Exception as error:
            out(show(error))


@program
async def queue_shutdown_with_full_queue():
    queue = asyncio.Queue(1)

    async def putter(name):
        at(f"{name} {await attempt(queue.put(name))}")

    async def joiner():
        await queue.join()
        at("joined")

    queue.put_nowait("first")
    create_task(putter("a"))
    create_task(putter("b"))
    create_task(joiner())
    await spin()
    queue.shutdown()
    await spin(2)
    out(await attempt(queue.get()))
    out(await attempt(queue.get()))
    queue.task_done()
    await spin(2)


@program
async def queue_shutdown_immediate():
    queue = asyncio.Queue(2)

    async def getter(name):
        at(f"{name} {await attempt(queue.get())}")

    async def putter(name):
        at(f"{name} {await attempt(queue.put(name))}")

    async def joiner():
        await queue.join()
        at("joined")

    create_task(getter("g"))
    await spin()
    queue.put_nowait("x")
    queue.put_nowait("y")
    create_task(putter("p"))
    create_task(joiner())
    queue.shutdown(immediate=True)
    await spin(3)
    out(queue.qsize())


def run(main):
    global hop
    hop = 0
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        asyncio.run(main())
    return text.getvalue().removesuffix("; ")


if __name__ == "__main__":
    for main in PROGRAMS:
        print(f"{main.__name__}: {run(main)}")
