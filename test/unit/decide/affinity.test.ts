import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import type { Action } from "../../../controller/decide/types.ts";
import { aWorld, runToRest, type World } from "./world.ts";

const sessionAffinity = { cookieName: "sid", primaryCookieName: "psid" };
const stepwise = { stepWeight: 20, maxWeight: 40, sessionAffinity };

/** Releases the revision; returns what was written, in order: statuses by weight and cookies, splits by the canary's share. */
function release(world: World, revision: string): readonly (readonly unknown[])[] {
  const written: (readonly unknown[])[] = [];
  if (world.target !== undefined) world.target.revision = revision;
  runToRest(world, decide, 400, (action: Action) => {
    if (action.kind === "shift") written.push(["route", action.traffic.canary]);
    if (action.kind === "status") {
      const { phase, canaryWeight, sessionAffinityCookie: cookie } = action.status;
      written.push([phase, canaryWeight, cookie === undefined || cookie === "" ? "" : "cookie"]);
    }
  });
  return written;
}

function anInitialized(analysis: Parameters<typeof aWorld>[0], provider?: string): World {
  const world = aWorld(analysis, provider);
  runToRest(world, decide);
  return world;
}

describe("the cookies of session affinity", () => {
  it("are in the status before the route can hand them out, and until nobody gets them any more", () => {
    const world = anInitialized(stepwise);
    assert.deepEqual(release(world, "w1:b"), [
      ["Progressing", 0, ""],
      ["Progressing", 20, "cookie"],
      ["route", 20],
      ["Progressing", 40, "cookie"],
      ["route", 40],
      ["Promoting", 40, "cookie"],
      ["Finalising", 0, ""],
      ["route", 0],
      ["Succeeded", 0, ""],
    ]);
    assert.match(world.status?.previousSessionAffinityCookie ?? "", /^sid=[0-9a-f]{20}$/);
    assert.match(world.status?.primarySessionAffinityCookie ?? "", /^psid=[0-9a-f]{20}$/);
  });

  it("are others in every run, also of the same revision", () => {
    const world = anInitialized(stepwise);
    const seen = new Set<string | undefined>();
    for (const revision of ["w1:b", "w1:c", "w1:b"]) {
      release(world, revision);
      const { previousSessionAffinityCookie, primarySessionAffinityCookie } = world.status ?? {};
      seen.add(previousSessionAffinityCookie?.replace("sid=", ""));
      seen.add(primarySessionAffinityCookie?.replace("psid=", ""));
    }
    assert.equal(seen.size, 6);
  });

  it("are taken away by a rollback", () => {
    const world = anInitialized(stepwise);
    world.metricsGood = true;
    if (world.target !== undefined) world.target.revision = "w1:b";
    runToRest(world, decide, 400, (action) => {
      if (action.kind === "status" && action.status.canaryWeight === 40) world.metricsGood = false;
    });
    assert.equal(world.status?.phase, "Failed");
    assert.equal(world.status?.sessionAffinityCookie, "");
    assert.match(world.status?.previousSessionAffinityCookie ?? "", /^sid=/);
  });

  const without: Record<string, { analysis: Parameters<typeof aWorld>[0]; provider: string }> = {
    "nobody asks for them": { analysis: { stepWeight: 20 }, provider: "gatewayapi:v1" },
    "the provider cannot set them": { analysis: stepwise, provider: "traefik" },
    "a test chooses its clients itself": {
      analysis: { iterations: 1, match: [{ headers: { a: { exact: "b" } } }], sessionAffinity },
      provider: "gatewayapi:v1",
    },
  };
  for (const [name, { analysis, provider }] of Object.entries(without))
    it(`are not made where ${name}`, () => {
      const world = anInitialized(analysis, provider);
      assert.ok(release(world, "w1:b").every(([, , cookie]) => cookie !== "cookie"));
      assert.equal(world.status?.phase, "Succeeded");
      assert.equal(world.status?.previousSessionAffinityCookie, undefined);
    });

  it("are the canary's alone where the provider has none for the primary", () => {
    const world = anInitialized(stepwise, "gatewayapi:v1beta1");
    release(world, "w1:b");
    assert.match(world.status?.previousSessionAffinityCookie ?? "", /^sid=/);
    assert.equal(world.status?.primarySessionAffinityCookie, undefined);
  });
});
