"""Small GGUF files written by the gguf package, for src/weights/gguf.

Run: python3 reference/quant/gguf_goldens.py   (needs gguf, numpy)
"""
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import GGUFWriter
from gguf.quants import quantize

OUT = pathlib.Path(__file__).parents[2] / "test/golden/gguf"


def fill(w: GGUFWriter) -> None:
    w.add_uint8("t.u8", 200)
    w.add_int8("t.i8", -100)
    w.add_uint16("t.u16", 60000)
    w.add_int16("t.i16", -30000)
    w.add_uint32("t.u32", 4000000000)
    w.add_int32("t.i32", -2000000000)
    w.add_float32("t.f32", 0.5)
    w.add_uint64("t.u64", 2**63 + 5)
    w.add_int64("t.i64", -(2**62))
    w.add_float64("t.f64", 1e300)
    w.add_bool("t.bool", True)
    w.add_string("t.string", "Grüße 文字 \U0001f600")
    w.add_array("t.ints", [1, -2, 3])
    w.add_array("t.floats", [0.25, -1.5])
    w.add_array("t.strings", ["a", "", "語"])
    w.add_array("t.bools", [True, False])
    w.add_array("t.nested", [[1, 2], [3]])


def main() -> None:
    rng = np.random.default_rng(7)
    w = GGUFWriter(str(OUT / "mixed.gguf"), "test")
    fill(w)
    w.add_tensor("a.weight", rng.normal(size=(3, 2, 4)).astype(np.float32))
    w.add_tensor("b.weight", rng.normal(size=(5, 8)).astype(np.float16))
    q = quantize(rng.normal(size=(2, 64)).astype(np.float32), T.Q8_0)
    w.add_tensor("c.weight", q, raw_dtype=T.Q8_0)
    w.add_tensor("d.bias", rng.normal(size=7).astype(np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()

    w = GGUFWriter(str(OUT / "split.gguf"), "test", split_max_tensors=1)
    for name in ["x", "y", "z"]:
        w.add_tensor(f"{name}.weight", np.full((2, 32), ord(name), dtype=np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


if __name__ == "__main__":
    main()
