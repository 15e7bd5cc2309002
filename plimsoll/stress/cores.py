"""Many runs on all cores, or on a cluster: whatever backend joblib has been told to use."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from joblib import Parallel, delayed, parallel_config  # type: ignore[import-untyped]

from plimsoll.errors import ChainError, ConfigError, PlimsollError

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def on_backend(name: str, cluster: str | None = None) -> AbstractContextManager[object]:
    """Everything inside runs on this backend of joblib; `cluster` is a dask scheduler's address."""
    settings = {"scheduler_host": cluster} if cluster else {}
    try:
        context: AbstractContextManager[object] = parallel_config(backend=name, **settings)
    except (ValueError, TypeError, ImportError) as error:
        raise ConfigError(
            f"joblib cannot use the backend {name}: {str(error).splitlines()[0]}",
            next_step="install it beside the project, or leave --backend and --cluster out",
        ) from error
    return context


def in_parallel(
    run: Callable[[_In], _Out], inputs: Iterable[_In], jobs: int | None
) -> Iterator[_Out]:
    """Results as they come, in any order. `jobs` None: as many as the active backend offers.

    The first run that fails ends it all, with a `ChainError` that says what was wrong.
    """
    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", pre_dispatch="all")
    calls = (delayed(_guarded)(run, each) for each in inputs)
    results: Generator[_Out | _Failure, None, None] = parallel(calls)
    for result in results:
        if isinstance(result, _Failure):
            with warnings.catch_warnings(action="ignore"):
                results.close()  # joblib would warn that other runs are given up
            raise ChainError(result.problem, next_step=result.next_step)
        yield result


@dataclass(frozen=True)
class _Failure:
    """One of our errors on its way between processes, which it could not travel as it is."""

    problem: str
    next_step: str


def _guarded(run: Callable[[_In], _Out], value: _In) -> _Out | _Failure:
    try:
        return run(value)
    except PlimsollError as error:
        return _Failure(error.problem, error.next_step)
