"""Writes a GGUF file again with every tensor in float32, by llama.cpp's own Python package.

    python dequantise.py SmolLM2-135M-Instruct.Q4_1.gguf smollm2-f32.gguf

Needs gguf==0.19.0 and numpy. llama.cpp rounds activations to 8 bit for quantised weights; on this file it computes in float32.
"""

import sys

import numpy
from gguf import GGUFReader, GGUFValueType, GGUFWriter, quants

FLOAT32_FILE = 0  # general.file_type: all F32


def main(source: str, target: str) -> None:
    reader = GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = GGUFWriter(target, architecture)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        value = FLOAT32_FILE if field.name == "general.file_type" else field.contents()
        kind = field.types[0]
        inner = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, value, kind, sub_type=inner)
    for tensor in reader.tensors:
        values = quants.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, numpy.ascontiguousarray(values, dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main(*sys.argv[1:3])
