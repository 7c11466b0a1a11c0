"""Pictures to vectors on this machine: ``lookalike embed`` against the usual ways.

    python benchmarks/extract.py FOLDER [ROUNDS]

FOLDER holds photographs; they are repeated to 1,000 (200 for resnet50). Networks have random
weights, since speed does not depend on values. Every contestant runs once a round, in turn, and its
best round counts. Prints rates and ratios; quote the ratios with the processor.

imagededup takes part if it is installed (``pip install imagededup``).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from lookalike.encoders import Encoder, Runtime
from lookalike.encoders.cores import processor_facts, processor_flags, usable_cores
from lookalike.encoders.engines.openvino import SUITABLE_BATCH
from lookalike.encoders.families.torchvision import torchvision
from lookalike.extraction import embed
from lookalike.extraction.workers import load_quickest
from lookalike.extras import installed
from lookalike.images import decode
from lookalike.images.place import file_place

NETWORKS = {"mobilenet_v3_small": 1000, "resnet50": 200}
BATCHES = (1, 16, 32)


class Photographs(torch.utils.data.Dataset[Any]):
    """Files, transformed when they are asked for."""

    def __init__(self, files: list[str], transform: Any) -> None:
        self.files, self.transform = files, transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, position: int) -> Any:
        return self.transform(Image.open(self.files[position]).convert("RGB"))


def network_of(name: str) -> tuple[Any, Any]:
    """The network without its class head, and its transform."""
    torchvision()
    from torchvision import models

    torch.manual_seed(0)
    network = models.get_model(name, weights=None).eval()
    setattr(network, "fc" if name == "resnet50" else "classifier", torch.nn.Identity())
    return network, models.get_model_weights(name).IMAGENET1K_V1.transforms()


def loop(network: Any, transform: Any, files: list[str], batch: int) -> None:
    with torch.inference_mode():
        for start in range(0, len(files), batch):
            some = files[start : start + batch]
            network(torch.stack([transform(Image.open(file).convert("RGB")) for file in some]))


def loader(network: Any, transform: Any, files: list[str], batch: int) -> None:
    photographs = Photographs(files, transform)
    with torch.inference_mode():
        for one in torch.utils.data.DataLoader(
            photographs, batch_size=batch, num_workers=usable_cores()
        ):
            network(one)


def deduplicator(name: str, network: Any, transform: Any) -> Callable[[str], Any] | None:
    """Imagededup's encoder of a folder, with random weights."""
    if not installed("imagededup"):
        return None
    from imagededup.methods import CNN
    from imagededup.utils import CustomModel

    class Net(torch.nn.Module):
        """As imagededup wants it: with a name and a transform."""

        transform = None
        name = ""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, batch: torch.Tensor) -> Any:
            return self.network(batch)

    found = CNN(
        verbose=False, model_config=CustomModel(name=name, model=Net(), transform=transform)
    )
    return lambda folder: found.encode_images(image_dir=folder, num_enc_workers=usable_cores())


def bare_decode(encoder: Encoder, files: list[str]) -> None:
    """Reading, decoding and preprocessing alone, on all cores."""
    with ThreadPoolExecutor(usable_cores()) as pool:
        for _ in pool.map(lambda file: encoder.prepare(decode(file_place(file))), files):  # type: ignore[arg-type]
            pass


def bare_model(encoder: Encoder, count: int) -> None:
    """The network alone, on pictures that are ready, in the threads that it wants."""
    batch = np.random.default_rng(0).integers(0, 256, (SUITABLE_BATCH, 224, 224, 3), dtype=np.uint8)
    with ThreadPoolExecutor(encoder.streams) as pool:
        for _ in pool.map(lambda _: encoder.run(batch), range(count // len(batch))):
            pass


def rates(name: str, folder: str, files: list[str], rounds: int) -> None:
    network, transform = network_of(name)
    encoder, _, said = load_quickest(
        f"torchvision:{name}/IMAGENET1K_V1?weights=random", Runtime(batch=SUITABLE_BATCH)
    )
    store = Path(folder).parent / "store"

    def lookalike() -> float:
        shutil.rmtree(store, ignore_errors=True)
        return embed(folder, store=store, model=encoder).working

    contestants: dict[str, Callable[[], Any]] = {"lookalike": lookalike}
    for batch in BATCHES:
        contestants[f"torchvision loop, batch {batch}"] = lambda b=batch: loop(  # type: ignore[misc]
            network, transform, files, b
        )
    contestants["DataLoader, batch 32"] = lambda: loader(network, transform, files, 32)
    dedup = deduplicator(name, network, transform)
    if dedup is not None:
        contestants["imagededup CNN"] = lambda: dedup(folder)
    contestants["bare decode"] = lambda: bare_decode(encoder, files)
    contestants["bare model"] = lambda: bare_model(encoder, len(files))
    best = dict.fromkeys(contestants, 0.0)
    for _ in range(rounds):  # in turn, so that drift hits all alike
        for contestant, run in contestants.items():
            start = time.perf_counter()
            took = run()
            took = took if isinstance(took, float) else time.perf_counter() - start
            best[contestant] = max(best[contestant], len(files) / took)
    limit = 1 / (1 / best["bare decode"] + 1 / best["bare model"])
    print(f"\n{name}, {len(files)} photographs, {encoder.engine}{''.join(said)}")
    for contestant, rate in best.items():
        print(
            f"  {contestant:28} {rate:8.1f}/s   lookalike is {best['lookalike'] / rate:5.2f} of it"
        )
    peers = {k: v for k, v in best.items() if not k.startswith(("lookalike", "bare"))}
    peer = max(peers, key=lambda one: peers[one])
    ratio = best["lookalike"] / peers[peer]
    print(f"  best peer: {peer}; lookalike is {ratio:.2f} times as fast")
    print(f"  limit {limit:.1f}/s; lookalike is at {best['lookalike'] / limit:.3f} of it")
    print(
        f"  smallest cosine with torch in f32: {agreement(encoder, network, transform, files):.6f}"
    )


def agreement(encoder: Encoder, network: Any, transform: Any, files: list[str]) -> float:
    """Over 63 photographs, with lookalike's weights in both."""
    reference = encoder.reference() if encoder.reference else None
    assert reference is not None
    mine, theirs = encoder.encode(files[:63]).vectors, reference.encode(files[:63]).vectors
    norms = np.linalg.norm(mine, axis=1) * np.linalg.norm(theirs, axis=1)
    return float(((mine * theirs).sum(axis=1) / norms).min())


def main(photographs: str, rounds: int = 3) -> None:
    units = sorted(unit for unit in processor_flags() or () if "bf16" in unit)
    model = processor_facts().get("model name", "processor unknown")
    print(f"{model}, {usable_cores()} cores, {', '.join(units) or 'no bf16 units'}")
    originals = sorted(one for one in Path(photographs).iterdir() if one.is_file())
    for name, count in NETWORKS.items():
        with tempfile.TemporaryDirectory() as room:
            folder = Path(room) / "photographs"
            folder.mkdir()
            for number, original in enumerate(islice(cycle(originals), count)):
                shutil.copy(original, folder / f"{number:04}{original.suffix.lower()}")
            files = sorted(str(file) for file in folder.iterdir())
            rates(name, str(folder), files, rounds)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
