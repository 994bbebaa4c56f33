"""Many machines: workers of a Ray cluster, each doing one errand at a time. Nothing else in the package knows Ray.

A worker is an actor, so that it loads its networks once. Each photo is a call of its own: what kills a worker costs
that photo one of its tries and no other photo anything. Ray Data, which deals in batches, loses a whole batch then.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Generic, Protocol, TypeVar

from restore.errors import ConfigError, DeviceError
from restore.inference.device import usable_cores

IN_FLIGHT: Final = 2
"""Errands that a worker has been given: one it does, and the next."""
MOST_DEATHS: Final = 2
"""Workers that may die over one errand before it is given up."""
MOST_STILLBORN: Final = 4
"""Workers that may die one after another before they have begun, before all is given up."""
STORE_BYTES: Final = 100_000_000
"""Of shared memory, where we start Ray: no picture goes through it."""
LOOK_S: Final = 1.0
WORTH_SAYING_S: Final = 30.0
"""So long there may be no worker before that is said."""

Task = TypeVar("Task")


class Worker(Protocol):
    """What is run on the machines; errors of ``hello`` end everything, and ``do`` should have none."""

    def hello(self) -> str:
        """Get ready; gives the machine's name."""

    def do(self, errand: Any) -> Any:
        """One errand."""


@dataclass(frozen=True, slots=True)
class Lost:
    """In place of an answer: so many workers died over the errand that nobody tries again."""

    deaths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which workers are wanted."""

    address: str | None = None
    """Of the cluster; None: by RAY_ADDRESS, or else this computer alone."""
    device: str = "auto"
    """auto: a worker for each GPU, if the cluster has any; else, and with cpu, as many as there is room for."""
    threads: int | None = None
    """Cores of a worker without a GPU; None: up to four."""


@dataclass(slots=True, eq=False)
class _Try(Generic[Task]):
    """A task and how often it went wrong."""

    task: Task
    deaths: int = 0


@dataclass(slots=True, eq=False)
class _Hand(Generic[Task]):
    """A worker, and what it was given, in order."""

    actor: Any
    hello: Any
    """What its first call will give; None once it has."""
    given: deque[tuple[Any, _Try[Task]]] = field(default_factory=deque)


class Fleet(Generic[Task]):
    """The workers of one job; use it as a context. Each is ``kind(*told, device, cores)``, made at its machine: these,
    errands and answers are pickled.

    Raises ConfigError without Ray, DeviceError where no cluster answers or none of its machines will do.
    """

    def __init__(self, kind: Callable[..., Worker], told: tuple[Any, ...], wanted: Wanted) -> None:
        try:
            import ray
        except ImportError as error:
            raise ConfigError(
                f'--engine ray needs one more package ({error}); pip install "restore-photos[ray]"'
            ) from error
        self._ray, self._wanted = ray, wanted
        self._kind, self._told = kind, told
        self._hands: list[_Hand[Task]] = []
        self._resources: dict[str, float] = {}
        self._device, self._cores = "cpu", 1
        self._stillborn = 0
        self._ours = False
        self.machines: dict[str, int] = {}
        """Workers that have said hello, by machine."""
        self.size = 0
        """Workers asked for."""

    def __enter__(self) -> Fleet[Task]:
        try:
            self._connect()
            self._resources = self._shape()
            self._hands = [self._hire() for _ in range(self.size)]
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Send all workers home, whatever they are doing, and leave the cluster."""
        for hand in self._hands:
            self._dismiss(hand)
        self._hands = []
        if self._ours:
            self._ours = False
            self._ray.shutdown()

    def run(
        self,
        tasks: Iterator[Task],
        errand: Callable[[Task], object],
        *,
        waiting: Callable[[str], None] = lambda _: None,
        begun: Callable[[], None] = lambda: None,
    ) -> Generator[tuple[Task, Any | Lost], None, None]:
        """Each task with its answer, as they come; ``errand`` is made anew for each try.

        Tasks are taken when a worker has room for them. ``waiting`` hears when there is no worker for long, ``begun``
        when there is the first.
        """
        again: deque[_Try[Task]] = deque()
        since, said, exhausted, at_work = time.monotonic(), False, False, False
        while True:
            while (hand := self._free()) is not None and not (exhausted and not again):
                if again:
                    attempt = again.popleft()
                elif (task := next(tasks, None)) is not None:
                    attempt = _Try(task)
                else:
                    exhausted = True
                    break
                hand.given.append((hand.actor.do.remote(errand(attempt.task)), attempt))
            if exhausted and not again and not any(hand.given for hand in self._hands):
                return
            if any(hand.hello is None for hand in self._hands):
                since = time.monotonic()
                if not at_work:
                    at_work = True
                    begun()
            elif not said and time.monotonic() - since > WORTH_SAYING_S:
                said = True
                waiting(f"no worker has begun yet; {self.size} were asked for, each with {_needs(self._resources)}")
            for hand in self._heard():
                yield from self._settle(hand, again)

    def ready(self) -> Iterator[tuple[Task, Any]]:
        """Tasks whose answers are there already; nothing is waited for."""
        for hand in self._hands:
            while hand.given:
                ref, attempt = hand.given.popleft()
                with suppress(self._ray.exceptions.RayError):
                    yield attempt.task, self._ray.get(ref, timeout=0)

    def _free(self) -> _Hand[Task] | None:
        """The ready worker with the least to do, if it has room."""
        ready = [hand for hand in self._hands if hand.hello is None]
        least = min(ready, key=lambda hand: len(hand.given), default=None)
        return least if least is not None and len(least.given) < IN_FLIGHT else None

    def _heard(self) -> Sequence[_Hand[Task]]:
        """Workers of whom there is news, after at most LOOK_S."""
        of = {
            hand.hello if hand.hello is not None else hand.given[0][0]: hand for hand in self._hands if _awaited(hand)
        }
        done, _ = self._ray.wait(list(of), num_returns=1, timeout=LOOK_S)
        return [of[ref] for ref in done]

    def _settle(self, hand: _Hand[Task], again: deque[_Try[Task]]) -> Iterator[tuple[Task, Any | Lost]]:
        """What a worker says, or that it is no more: then what it had is done by others."""
        ray = self._ray
        try:
            if hand.hello is not None:
                machine = ray.get(hand.hello)
                hand.hello, self._stillborn = None, 0
                self.machines[machine] = self.machines.get(machine, 0) + 1
                return
            answer = ray.get(hand.given[0][0])
        except ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else error from None
        except ray.exceptions.RayError as error:
            yield from self._bury(hand, again, error)
            return
        _, attempt = hand.given.popleft()
        yield attempt.task, answer

    def _bury(self, hand: _Hand[Task], again: deque[_Try[Task]], error: Exception) -> Iterator[tuple[Task, Lost]]:
        self._hands.remove(hand)
        self._dismiss(hand)  # it may live and only be out of reach
        if hand.hello is not None:
            self._stillborn += 1
            if self._stillborn >= MOST_STILLBORN:
                raise DeviceError(
                    f"{self._stillborn} workers of the cluster died one after another before they could begin "
                    f"({_line(error)}); is restore installed there, and is there memory enough?"
                )
        for number, (_, attempt) in enumerate(hand.given):  # it did the first, and the others waited
            attempt.deaths += number == 0
            if attempt.deaths >= MOST_DEATHS:
                yield attempt.task, Lost(attempt.deaths)
            else:
                again.append(attempt)
        self._hands.append(self._hire())

    def _connect(self) -> None:
        ray = self._ray
        if ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would tell its makers that it was started
        os.environ.setdefault("RAY_worker_niceness", "0")  # at Ray's 15 a busy computer leaves workers no time at all
        address = self._wanted.address or os.environ.get("RAY_ADDRESS")
        alone = {
            "include_dashboard": False,
            "num_cpus": usable_cores(),
            "object_store_memory": STORE_BYTES,
        }
        try:
            ray.init(
                address=address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                **({} if address else alone),
            )
        except (ConnectionError, TimeoutError, RuntimeError, ValueError, OSError) as error:
            raise DeviceError(
                f"--ray-address {address or 'local'}: no Ray cluster can be used there ({_line(error)}); is "
                "`ray status` well there, with the same Ray and Python as here?"
            ) from error
        self._ours = True
        with suppress(AttributeError):  # else it prints on stdout that a worker died, among the rows of --json
            ray._private.worker._worker_logs_enabled = False

    def _shape(self) -> dict[str, float]:
        """How many workers there are room for, and what each needs."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        gpus = sum(int(node.get("GPU", 0)) for node in nodes)
        kind = self._wanted.device.partition(":")[0]
        if kind == "cuda" or (kind == "auto" and gpus):
            self._device, self.size, needs = "cuda", gpus, {"num_gpus": 1.0, "num_cpus": 1.0}
        else:
            cores = [int(node.get("CPU", 0)) for node in nodes]
            threads = self._wanted.threads or min(4, max(cores, default=1)) or 1
            self._device, self._cores = "mps" if kind == "mps" else "cpu", threads
            self.size, needs = sum(own // threads for own in cores), {"num_cpus": float(threads)}
        if not self.size:
            raise DeviceError(
                f"the cluster has no machine with {_needs(needs)}; choose with --device cpu and --threads"
            )
        return needs

    def _hire(self) -> _Hand[Task]:
        remote = self._ray.remote(max_restarts=0, max_task_retries=0, **self._resources)(self._kind)
        actor = remote.remote(*self._told, self._device, self._cores)
        return _Hand(actor, actor.hello.remote())

    def _dismiss(self, hand: _Hand[Task]) -> None:
        with suppress(Exception):  # it is gone, or the cluster is
            self._ray.kill(hand.actor, no_restart=True)


def _awaited(hand: _Hand[Any]) -> bool:
    return hand.hello is not None or bool(hand.given)


def _needs(resources: dict[str, float]) -> str:
    """What a worker needs, in words."""
    cores = int(resources["num_cpus"])
    return "a GPU" if "num_gpus" in resources else f"{cores} core{'s' if cores > 1 else ''}"


def _line(error: Exception) -> str:
    return next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
