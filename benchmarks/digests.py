"""How fast inputs are digested, against reading them: many small files, and one large one.

    python benchmarks/digests.py [--megabytes 1024]

Every figure is the best of three, with the files in the page cache. "again" is the second look at
unchanged files, whose digests are remembered.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from runner.artifacts.digests import DigestCache

_OLD = time.time() - 3600  # what changed just now is not remembered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1024)
    megabytes = parser.parse_args().megabytes
    print(f"{'':24} {'read':>10} {'digest':>10} {'digest/read':>12} {'again':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name, sizes in (
            (f"1 file of {megabytes} MB", [megabytes * 2**20]),
            (f"{megabytes} files of 1 MB", [2**20] * megabytes),
            ("10,000 files of 10 kB", [10_000] * 10_000),
        ):
            place = Path(folder, name.replace(" ", "-"))
            place.mkdir()
            report(name, write(place, sizes), Path(folder))


def write(folder: Path, sizes: Iterable[int]) -> list[Path]:
    """Files of random bytes, which look as if they were written an hour ago."""
    block = os.urandom(2**20)
    paths = []
    for number, size in enumerate(sizes):
        path = folder / str(number)
        with open(path, "wb") as file:
            for start in range(0, size, len(block)):
                file.write(block[: size - start])
        os.utime(path, (_OLD, _OLD))
        paths.append(path)
    return paths


def report(name: str, paths: list[Path], folder: Path) -> None:
    size = sum(path.stat().st_size for path in paths)
    reading = best(lambda: read(paths))
    digesting = best(lambda: DigestCache(folder / "none" / str(time.monotonic_ns())).of(paths))
    time.sleep(3)  # until the files' last change is long enough ago for the cache
    cache = DigestCache(folder / "cache" / f"{len(paths)}.db")
    cache.of(paths)
    again = best(lambda: cache.of(paths))
    speeds = (f"{size / 2**20 / seconds:>5.0f} MB/s" for seconds in (reading, digesting))
    print(f"{name:24} {' '.join(speeds)} {digesting / reading:>12.2f} {again * 1000:>7.1f} ms")


def read(paths: list[Path]) -> None:
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.read(2**20):
                pass


def best(action: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return min(times)


if __name__ == "__main__":
    main()
