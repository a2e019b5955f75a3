/**
 * Adds to package-lock.json the optional per-platform packages that the registry mirror in use does not carry.
 * npm leaves those out when it writes the lock, and `npm ci` then refuses the lock on every machine.
 * Run after each `npm install`; a package added here has no integrity, so npm checks it by version alone.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface LockedPackage {
  version?: string;
  optional?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const SYSTEMS = ["android", "darwin", "freebsd", "netbsd", "openbsd", "openharmony", "linux", "sunos", "aix", "win32"];
const CPUS = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/** The os, cpu and libc that a platform package's name speaks of, or undefined where it names no system. */
export function platformOf(name: string): Pick<LockedPackage, "os" | "cpu" | "libc"> | undefined {
  const words = name.slice(name.indexOf("/") + 1).split("-");
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = CPUS.find((candidate) => words.includes(candidate));
  if (os === undefined || cpu === undefined) return undefined;
  const tail = words.at(-1) ?? "";
  const libc =
    os !== "linux" ? undefined : tail.startsWith("musl") ? "musl" : tail.startsWith("gnu") ? "glibc" : undefined;
  return { os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }) };
}

/** Returns the packages with the missing optional ones added, and their names. */
export function completeLock(packages: Record<string, LockedPackage>): {
  packages: Record<string, LockedPackage>;
  added: string[];
} {
  const added: Record<string, LockedPackage> = {};
  for (const owner of Object.values(packages)) {
    for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`;
      const platform = platformOf(name);
      // a range cannot be locked without asking the registry; platform packages are pinned exactly
      if (path in packages || platform === undefined || !/^\d/.test(version)) continue;
      added[path] = { version, ...platform, ...(owner.dev === true ? { dev: true } : {}), optional: true };
    }
  }
  const all = { ...packages, ...added };
  return {
    packages: Object.fromEntries(
      Object.keys(all)
        .sort()
        .map((key) => [key, all[key] ?? {}]),
    ),
    added: Object.keys(added),
  };
}

if (process.argv[1] === import.meta.filename) {
  const url = new URL("../package-lock.json", import.meta.url);
  const lock: { packages: Record<string, LockedPackage> } = JSON.parse(readFileSync(url, "utf8"));
  const { packages, added } = completeLock(lock.packages);
  writeFileSync(url, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
  console.log(`package-lock.json: ${added.length} packages added ${added.join(" ")}`);
}
