import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CanaryHook, Phase } from "../../../api/index.ts";
import { decide } from "../../../controller/decide/decide.ts";
import type { Decision } from "../../../controller/decide/types.ts";
import { answer, aWorld, observe, pass, runToRest, type World } from "./world.ts";

const hook = (type: CanaryHook["type"]): CanaryHook => ({ name: `${type}`, type, url: "http://tester/" }) as CanaryHook;

function aWorldWith(...types: CanaryHook["type"][]): World {
  const world = aWorld({ stepWeight: 50, maxWeight: 50, webhooks: [hook("rollback"), ...types.map(hook)] });
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  return world;
}

/** Passes until nothing happens for now; returns the hooks that were asked, and when the next look is due. */
function settle(world: World): { readonly asked: readonly string[]; readonly wakeAfterMs: number | undefined } {
  for (let count = 0; count < 30; count++) {
    const asked: string[] = [];
    const decision: Decision = pass(world, {
      decide(seen) {
        const decided = decide(seen);
        for (const question of decided.questions) if (question.kind === "hook") asked.push(question.hook.name);
        return decided;
      },
    });
    if (decision.actions.length === 0) return { asked, wakeAfterMs: decision.wakeAfterMs };
  }
  throw new Error("it never stands still");
}

describe("a release that stands still asks its rollback hooks more than once a second", () => {
  const standing: Record<
    string,
    { types: CanaryHook["type"][]; phase: Phase; asked: string[]; go: (world: World) => void }
  > = {
    "before it begins": {
      types: ["confirm-rollout"],
      phase: "Waiting",
      asked: ["confirm-rollout", "rollback"],
      go: () => undefined,
    },
    "before its pods are ready": { types: [], phase: "Progressing", asked: ["rollback"], go: () => undefined },
    "before its first share": {
      types: ["confirm-traffic-increase"],
      phase: "Progressing",
      asked: ["confirm-traffic-increase", "rollback"],
      go: (world) => {
        settle(world);
        if (world.target !== undefined) Object.assign(world.target, { health: "ready", available: 1 });
      },
    },
  };
  for (const [name, { types, phase, asked, go }] of Object.entries(standing)) {
    it(name, () => {
      const world = aWorldWith(...types);
      world.gatesOpen = false;
      go(world);
      settle(world);
      world.now += 3_000;
      settle(world);
      assert.equal(world.status?.phase, phase);
      assert.deepEqual(settle(world), { asked, wakeAfterMs: 750 });
      // A rollback hook of this world says yes while gates are closed and checks fail.
      world.metricsGood = false;
      runToRest(world, decide);
      assert.equal(world.status?.phase, "Failed");
      assert.equal(world.status?.lastAppliedSpec, "w1:b");
      assert.equal(world.status?.lastPromotedSpec, "w1:a");
      assert.equal(world.target?.replicas, 0);
      assert.deepEqual(world.traffic, { primary: 100, canary: 0, mirror: false });
    });
  }

  it("and says so in the phase of the call", () => {
    const world = aWorldWith("confirm-rollout");
    world.gatesOpen = false;
    settle(world);
    const { questions } = decide(observe(world));
    assert.deepEqual(
      questions.map((question) => question.kind === "hook" && [question.hook.name, question.phase, question.release]),
      ["confirm-rollout", "rollback"].map((each) => [each, "Waiting", { revision: "w1:b" }]),
    );
    assert.deepEqual(
      questions.map((question) => answer(world, question).kind),
      ["hook", "hook"],
    );
  });
});

describe("hooks before the first share", () => {
  it("pre-rollout hooks are not called again while a gate behind them is closed", () => {
    const world = aWorldWith("confirm-traffic-increase");
    world.gatesOpen = false;
    settle(world);
    if (world.target !== undefined) Object.assign(world.target, { health: "ready", available: 1 });
    settle(world);
    world.now += 60_000;
    const { asked } = settle(world);
    assert.deepEqual(asked, ["confirm-traffic-increase", "rollback"]);
    assert.equal(world.events.filter((text) => text === "Pre-rollout check smoke passed").length, 1);
    world.gatesOpen = true;
    settle(world);
    assert.equal(world.status?.canaryWeight, 50);
  });
});
