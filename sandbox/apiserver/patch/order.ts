/** Where merged list elements end up: the patch's order, interleaved with the order the live list had. */
import { isDeepStrictEqual } from "node:util";

/**
 * Sorts `merged`: elements named in `patchOrder` in that order; the others keep their order from `liveOrder`, and stand
 * before the first patched element that came after them in the live list, or at the end.
 */
export function inServerOrder(
  merged: readonly unknown[],
  patchOrder: readonly unknown[],
  liveOrder: readonly unknown[],
  mergeKey: string | undefined,
): unknown[] {
  const place = (list: readonly unknown[], element: unknown): number =>
    list.findIndex((candidate) => isDeepStrictEqual(identity(candidate, mergeKey), identity(element, mergeKey)));
  const sorted = (elements: unknown[], order: readonly unknown[]): unknown[] =>
    elements
      .map((element) => ({ element, at: place(order, element) }))
      .sort((left, right) => (left.at < 0 || right.at < 0 ? 0 : left.at - right.at))
      .map(({ element }) => element);
  const patched = sorted(
    merged.filter((element) => place(patchOrder, element) >= 0),
    patchOrder,
  );
  const untouched = sorted(
    merged.filter((element) => place(patchOrder, element) < 0),
    liveOrder,
  );
  const ordered: unknown[] = [];
  for (const element of patched) {
    const at = place(liveOrder, element);
    while (at >= 0 && untouched.length > 0) {
      const before = place(liveOrder, untouched[0]);
      if (before < 0 || before > at) break;
      ordered.push(untouched.shift());
    }
    ordered.push(element);
  }
  return [...ordered, ...untouched];
}

function identity(element: unknown, mergeKey: string | undefined): unknown {
  return mergeKey === undefined ? element : (element as Record<string, unknown> | null)?.[mergeKey];
}
