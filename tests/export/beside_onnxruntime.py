"""Inference in a browser beside onnxruntime-web's WebAssembly.

``python -m tests.export.beside_onnxruntime DIST``, where DIST is the folder ``dist`` of the package
onnxruntime-web (``npm pack onnxruntime-web``).  One page, in a headless Chromium, has both on one thread with
the same model, calls them in turns, and says the least time of each.
"""

from __future__ import annotations

import argparse
import base64
import tempfile
from pathlib import Path

import graphlib
from graphlib.export import webassembly
from graphlib.export.portable import library_of

from .browser import Browser
from .models import MODELS, rng

PAGE = """<!doctype html><meta charset="utf-8"><body><script type="module">
const bytes = (t) => Uint8Array.from(atob(t), (c) => c.charCodeAt(0));
const load = (() => { MODULE; return load; })();
const ours = await load(bytes("WASM").buffer);
const ort = await import(URL.createObjectURL(new Blob([bytes("BUNDLE")], { type: "text/javascript" })));
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmBinary = bytes("ORT").buffer;
const session = await ort.InferenceSession.create(bytes("ONNX"), { executionProviders: ["wasm"] });
const x = new Float32Array(N * 784).map((_, k) => ((k * 2654435761) % 1000) / 1000);
const shaped = Object.assign(x.slice(), { shape: [N, 784] });
const tensor = new ort.Tensor("float32", x, [N, 784]);
const feeds = { [session.inputNames[0]]: tensor };
window.contest = async () => {
  const mine = ours.predict(shaped);
  const theirs = (await session.run(feeds))[session.outputNames[0]].data;
  const p = Object.values(mine)[0];
  const worst = p.reduce((m, v, k) => Math.max(m, Math.abs(v - theirs[k])), 0);
  const best = [1e9, 1e9];
  for (let round = 0; round < 15; round++) {
    let begun = performance.now();
    for (let k = 0; k < TIMES; k++) ours.predict(shaped);
    best[0] = Math.min(best[0], (performance.now() - begun) / TIMES);
    begun = performance.now();
    for (let k = 0; k < TIMES; k++) await session.run(feeds);
    best[1] = Math.min(best[1], (performance.now() - begun) / TIMES);
  }
  return [worst, ...best];
};
document.body.dataset.ready = "1";
</script>"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.export.beside_onnxruntime", description=__doc__)
    parser.add_argument("dist", type=Path)
    options = parser.parse_args()
    bundle = (options.dist / "ort.wasm.bundle.min.mjs").read_bytes()
    runtime = (options.dist / "ort-wasm-simd-threaded.wasm").read_bytes()
    for name, batches in (("mlp", (1, 64)), ("lenet", (1,))):
        case = MODELS[name]()
        predict = case.functions["predict"]
        for shared in predict.get_shared():
            # the tutorials' last layers begin with zeros
            shape = shared.get_value(borrow=True).shape
            if not shared.get_value(borrow=True).any():
                shared.set_value(rng.normal(scale=0.1, size=shape).astype("float32"))
        function = graphlib.function(predict.inputs, predict.outputs[1], name="predict")
        lib = library_of({"predict": function}, "model", {"x": (64, 784)}, None, "updated", "static")
        for n in batches:
            with tempfile.TemporaryDirectory() as folder:
                # the newest that onnxruntime-web reads
                graphlib.onnx.save(function, Path(folder) / "model.onnx", opset=21)
                onnx = (Path(folder) / "model.onnx").read_bytes()
                text = PAGE.replace("MODULE", _module(lib)).replace("TIMES", "50" if n == 1 else "5")
                text = text.replace("N * 784", f"{n} * 784").replace("[N, 784]", f"[{n}, 784]")
                wasm = webassembly.binary(lib)
                parts = {"WASM": wasm, "BUNDLE": bundle, "ORT": runtime, "ONNX": onnx}
                for mark, data in parts.items():
                    text = text.replace(f'"{mark}"', f'"{base64.b64encode(data).decode()}"')
                path = Path(folder) / "page.html"
                path.write_text(text)
                with Browser(path) as page:
                    worst, ours, theirs = page.value("contest()")
                    print(
                        f"{name}, {n} at once: exported {1e3 * ours:.0f} us, onnxruntime-web "
                        f"{1e3 * theirs:.0f} us; outputs differ by at most {worst:.1e}",
                        flush=True,
                    )
                assert 0 < worst < 1e-4


def _module(lib) -> str:
    return (
        webassembly.module(lib)
        .replace("export async function", "async function")
        .replace("import.meta.url", "location")
    )


if __name__ == "__main__":
    main()
