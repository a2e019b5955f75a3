import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";

/** Processor time since some fixed moment, all in the same unit. */
export interface CpuSample {
  /** Of everything on the machine, time stolen by other machines on the same host included. */
  readonly busy: number;
  readonly total: number;
  /** Of this process, its threads and its descendants. */
  readonly own: number;
}

/** Reads the machine's counters: ticks from /proc where there is one, else milliseconds without descendants. */
export function sampleCpu(): CpuSample {
  if (!existsSync("/proc/stat")) return sampleWithoutProc();
  const ticks = readFileSync("/proc/stat", "utf8").split("\n", 1)[0].split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((a, b) => a + b, 0);
  const [, , , idle, waiting] = ticks;
  return { busy: total - idle - waiting, total, own: ownTicks(process.pid, readProcesses()) };
}

/** Share of the whole machine, 0 to 1, that other processes used between two samples. */
export function othersShare(before: CpuSample, after: CpuSample): number {
  const total = after.total - before.total;
  if (total <= 0) return 0;
  return Math.max(0, (after.busy - before.busy - (after.own - before.own)) / total);
}

function sampleWithoutProc(): CpuSample {
  const times = cpus().map(({ times }) => times);
  const sumOf = (key: "user" | "nice" | "sys" | "idle" | "irq"): number =>
    times.reduce((sum, one) => sum + one[key], 0);
  const busy = sumOf("user") + sumOf("nice") + sumOf("sys") + sumOf("irq");
  const { user, system } = process.cpuUsage();
  return { busy, total: busy + sumOf("idle"), own: (user + system) / 1000 };
}

interface ProcessTicks {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

/** Parses /proc/<pid>/stat: the name stands in parentheses and may hold spaces and parentheses itself. */
export function parseProcessStat(pid: number, text: string): ProcessTicks {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  // fields[0] is the state, number 3 in proc(5): utime, stime, cutime, cstime are 14 to 17
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid, parent: Number(fields[1]), ticks };
}

function readProcesses(): readonly ProcessTicks[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [parseProcessStat(Number(name), readFileSync(`/proc/${name}/stat`, "utf8"))];
    } catch {
      return []; // it ended between the listing and the reading
    }
  });
}

/** Ticks of a process and all below it; those that ended are counted by the parent that waited for them. */
export function ownTicks(root: number, processes: readonly ProcessTicks[]): number {
  const mine = processes.find(({ pid }) => pid === root)?.ticks ?? 0;
  return processes
    .filter(({ parent }) => parent === root)
    .reduce((sum, child) => sum + ownTicks(child.pid, processes), mine);
}
