import { type Canary, keyOf, lastWriter, type ObjectRef } from "../api/index.ts";
import type { ActOptions } from "./act/lookup.ts";
import type { Action } from "./decide/types.ts";
import type { Clock } from "./kube/clock.ts";
import { refsOf } from "./observe/refs.ts";

type DriftEvent = Extract<Action, { kind: "event" }>;

/** How long drift is not told again after it was seen last, in milliseconds. */
const driftQuietMs = 600_000;

/** Which drift was told of: a tool that applies its own every few seconds is told of once, as long as it goes on. */
export interface DriftMemory {
  isNews(key: string, message: string): boolean;
  note(key: string, message: string): void;
  forget(key: string): void;
}

export function createDriftMemory(clock: Pick<Clock, "monotonicMs">): DriftMemory {
  const seen = new Map<string, readonly { readonly message: string; readonly atMs: number }[]>();
  const recent = (key: string) => {
    const now = clock.monotonicMs();
    return (seen.get(key) ?? []).filter(({ atMs }) => now - atMs < driftQuietMs);
  };
  return {
    isNews: (key, message) => !recent(key).some((each) => each.message === message),
    note: (key, message) => {
      const others = recent(key).filter((each) => each.message !== message);
      seen.set(key, [...others, { message, atMs: clock.monotonicMs() }].slice(-16));
    },
    forget: (key) => void seen.delete(key),
  };
}

/**
 * Who made the drift that these actions put right and tell of, by message. Read from the cluster before that, for afterwards it was us;
 * caches don't keep it, and only news is worth the request.
 */
export async function writersOf(
  canary: Canary,
  actions: readonly Action[],
  memory: DriftMemory,
  options: Pick<ActOptions, "api" | "meshProvider" | "signal">,
): Promise<ReadonlyMap<string, string>> {
  const key = keyOf(canary.metadata);
  const news = actions.filter(
    (action): action is DriftEvent =>
      action.kind === "event" && action.drift !== undefined && memory.isNews(key, action.message),
  );
  if (news.length === 0) return new Map();
  const refs = refsOf(canary, options.meshProvider);
  const found = await Promise.all(
    news.map(async ({ drift = "target", message }) => {
      const ref = drift === "route" ? refs.routes[0] : refs[drift];
      const live = ref && (await read(ref, options));
      return [message, lastWriter(live)] as const;
    }),
  );
  return new Map(found.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Through a list: that we may watch an object is enough for it. Nobody is named when it does not work out. */
async function read({ resource, namespace, name }: ObjectRef, { api, signal }: Pick<ActOptions, "api" | "signal">) {
  const only = { namespace, fieldSelector: `metadata.name=${name}`, signal };
  const found = await api.list(resource, only).catch(() => []);
  return found.find(({ metadata }) => metadata.name === name);
}

/** So many at once, and from then on one in so much time: whoever waits longer leaves users with what is wrong. */
interface Limit {
  readonly atOnce: number;
  readonly thenEveryMs: number;
}

/** Far more than any plan asks for: what exceeds it is a fight with somebody who writes as fast as we do. */
const anyLimit: Limit = { atOnce: 20, thenEveryMs: 500 };
/** Each of these replaces the pods that serve everybody: three in ten minutes. */
const mendLimit: Limit = { atOnce: 2, thenEveryMs: 300_000 };

/** Keeps repairs from becoming a flood when somebody takes them back at once. */
export interface Damper {
  /** Milliseconds until the action may be performed; 0 when it may now, and then it counts. */
  take(key: string, action: Action): number;
  forget(key: string): void;
}

export function createDamper(clock: Pick<Clock, "monotonicMs">): Damper {
  /** When everything that was taken will be given back, by repair and by Canary. */
  const taken = new Map<string, Map<string, number>>();
  return {
    take(key, action) {
      const name = repairName(action);
      if (name === undefined) return 0;
      const { atOnce, thenEveryMs } = action.kind === "mend" ? mendLimit : anyLimit;
      const now = clock.monotonicMs();
      const ofCanary = taken.get(key) ?? new Map<string, number>();
      taken.set(key, ofCanary);
      const givenBackAt = Math.max(ofCanary.get(name) ?? now, now) + thenEveryMs;
      const waitMs = givenBackAt - atOnce * thenEveryMs - now;
      if (waitMs > 0) return waitMs;
      ofCanary.set(name, givenBackAt);
      return 0;
    },
    forget: (key) => void taken.delete(key),
  };
}

/** What is limited on its own: one kind of repair of one object. Undefined for what nobody else can take back. */
function repairName(action: Action): string | undefined {
  switch (action.kind) {
    case "ensure":
      return `ensure/${action.object}`;
    case "shift":
    case "mend":
    case "scaleTarget":
    case "keepWish":
    case "hold":
    case "pauseScaler":
      return action.kind;
    default:
      return undefined;
  }
}
