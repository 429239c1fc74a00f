import type { Phase } from "../../api/index.ts";
import type { Decide } from "../../controller/decide/types.ts";
import { pass, type World } from "../unit/decide/world.ts";
import { hold } from "./laws.ts";

/** One thing that can happen in the abstract world; where it cannot, it leaves the world as it is. */
export interface Happening {
  readonly name: string;
  readonly happen: (world: World) => void;
}

export interface ExploreOptions {
  readonly start: World;
  readonly decide: Decide;
  readonly happenings: readonly Happening[];
  /** More states than this is a mistake of the test: the world is not small. */
  readonly mostStates: number;
}

export interface Exploration {
  readonly states: number;
  /** Every change of phase that was met, as `from → to`. */
  readonly transitions: ReadonlySet<string>;
  /** The first law that broke, and the shortest way there. */
  readonly broken: { readonly law: string; readonly story: readonly string[] } | undefined;
  /** Stories that lead to states from which no rest can be reached, whatever happens. */
  readonly traps: readonly (readonly string[])[];
}

/** Ages above this make no difference to the machine, in milliseconds: the interval, and more than drain time and grace. */
const oldMs = 10_000;

interface Node {
  readonly world: World;
  /** Revisions whose last round of checks was good. */
  readonly passed: ReadonlySet<string>;
  readonly from: Node | undefined;
  readonly by: string;
  readonly before: Node[];
}

type Pass = { readonly name: string; readonly good: boolean; readonly open: boolean; readonly crashAfter?: number };

const passes: readonly Pass[] = [
  { name: "a pass", good: true, open: true },
  { name: "a pass, gates closed", good: true, open: false },
  { name: "a pass, checks fail", good: false, open: true },
  { name: "a pass, checks fail and gates closed", good: false, open: false },
  { name: "the process dies after one action", good: true, open: true, crashAfter: 1 },
  { name: "the process dies after two actions", good: true, open: true, crashAfter: 2 },
];

/**
 * Every state of a small world that can be reached, breadth first: in each the machine takes a pass, with every answer and with
 * crashes, and everything happens that can. States that differ only in how long ago something was are one.
 */
export function explore({ start, decide, happenings, mostStates }: ExploreOptions): Exploration {
  const transitions = new Set<string>();
  const known = new Map<string, Node>();
  const queue: Node[] = [];
  let broken: Exploration["broken"];
  const visit = (world: World, passed: ReadonlySet<string>, from: Node | undefined, by: string): void => {
    const normal = withoutHistory(world);
    const key = JSON.stringify([{ ...normal, spec: undefined }, [...passed].sort()]);
    const node = known.get(key) ?? { world: normal, passed, from, by, before: [] };
    if (from !== undefined) node.before.push(from);
    if (known.has(key)) return;
    known.set(key, node);
    queue.push(node);
  };
  const attempt = (node: Node, each: Pass): void => {
    const world = { ...copyOf(node.world), metricsGood: each.good, gatesOpen: each.open };
    const ledger = { passed: new Set(node.passed), accepted: new Set<string>() };
    try {
      pass(world, {
        decide,
        ...(each.crashAfter === undefined ? {} : { crashAfter: each.crashAfter }),
        onAction: (action, seen, answers) => {
          hold(world, action, seen, answers, ledger);
          if (action.kind !== "status") return;
          const [before, after] = [seen.canary.status?.phase ?? "", action.status.phase ?? ""];
          if (before !== after) transitions.add(arrow(before, after));
        },
      });
    } catch (error) {
      broken ??= { law: String(error), story: [...storyOf(node), each.name] };
      return;
    }
    if (!world.gone) visit(world, ledger.passed, node, each.name);
  };
  visit(start, new Set(), undefined, "the start");
  for (let at = 0; broken === undefined && at < queue.length; at += 1) {
    const node = queue[at] as Node;
    for (const each of passes) attempt(node, each);
    for (const { name, happen } of happenings) {
      const world = copyOf(node.world);
      happen(world);
      visit(world, node.passed, node, name);
    }
    if (known.size > mostStates) throw new Error(`more than ${mostStates} states: the world is not small`);
  }
  return { states: known.size, transitions, broken, traps: broken === undefined ? trapsIn(queue) : [] };
}

export function arrow(from: Phase, to: Phase): string {
  return `${from || "(none)"} → ${to}`;
}

/** States from which no resting phase can be reached: what reaches rest is walked backwards. */
function trapsIn(nodes: readonly Node[]): readonly (readonly string[])[] {
  const restful = nodes.filter(({ world }) =>
    ["Initialized", "Succeeded", "Failed", "Terminated"].includes(world.status?.phase ?? ""),
  );
  const safe = new Set(restful);
  for (const node of safe) for (const before of node.before) safe.add(before);
  return nodes.filter((node) => !safe.has(node)).map(storyOf);
}

/** Workloads and Services change in place, everything else is replaced. */
function copyOf(world: World): World {
  const { target, primary, services, scaler } = world;
  return {
    ...world,
    services: { ...services },
    scaler: { ...scaler },
    events: [],
    alerts: [],
    target: target && { ...target },
    primary: primary && { ...primary },
  };
}

/** The same world, with every time told as an age, and without what the machine does not look at. */
function withoutHistory(world: World): World {
  const now = Date.parse("2026-01-01T00:01:00Z");
  const aged = (time: number): number => now - (world.now - time >= oldMs ? oldMs : 0);
  const { status, lastRoundAt } = world;
  return {
    ...world,
    now,
    events: [],
    alerts: [],
    metricsGood: true,
    gatesOpen: true,
    lastRoundAt: lastRoundAt === undefined ? undefined : aged(lastRoundAt),
    status: status && {
      ...status,
      ...(status.lastTransitionTime === undefined
        ? {}
        : { lastTransitionTime: new Date(aged(Date.parse(status.lastTransitionTime))).toISOString() }),
      conditions: (status.conditions ?? []).map(({ lastUpdateTime: _, lastTransitionTime: __, ...said }) => said),
    },
  };
}

function storyOf(node: Node): readonly string[] {
  const story: string[] = [];
  for (let each: Node | undefined = node; each !== undefined; each = each.from) story.unshift(each.by);
  return story;
}
