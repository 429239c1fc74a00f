import assert from "node:assert/strict";
import { test } from "node:test";
import type { Canary } from "../../api/index.ts";
import { decide } from "../../controller/decide/decide.ts";
import { transitions } from "../../controller/decide/transitions.ts";
import type { Decide } from "../../controller/decide/types.ts";
import { decideUnsized } from "../unit/decide/unsized.ts";
import { aWorld, settlePods, type World } from "../unit/decide/world.ts";
import { arrow, type Exploration, explore, type Happening } from "./exploration.ts";
import { mistakes } from "./mistakes.ts";

/**
 * Nothing random: a world of one pod, two revisions and one step is walked through completely. `WEIR_EXPLORE=all` also deletes the
 * Canary and the target in every state, which takes minutes.
 */

const everything = process.env["WEIR_EXPLORE"] === "all";

function theWorld(analysis: Partial<Canary["spec"]["analysis"]>, provider: string): World {
  const world = aWorld({ ...analysis, threshold: 1 }, provider);
  const gate = { name: "go", type: "confirm-rollout", url: "http://tester/gate/check" } as const;
  const back = { name: "back", type: "rollback", url: "http://tester/rollback/check" } as const;
  world.spec = {
    ...world.spec,
    analysis: { ...world.spec.analysis, webhooks: [...(world.spec.analysis?.webhooks ?? []), gate, back] },
  } as Canary["spec"];
  world.target = { revision: "w1:a", replicas: 1, available: 1, health: "ready", held: false };
  return world;
}

/** While the Canary goes away nothing else is tried: the property tests do that. */
const alive = (happen: Happening["happen"]) => (world: World) => {
  if (!world.deleting) happen(world);
};

const giveUp = (who: "target" | "primary"): Happening => ({
  name: `the ${who} cannot become ready`,
  happen: alive((world) => {
    const workload = world[who];
    if (workload === undefined || workload.replicas === 0) return;
    workload.available = 0;
    workload.health = "gaveUp";
  }),
});

const write = (revision: string): Happening => ({
  name: `revision ${revision} is written`,
  happen: alive(({ target }) => {
    if (target === undefined || target.revision === revision) return;
    target.revision = revision;
    if (target.replicas > 0) target.health = "starting";
  }),
});

function letTimePass(world: World): void {
  world.now += 10_000;
}

function beginDeletion(world: World): void {
  world.deleting = world.finalizers.length > 0;
}

const happenings: readonly Happening[] = [
  { name: "time passes", happen: letTimePass },
  { name: "pods become ready", happen: settlePods },
  giveUp("target"),
  giveUp("primary"),
  write("w1:a"),
  write("w1:b"),
];

const rare: readonly Happening[] = [
  {
    name: "the route is edited",
    happen: alive((world) => {
      if (world.traffic !== undefined) world.traffic = { primary: 0, canary: 100, mirror: false };
    }),
  },
  { name: "the Canary is deleted", happen: alive(beginDeletion) },
];

const worlds = {
  "one step of weight": theWorld({ stepWeights: [50] }, "gatewayapi:v1"),
  "blue/green without a route": theWorld({ iterations: 1 }, "kubernetes"),
  ...(everything ? { "blue/green behind a route": theWorld({ iterations: 1 }, "gatewayapi:v1") } : {}),
};

const met = new Set<string>();

for (const [name, start] of Object.entries(worlds)) {
  test(`${name}: in no state a law breaks, and from every state there is a way to rest`, (t) => {
    const found = exploreFrom(start, decide, everything ? [...happenings, ...rare] : happenings);
    assert.equal(found.broken, undefined);
    assert.deepEqual(found.traps.slice(0, 1), []);
    t.diagnostic(`${found.states} states`);
    for (const transition of found.transitions) met.add(transition);
  });
}

test("a target whose size is not ours, without Services: in no state a law breaks, and from every state there is a way to rest", (t) => {
  const found = exploreFrom(worlds["one step of weight"], decideUnsized, happenings);
  assert.equal(found.broken, undefined);
  assert.deepEqual(found.traps.slice(0, 1), []);
  t.diagnostic(`${found.states} states`);
});

test("the machine makes every change of phase of docs/STATES.md, and no other", () => {
  const listed = new Set(transitions.flatMap(({ from, to }) => from.map((each) => arrow(each, to))));
  assert.deepEqual(
    [...met].filter((each) => !listed.has(each)),
    [],
    "made, but not listed",
  );
  const rarely = (each: string) => !everything && /→ Terminat(ing|ed)$/.test(each);
  // Nobody undoes a deletion here: it takes an edit of metadata that the API server alone allows.
  const unreachable = new Set(["Terminating → Initializing", "Terminated → Initializing"]);
  assert.deepEqual(
    [...listed].filter((each) => !met.has(each) && !rarely(each) && !unreachable.has(each)),
    [],
    "listed, but never made",
  );
});

test("the exploration has teeth: machines with planted mistakes are found, with the way there", () => {
  for (const [name, machine] of Object.entries(mistakes)) {
    const { broken, traps } = exploreFrom(worlds["one step of weight"], machine, happenings);
    assert.ok((broken?.story ?? traps[0] ?? []).length > 1, `not found: a machine that ${name}`);
  }
});

function exploreFrom(start: World, machine: Decide, happens: readonly Happening[]): Exploration {
  return explore({ start, decide: machine, happenings: happens, mostStates: everything ? 200_000 : 30_000 });
}
