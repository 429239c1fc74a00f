import type { Happening } from "./events.ts";

/** What shall be written: the message may carry a prefix, and `key` says which event it continues. */
export interface EventContent extends Happening {
  readonly key: string;
  /** Whose story it belongs to. */
  readonly story: string;
}

/** An event that was written before. */
export interface WrittenEvent {
  readonly namespace: string;
  readonly name: string;
  readonly count: number;
}

/** Keeps a noisy object from flooding the API server, by the rules that users know from other controllers. */
export interface Correlator {
  /** `undefined` when the object has used up its budget. */
  judge(happening: Happening, nowMs: number): EventContent | undefined;
  /** The event that this one repeats: the last one of its object, for a count that rises would pull an older one out of its place. */
  written(content: EventContent): WrittenEvent | undefined;
  note(content: EventContent, event: WrittenEvent): void;
}

export interface CorrelatorOptions {
  /** Different messages with the same reason that are told apart within ten minutes. */
  readonly similarLimit?: number;
  /** Events of one object at once. */
  readonly burst?: number;
  /** One more after each of these. */
  readonly refillMs?: number;
}

const SIMILAR_WINDOW_MS = 600_000;
const REMEMBERED = 4096;
const COMBINED = "(combined from similar events): ";

/**
 * Known clients fold more than 10 similar events in 10 minutes into one, and allow an object 25 at once and one per
 * 5 minutes. A release tells a story of some 20 steps under one reason, and the story must stay readable: 30 and 50 here.
 */
export function createCorrelator(options: CorrelatorOptions = {}): Correlator {
  const { similarLimit = 30, burst = 50, refillMs = 10_000 } = options;
  const budgets = new Map<string, { tokens: number; atMs: number }>();
  const groups = new Map<string, { messages: Set<string>; lastMs: number }>();
  const events = new Map<string, { readonly key: string; readonly event: WrittenEvent }>();

  const spend = (key: string, nowMs: number): boolean => {
    const budget = budgets.get(key) ?? { tokens: burst, atMs: nowMs };
    const tokens = Math.min(burst, budget.tokens + (nowMs - budget.atMs) / refillMs);
    remember(budgets, key, { tokens: tokens < 1 ? tokens : tokens - 1, atMs: nowMs });
    return tokens >= 1;
  };

  const isCrowded = (group: string, message: string, nowMs: number): boolean => {
    const known = groups.get(group);
    const messages =
      known === undefined || nowMs - known.lastMs > SIMILAR_WINDOW_MS ? new Set<string>() : known.messages;
    const crowded = !messages.has(message) && messages.size >= similarLimit;
    if (!crowded) messages.add(message);
    remember(groups, group, { messages, lastMs: nowMs });
    return crowded;
  };

  return {
    judge(happening, nowMs) {
      const { kind, metadata } = happening.object;
      const object = JSON.stringify([kind, metadata.namespace, metadata.name, metadata.uid]);
      const group = JSON.stringify([object, happening.type, happening.reason]);
      if (!spend(object, nowMs)) return undefined;
      if (!isCrowded(group, happening.message, nowMs)) {
        return { ...happening, key: JSON.stringify([group, happening.message, happening.annotations]), story: object };
      }
      return { ...happening, message: `${COMBINED}${happening.message}`, key: group, story: object };
    },
    written(content) {
      const last = events.get(content.story);
      return last?.key === content.key ? last.event : undefined;
    },
    note: (content, event) => remember(events, content.story, { key: content.key, event }),
  };
}

/** The oldest entry goes when there are too many; using one makes it young. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= REMEMBERED) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
