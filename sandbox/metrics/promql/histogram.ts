interface Bucket {
  readonly upper: number;
  count: number;
}

/** The value below which the share `quantile` of observations lies, interpolated inside its bucket. As Prometheus does it. */
export function bucketQuantile(quantile: number, unsorted: readonly Bucket[]): number {
  if (Number.isNaN(quantile)) return Number.NaN;
  if (quantile < 0) return Number.NEGATIVE_INFINITY;
  if (quantile > 1) return Number.POSITIVE_INFINITY;
  const buckets = monotonic(coalesce([...unsorted].sort((a, b) => a.upper - b.upper)));
  const last = buckets.at(-1);
  if (last === undefined || last.upper !== Number.POSITIVE_INFINITY || buckets.length < 2) return Number.NaN;
  const observations = last.count;
  if (observations === 0) return Number.NaN;
  let rank = quantile * observations;
  const index = Math.max(
    0,
    buckets.slice(0, -1).findIndex((bucket) => bucket.count >= rank),
  );
  const found = buckets[index];
  const isLast =
    found === undefined || buckets.slice(0, -1).every((bucket) => bucket.count < rank || Number.isNaN(bucket.count));
  if (isLast) return buckets.at(-2)?.upper ?? Number.NaN;
  if (index === 0 && found.upper <= 0) return found.upper;
  const below = buckets[index - 1];
  const start = below?.upper ?? 0;
  let inside = found.count;
  if (below !== undefined) {
    inside -= below.count;
    rank -= below.count;
  }
  return start + (found.upper - start) * (rank / inside);
}

/** Buckets with the same bound count as one. */
function coalesce(buckets: readonly Bucket[]): Bucket[] {
  const merged: Bucket[] = [];
  for (const bucket of buckets) {
    const last = merged.at(-1);
    if (last?.upper === bucket.upper) last.count += bucket.count;
    else merged.push({ ...bucket });
  }
  return merged;
}

/** Scrapes of several targets are not taken at one instant, so counts may dip; they are raised to what was there before. */
function monotonic(buckets: Bucket[]): Bucket[] {
  let most = Number.NEGATIVE_INFINITY;
  for (const bucket of buckets) {
    if (bucket.count > most) most = bucket.count;
    else if (bucket.count < most) bucket.count = most;
  }
  return buckets;
}
