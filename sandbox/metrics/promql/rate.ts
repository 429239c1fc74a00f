import type { Points } from "../sampleStore.ts";

/**
 * What `rate` and `increase` do: the growth between the first and the last point (counting resets as growth from 0),
 * extended towards the edges of the range. An edge that is nearer than 1.1 times the mean distance between points is reached,
 * otherwise half a distance is added; a counter is never extended below 0. As in Prometheus 2.
 */
export function extrapolatedGrowth(points: Points, from: number, to: number, counter: boolean): number | undefined {
  const { times, values } = points;
  const [firstTime, lastTime] = [times[0], times.at(-1)];
  const [first, last] = [values[0], values.at(-1)];
  if (
    times.length < 2 ||
    firstTime === undefined ||
    lastTime === undefined ||
    first === undefined ||
    last === undefined
  ) {
    return undefined;
  }
  let growth = last - first;
  if (counter) growth += lostToResets(values);
  const covered = (lastTime - firstTime) / 1000;
  const mean = covered / (times.length - 1);
  let toStart = (firstTime - from) / 1000;
  const toEnd = (to - lastTime) / 1000;
  if (counter && growth > 0 && first >= 0) toStart = Math.min(toStart, covered * (first / growth));
  const near = mean * 1.1;
  const extended = covered + (toStart < near ? toStart : mean / 2) + (toEnd < near ? toEnd : mean / 2);
  return growth * (extended / covered);
}

function lostToResets(values: readonly number[]): number {
  let lost = 0;
  for (let index = 1; index < values.length; index++) {
    const before = values[index - 1] ?? 0;
    if ((values[index] ?? 0) < before) lost += before;
  }
  return lost;
}

/** Growth per second between the last two points. */
export function instantRate(points: Points): number | undefined {
  const [before, last] = points.values.slice(-2);
  const [beforeTime, lastTime] = points.times.slice(-2);
  if (before === undefined || last === undefined || beforeTime === undefined || lastTime === undefined)
    return undefined;
  return (last < before ? last : last - before) / ((lastTime - beforeTime) / 1000);
}
