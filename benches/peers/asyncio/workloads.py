"""The workloads on CPython's asyncio, with a clock that goes straight to the next timer.

python3.13 workloads.py W2 1000 200
"""

import asyncio
import selectors
import sys
import time

MASK = (1 << 64) - 1
TASKS, ROUNDS, PERMITS = 10, 3, 2
HOUR = 3600


class Selector(selectors.SelectSelector):
    """Waits by moving the loop's clock."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("deadlock")
        if timeout > 0:
            self.now += timeout
        return []


class Loop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.clock = Selector()
        super().__init__(self.clock)

    def time(self):
        return self.clock.now


def run(main):
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(main)


def mix(word):
    word = (word + 0x9E3779B97F4A7C15) & MASK
    word = ((word ^ word >> 30) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ word >> 27) * 0x94D049BB133111EB) & MASK
    return word ^ word >> 31


def empty_runs(runs, _):
    async def main(seed):
        return seed

    for seed in range(runs):
        assert run(main(seed)) == seed
    return runs


def spawn_and_join(tasks, _):
    async def one(task):
        return task

    async def main():
        handles = [asyncio.create_task(one(task)) for task in range(tasks)]
        total = 0
        for handle in handles:
            total += await handle
        return total

    assert run(main()) == tasks * (tasks - 1) // 2
    return tasks


def yields(tasks, times):
    async def give_way():
        given = 0
        for _ in range(times):
            await asyncio.sleep(0)
            given += 1
        return given

    async def main():
        handles = [asyncio.create_task(give_way()) for _ in range(tasks)]
        total = 0
        for handle in handles:
            total += await handle
        return total

    assert run(main()) == tasks * times
    return tasks * times


def ping_pong(messages, _):
    rounds = messages // 2

    async def main():
        ping, pong = asyncio.Queue(), asyncio.Queue()

        async def there():
            total = 0
            for number in range(rounds):
                ping.put_nowait(number)
                total += await pong.get()
            return total

        async def back():
            for _ in range(rounds):
                pong.put_nowait(await ping.get() + 1)

        one, other = asyncio.create_task(there()), asyncio.create_task(back())
        total = await one
        await other
        return total

    assert run(main()) == rounds * (rounds + 1) // 2
    return rounds * 2


def timers(tasks, sleeps):
    async def sleep_on(task):
        total = 0
        for number in range(sleeps):
            delay = 1 + mix(task << 32 | number) % 10_000
            await asyncio.sleep(delay / 1000)
            total += delay
        return total

    async def main():
        begin = asyncio.get_running_loop().time()
        handles = [asyncio.create_task(sleep_on(task)) for task in range(tasks)]
        longest = 0
        for handle in handles:
            longest = max(longest, await handle)
        return longest, asyncio.get_running_loop().time() - begin

    longest, took = run(main())
    assert longest - 1 <= took * 1000 <= longest + sleeps + 1, (longest, took)
    return tasks * sleeps


def cancels(tasks, _):
    begun = 0

    async def asleep():
        nonlocal begun
        begun += 1
        await asyncio.sleep(HOUR)

    async def main():
        handles = [asyncio.create_task(asleep()) for _ in range(tasks)]
        while begun < tasks:
            await asyncio.sleep(0)
        for handle in handles:
            handle.cancel()
        aborted = 0
        for handle in handles:
            try:
                await handle
            except asyncio.CancelledError:
                aborted += 1
        return aborted

    assert run(main()) == tasks
    return tasks


def seeds(count, with_sleep):
    async def main(seed):
        semaphore = asyncio.Semaphore(PERMITS)
        inside = rounds = 0

        async def take_turns(key):
            nonlocal inside, rounds
            for number in range(ROUNDS):
                await semaphore.acquire()
                inside += 1
                assert inside <= PERMITS
                if with_sleep:
                    await asyncio.sleep((1 + mix(key << 8 | number) % 10) / 1000)
                else:
                    await asyncio.sleep(0)
                inside -= 1
                rounds += 1
                semaphore.release()
                await asyncio.sleep(0)

        handles = [asyncio.create_task(take_turns(seed << 8 | task)) for task in range(TASKS)]
        for handle in handles:
            await handle
        return rounds

    for seed in range(count):
        assert run(main(seed)) == TASKS * ROUNDS
    return count


WORKLOADS = {
    "W0": empty_runs,
    "W1": spawn_and_join,
    "W2": yields,
    "W3": ping_pong,
    "W4": timers,
    "W5": cancels,
    "W6": lambda count, _: seeds(count, True),
    "W6Y": lambda count, _: seeds(count, False),
}


def status_kib(field):
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


def main():
    name, first, second = sys.argv[1], int(sys.argv[2]), int(sys.argv[3] or 0)
    before_kib, before = status_kib("VmRSS:"), time.process_time_ns()
    events = WORKLOADS[name](first, second)
    cpu_ns = time.process_time_ns() - before
    peak_kib = status_kib("VmHWM:")
    print(f"cpu_ns={cpu_ns} events={events} before_kib={before_kib} peak_kib={peak_kib}")


main()
