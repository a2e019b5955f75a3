import type { Command } from "./command.ts";

/** Commands by name, in the order of the help; each is loaded when it is called. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import("./commands/run.ts")).runCommand,
  chat: async () => (await import("./commands/chat.ts")).chatCommand,
  extract: async () => (await import("./commands/extract.ts")).extractCommand,
  serve: async () => (await import("./commands/serve.ts")).serveCommand,
  models: async () => (await import("./commands/models.ts")).modelsCommand,
  pull: async () => (await import("./commands/pull.ts")).pullCommand,
  list: async () => (await import("./commands/list.ts")).listCommand,
  show: async () => (await import("./commands/show.ts")).showCommand,
  rm: async () => (await import("./commands/rm.ts")).rmCommand,
  slice: async () => (await import("./commands/slice.ts")).sliceCommand,
  tokenize: async () => (await import("./commands/tokenize.ts")).tokenizeCommand,
  bench: async () => (await import("./commands/bench.ts")).benchCommand,
  doctor: async () => (await import("./commands/doctor.ts")).doctorCommand,
  imatrix: async () => (await import("./commands/imatrix.ts")).imatrixCommand,
  quantize: async () => (await import("./commands/quantize.ts")).quantizeCommand,
  train: async () => (await import("./commands/train.ts")).trainCommand,
  demo: async () => (await import("./commands/demo.ts")).demoCommand,
};
