"""All pairs judged on this machine: ``lookalike.evaluate`` against product plus scikit-learn.

    python benchmarks/judge.py STORE [ROUNDS]

STORE is what ``lookalike embed`` wrote over class folders; Tiny ImageNet's validation pictures make
49,995,000 pairs. Every contestant runs once a round, in turn, in a process of its own, and its best
round counts. Then random vectors of growing number. Prints times, ratios, and the memory that each
took beyond its vectors; quote the ratios with the processor.

Needs scikit-learn (``pip install scikit-learn``).
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lookalike import Embeddings
from lookalike.encoders.cores import processor_facts, usable_cores
from lookalike.judge import evaluate
from lookalike.judge.count import count_trial
from lookalike.judge.trial import trial_of_groups
from lookalike.metrics import scorer_of

SIZES = (25_000, 50_000, 100_000)
LENGTH = 128


def labelled(store: str) -> tuple[np.ndarray[Any, Any], list[str], np.ndarray[Any, Any]]:
    found = Embeddings.open(store)
    folders = [id.replace("\\", "/").split("/")[-2] for id in found.ids]
    return found.vectors, list(found.ids), np.unique(folders, return_inverse=True)[1]


def peer(store: str) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    vectors, _, labels = labelled(store)
    return timed(lambda: {"auc": float(roc_auc_score(*_scores(vectors, labels)))})


def _scores(vectors: Any, labels: Any) -> tuple[Any, Any]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    upper = np.triu_indices(len(unit), 1)
    return labels[upper[0]] == labels[upper[1]], (unit @ unit.T)[upper]


def counting(store: str) -> dict[str, Any]:
    vectors, ids, labels = labelled(store)
    return timed(lambda: count_all(vectors, ids, labels))


def count_all(vectors: Any, ids: list[str], labels: Any) -> dict[str, Any]:
    trial = trial_of_groups(labels, ids)
    counts = count_trial(trial, scorer_of("cosine", vectors[trial.rows])).counts
    return {"auc": counts.roc_auc, "pairs": sum(counts.pairs)}


def everything(store: str) -> dict[str, Any]:
    vectors, _, labels = labelled(store)

    def work() -> dict[str, Any]:
        found = evaluate(vectors, truth=labels.tolist())
        auc = found["roc_auc"]
        assert auc.interval is not None
        low, high = auc.interval.low, auc.interval.high
        return {"auc": auc.value, "low": low, "high": high, "recall@1": found["recall@1"].value}

    return timed(work)


def grown(count: str) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((int(count), LENGTH), dtype=np.float32)
    labels = rng.integers(0, int(count) // 20, int(count))
    ids = [f"{n:07}" for n in range(int(count))]
    return timed(lambda: count_all(vectors, ids, labels))


def whole(count: str) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((int(count), LENGTH), dtype=np.float32)
    labels = rng.integers(0, int(count) // 20, int(count)).tolist()
    return timed(lambda: {"auc": evaluate(vectors, truth=labels)["roc_auc"].value})


def timed(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    before = peak()
    start = time.perf_counter()
    found = work()
    return {**found, "seconds": time.perf_counter() - start, "extra_mb": peak() - before}


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(contestant: Callable[[str], dict[str, Any]], argument: str) -> dict[str, Any]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(contestant, (argument,))


def main(store: str, rounds: int) -> None:
    facts = processor_facts()
    print(facts.get("model name", "an unknown processor"), usable_cores(), "cores")
    contestants = {"product + scikit-learn": peer, "counting": counting, "evaluate": everything}
    best: dict[str, dict[str, Any]] = {}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            found = run(contestant, store)
            if name not in best or found["seconds"] < best[name]["seconds"]:
                best[name] = found
    slow = best["product + scikit-learn"]
    for name, found in best.items():
        print(
            f"{name:24} {found['seconds']:8.2f} s  extra {found['extra_mb']:7.0f} MB  "
            f"AUC {found['auc']:.9f} ({found['auc'] - slow['auc']:+.1e})  "
            f"{slow['seconds'] / found['seconds']:6.1f} times as fast"
        )
    print(f"pairs {best['counting']['pairs']:,}; evaluate: {best['evaluate']}")
    for size in SIZES:
        found = run(grown, str(size))
        each = found["seconds"] / found["pairs"] * 1e9
        print(
            f"{size:8,} x {LENGTH}: {found['pairs']:14,} pairs  {found['seconds']:7.1f} s  "
            f"extra {found['extra_mb']:6.0f} MB  {each:5.2f} ns a pair"
        )
    found = run(whole, str(SIZES[-1]))
    print(
        f"{SIZES[-1]:8,} x {LENGTH}: everything, with queries and intervals  "
        f"{found['seconds']:7.1f} s  extra {found['extra_mb']:6.0f} MB"
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3)
