/** Gives the index of the next choice, or -1 when every weight is 0. */
export type Wheel = () => number;

/**
 * Smooth weighted round robin: after any number of turns each share is off by less than one turn per choice, and the turns of
 * a small weight are spread out instead of bunched. So a backend at 5% of 100 requests gets 5, not "about 5".
 */
export function createWheel(weights: readonly number[]): Wheel {
  const positive = weights.map((weight) => Math.max(0, weight));
  const total = positive.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return () => -1;
  const credit = positive.map(() => 0);
  return () => {
    let best = -1;
    for (let index = 0; index < positive.length; index++) {
      const weight = positive[index] ?? 0;
      if (weight === 0) continue;
      credit[index] = (credit[index] ?? 0) + weight;
      if (best < 0 || (credit[index] ?? 0) > (credit[best] ?? 0)) best = index;
    }
    credit[best] = (credit[best] ?? 0) - total;
    return best;
  };
}

/** Wheels by rule: a rule that is read again with the same weights goes on where it was. */
export function createWheels(): (id: string, weights: readonly number[]) => Wheel {
  const kept = new Map<string, { key: string; wheel: Wheel }>();
  return (id, weights) => {
    const key = weights.join(",");
    const known = kept.get(id);
    if (known?.key === key) return known.wheel;
    const wheel = createWheel(weights);
    kept.set(id, { key, wheel });
    return wheel;
  };
}
