"""A task that begins at once is a task like any other from then on."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from workbench.live.eager import _Begun, start_now

MARK: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="nobody's")


def test_first_part_is_done_before_the_caller_goes_on():
    async def work(said: list[str]) -> int:
        said.append("left")
        await asyncio.sleep(0)
        said.append("answered")
        return 7

    async def main() -> None:
        said: list[str] = []
        task = start_now(work(said))
        assert said == ["left"]
        said.append("others")
        assert await task == 7
        assert said == ["left", "others", "answered"]

    asyncio.run(main())


def test_it_is_its_own_task_with_its_own_context_and_timeouts():
    async def work() -> tuple[str, bool]:
        MARK.set("its own")
        mine = asyncio.current_task()
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()  # for ever
        except TimeoutError:
            return MARK.get(), asyncio.current_task() is mine
        raise AssertionError

    async def main() -> None:
        outer = asyncio.current_task()
        task = start_now(work())
        assert asyncio.current_task() is outer
        assert task in asyncio.all_tasks()
        assert MARK.get() == "nobody's"
        assert await task == ("its own", True)

    asyncio.run(main())


def test_future_that_comes_before_the_task_has_its_turn():
    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        async def work() -> str:
            return str(await future)

        task = start_now(work())
        future.set_result("at once")
        assert await task == "at once"

    asyncio.run(main())


def test_ends_without_waiting_reach_whoever_asks_the_task():
    async def result() -> str:
        return "done"

    async def fault() -> str:
        raise ValueError("no")

    async def main() -> None:
        assert await start_now(result()) == "done"
        with pytest.raises(ValueError, match="no"):
            await start_now(fault())
        cancelled = start_now(result())
        cancelled.cancel()
        assert await asyncio.gather(cancelled, return_exceptions=True) == ["done"]  # it is no use any more

    asyncio.run(main())


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_cancellation_runs_what_must_run(turns: int):
    async def work(said: list[str]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            said.append("put away")

    async def main() -> None:
        said: list[str] = []
        task = start_now(work(said))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert said == ["put away"]
        assert task.cancelled()

    asyncio.run(main())


def test_begun_outside_a_task():
    async def work() -> bool:
        await asyncio.sleep(0)
        return asyncio.current_task() is not None

    async def main() -> None:
        loop, found = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
        loop.call_soon(lambda: found.set_result(start_now(work())))
        assert await (await found)

    asyncio.run(main())


def test_what_has_begun_can_be_awaited_without_a_task_of_its_own():
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    async def main() -> None:
        begun = _Begun(work())
        begun.begin()
        assert await begun == 7

    asyncio.run(main())
