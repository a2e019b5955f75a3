/** Words of the block through which the first thread hands calls to the others. */
export const CONTROL = { generation: 0, done: 1, count: 2, calls: 16 } as const;
/** Words of one thread's call: kernel index, then arguments. */
export const CALL_WORDS = 48;
export const CONTROL_BYTES = 4096;

/** What a thread of the team starts from. */
export interface TeamStart {
  readonly memory: WebAssembly.Memory;
  readonly modules: readonly WebAssembly.Module[];
  /** i32 words, see CONTROL. */
  readonly control: SharedArrayBuffer;
  readonly names: readonly string[];
  /** 0 is the thread that hands out calls. */
  readonly part: number;
}

type Kernel = (...args: readonly number[]) => void;

/** The kernels of all modules over the one memory, in the order of `names`. */
export function instantiateAll({ memory, modules, names }: TeamStart): readonly Kernel[] {
  const exported: Record<string, Kernel> = {};
  for (const module of modules) {
    Object.assign(exported, new WebAssembly.Instance(module, { env: { memory } }).exports);
  }
  return names.map((name) => exported[name]);
}
