// Quantises a file in a process of its own and prints by how many bytes its resident memory rose. usage: node quantise-child.ts IN OUT PRESET
import { openFileSource } from "../../io/node/file-source.ts";
import { processPeakBytes } from "../../io/node/process-peak.ts";
import { openCheckpoint } from "../../weights/open-checkpoint.ts";
import { isQuantisePreset } from "../mixture.ts";
import { fileSink } from "../node/file-sink.ts";
import { quantiseFile } from "../quantise-file.ts";

const [input, output, preset = ""] = process.argv.slice(2);
if (!isQuantisePreset(preset)) throw new Error(`${preset} is no preset`);
const checkpoint = await openCheckpoint(await openFileSource(input));
const before = process.memoryUsage.rss();
await quantiseFile(checkpoint, await fileSink(output), preset);
await checkpoint.close();
process.stdout.write(`${processPeakBytes() - before}`);
