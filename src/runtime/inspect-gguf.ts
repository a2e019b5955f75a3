import type { InspectGguf } from "../io/hub/pick-files.ts";
import { readGgufHeader } from "../weights/gguf/read-header.ts";

/** Reads a GGUF file's architecture, to tell a language model from a vision tower. */
export const inspectGguf: InspectGguf = async (source, signal) => {
  const { metadata } = await readGgufHeader(source, signal);
  const value = metadata.get("general.architecture");
  return { architecture: value?.type === "string" ? value.value : "" };
};
