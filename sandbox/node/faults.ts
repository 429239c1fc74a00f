/** Misbehaviour on request: by a suffix of the image tag (`6.0.1-error`) or by the env variable FAULT. Pure. */

export interface Faults {
  /** Share of requests, 0 to 1, that are answered with 500. Health checks and metrics are spared. */
  readonly errorShare: number;
  readonly delayMs: number;
  /** Exits with code 1 so long after its start. */
  readonly crashAfterMs: number | undefined;
  readonly failReadiness: boolean;
  readonly failLiveness: boolean;
}

export const NO_FAULTS: Faults = Object.freeze({
  errorShare: 0,
  delayMs: 0,
  crashAfterMs: undefined,
  failReadiness: false,
  failLiveness: false,
});

const BY_SUFFIX: readonly (readonly [suffix: string, fault: string])[] = [
  ["-fail-readiness", "fail-readiness"],
  ["-fail-liveness", "fail-liveness"],
  ["-crash", "crash-after:0s"],
  ["-slow", "delay:750ms"],
  ["-error", "error:0.5"],
];

/** Faults of a container. FAULT adds to what the tag asks for: `error:0.5,delay:300ms,crash-after:3s,fail-readiness`. */
export function faultsOf(tag: string, env: Readonly<Record<string, string>>): Faults {
  const byTag = BY_SUFFIX.find(([suffix]) => tag.endsWith(suffix))?.[1] ?? "";
  const wishes = `${byTag},${env["FAULT"] ?? ""}`.split(",").filter((wish) => wish !== "");
  return wishes.length === 0 ? NO_FAULTS : wishes.reduce(withFault, NO_FAULTS);
}

function withFault(faults: Faults, wish: string): Faults {
  const [name = "", value = ""] = wish.trim().split(":");
  switch (name) {
    case "error":
      return { ...faults, errorShare: Math.min(1, Math.max(0, value === "" ? 1 : Number(value) || 0)) };
    case "delay":
      return { ...faults, delayMs: durationMs(value) ?? 0 };
    case "crash":
    case "crash-after":
      return { ...faults, crashAfterMs: durationMs(value) ?? 0 };
    case "fail-readiness":
      return { ...faults, failReadiness: true };
    case "fail-liveness":
      return { ...faults, failLiveness: true };
    default:
      return faults;
  }
}

/** Milliseconds of `300ms`, `3s`, `1.5`, `2m`; seconds when there is no unit. */
export function durationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim());
  if (match === null) return undefined;
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] ?? "s"] ?? 1000;
  return Number(match[1]) * unit;
}
