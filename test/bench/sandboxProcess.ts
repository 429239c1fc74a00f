/** A sandbox as a process of its own, and what it takes of the machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

export async function startSandboxProcess(): Promise<{ child: ChildProcess; startMs: number; kubeconfig: string }> {
  const begun = performance.now();
  const child = spawn(process.execPath, ["weir.mjs", "sandbox", "--json", "--no-prometheus"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.setEncoding("utf8");
  let said = "";
  while (!said.includes("\n")) said += String((await once(child.stdout, "data"))[0]);
  return { child, startMs: Math.round(performance.now() - begun), kubeconfig: JSON.parse(said).kubeconfig };
}

export interface Use {
  /** The most that was in memory. */
  readonly memoryMegabytes: number;
  /** Of one processor, which the process shares with its clients. */
  readonly processorPercent: number;
}

const MEMORY_EVERY_MS = 100;
const TICKS_PER_SECOND = 100;

/** What a process has in memory now, in MB (a million bytes). */
export function memoryMegabytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Math.round((Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024) / 1e6);
}

/** Seconds of processor time that a process has taken so far. */
export function processorSeconds(pid: number | undefined): number {
  const [, user, system] = /\) (?:\S+ ){11}(\d+) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

/** Resident memory and processor time of a process, from the system. */
export function watchUse(pid: number | undefined): { stop(): Use } {
  let most = 0;
  const look = (): void => {
    most = Math.max(most, memoryMegabytes(pid));
  };
  const [begun, usedBefore] = [performance.now(), processorSeconds(pid)];
  const timer = setInterval(look, MEMORY_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      look();
      const processorPercent = Math.round(
        ((processorSeconds(pid) - usedBefore) * 100_000) / (performance.now() - begun),
      );
      return { memoryMegabytes: most, processorPercent };
    },
  };
}
