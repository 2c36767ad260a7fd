"""Turns are shared fairly, and who waits knows how long."""

import asyncio

import pytest

from ui.server import fair_queue
from ui.server.fair_queue import HALF_LIFE, FairQueue, Ticket
from ui.server.visitors import Visitor, address_of


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(fair_queue, "time", clock)
    return clock


def join(queue: FairQueue, address: str, session: str = "", seconds: float | None = None) -> Ticket:
    return queue.join(Visitor(address, session or address), seconds)


def test_a_turn_comes_at_once_when_nobody_is_there(clock):
    with join(FairQueue(1), "a") as ticket:
        assert list(ticket.waiting()) == []


def test_as_many_have_a_turn_as_may(clock):
    queue = FairQueue(2)
    turns = [join(queue, address) for address in "abc"]
    assert [ticket.granted.done() for ticket in turns] == [True, True, False]
    turns[0].__exit__()
    assert turns[2].granted.done()


def test_a_second_run_of_one_address_waits_behind_the_first_of_another(clock):
    queue = FairQueue(1)
    running, second, other = join(queue, "a"), join(queue, "a", "new name"), join(queue, "b")
    clock.now += 5
    running.__exit__()
    assert other.granted.done()
    assert not second.granted.done()


def test_an_address_that_used_much_comes_after_one_that_used_little(clock):
    queue = FairQueue(1)
    for address, seconds in (("much", 100), ("little", 10)):
        with join(queue, address):
            clock.now += seconds
    running, much, little = join(queue, "c"), join(queue, "much"), join(queue, "little")
    running.__exit__()
    assert little.granted.done()
    assert not much.granted.done()


def test_what_was_used_is_forgotten(clock):
    queue = FairQueue(1)
    with join(queue, "a"):
        clock.now += 100
    clock.now += 20 * HALF_LIFE
    with join(queue, "b"):
        clock.now += 1
    assert [key for key, _ in queue._used.items() if key[0] == "a"] == []


def test_in_one_address_the_session_that_used_least_comes_first(clock):
    queue = FairQueue(1)
    with join(queue, "school", "one"):
        clock.now += 100
    running = join(queue, "b")
    one, two = join(queue, "school", "one"), join(queue, "school", "two")
    running.__exit__()
    assert two.granted.done()
    assert not one.granted.done()


def test_who_waits_knows_how_many_are_before_and_for_how_long(clock):
    queue = FairQueue(1)
    running = join(queue, "a", seconds=30)
    join(queue, "b", seconds=10)
    last = join(queue, "c", seconds=5)
    assert queue.ahead(last) == (2, 40)
    clock.now += 12
    assert queue.ahead(last) == (2, 28)
    running.expect(50)
    assert queue.ahead(last) == (2, 60)


def test_the_order_that_is_told_is_the_order_that_comes(clock):
    queue = FairQueue(1)
    running = join(queue, "x", seconds=10)
    waiting = [join(queue, address) for address in ("a", "a", "b", "c", "b")]
    told = sorted(waiting, key=lambda ticket: queue.ahead(ticket)[0])
    assert [ticket.visitor.address for ticket in told] == ["a", "b", "c", "a", "b"]
    came = [running]
    for _ in waiting:
        clock.now += 30
        came[-1].__exit__()
        came.append(next(t for t in waiting if t.granted.done() and t not in came))
    assert came[1:] == told


def test_nothing_is_promised_when_a_pace_is_not_known(clock):
    queue = FairQueue(1)
    join(queue, "a")
    assert queue.ahead(join(queue, "b")) == (1, None)


def test_with_two_at_once_the_first_to_end_lets_in_the_next(clock):
    queue = FairQueue(2)
    for address, seconds in (("a", 30), ("b", 10)):
        join(queue, address, seconds=seconds)
    join(queue, "c", seconds=5)
    assert queue.ahead(join(queue, "d")) == (3, 15)


def test_who_leaves_the_queue_holds_up_nobody(clock):
    queue = FairQueue(1)
    running, leaver, last = join(queue, "a"), join(queue, "b"), join(queue, "c")
    leaver.__exit__()
    running.__exit__()
    assert last.granted.done()


def test_who_goes_while_the_turn_is_awaited_holds_up_nobody(run_to_end):
    async def wait(queue: FairQueue) -> None:
        with join(queue, "b") as ticket:
            await asyncio.wrap_future(ticket.granted)

    async def go() -> bool:
        queue = FairQueue(1)
        running = join(queue, "a")
        task = asyncio.create_task(wait(queue))
        await asyncio.sleep(0)
        last = join(queue, "c")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        running.__exit__()
        return last.granted.done()

    assert run_to_end(go())


# Addresses


def scope(client: str, *forwarded: str) -> dict:
    headers = [(b"x-forwarded-for", ", ".join(forwarded).encode())] if forwarded else []
    return {"type": "http", "client": (client, 1), "headers": headers}


def test_on_a_space_the_address_is_what_the_proxy_adds(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "somebody/something")
    assert address_of(scope("10.0.0.1", "invented", "9.9.9.9", "8.8.4.4")) == "8.8.4.4"
    assert address_of(scope("10.0.0.1", "9.9.9.9", "8.8.4.4", "10.16.3.80")) == "8.8.4.4"
    assert address_of(scope("10.0.0.1", "not one")) == "10.0.0.1"
    assert address_of(scope("10.0.0.1")) == "10.0.0.1"


def test_elsewhere_nobody_says_where_a_request_comes_from(monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert address_of(scope("127.0.0.1", "9.9.9.9")) == "127.0.0.1"


def test_the_addresses_of_one_network_count_as_one(monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    one, two = (address_of(scope(f"2a00:1450:4001:81b::{n}")) for n in (1, 2))
    assert one == two != address_of(scope("2a00:1450:4001:81c::1"))
    assert address_of(scope("::ffff:9.9.9.9")) == "9.9.9.9"
