/** Order of API versions: `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`, then everything else by name. */

const syntax = /^v(\d+)(?:(alpha|beta)(\d+))?$/;
const stages: Record<string, number> = { alpha: 0, beta: 1 };

/** Sorts the preferred version first. */
export function compareVersions(a: string, b: string): number {
  const left = rank(a);
  const right = rank(b);
  if (left === undefined || right === undefined) {
    if (left !== right) return left === undefined ? 1 : -1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  for (const [at, value] of left.entries()) {
    const other = right[at] ?? 0;
    if (value !== other) return other - value;
  }
  return 0;
}

function rank(version: string): readonly number[] | undefined {
  const match = syntax.exec(version);
  if (match === null) return undefined;
  const [, major = "0", stage, minor = "0"] = match;
  return [stage === undefined ? 2 : (stages[stage] ?? 0), Number(major), Number(minor)];
}
