import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { load } from "js-yaml";
import { analysisOf, type Canary, shortfalls, strategyOf } from "../../api/index.ts";
import { gatewayApiV1Router } from "../../controller/routers/gatewayapi.ts";

const folder = join(import.meta.dirname, "..", "..", "examples", "gatewayapi", "strategies");
const read = (path: string): Canary => load(readFileSync(path, "utf8")) as Canary;

const strategies: Readonly<Record<string, (canary: Canary) => unknown>> = {
  "ab-testing.yaml": (canary) => strategyOf(canary) === "ab-testing",
  "mirroring.yaml": (canary) => strategyOf(canary) === "blue-green" && analysisOf(canary).mirror,
  "session-affinity.yaml": (canary) => strategyOf(canary) === "canary" && analysisOf(canary).sessionAffinity,
};

describe("the strategies among the examples", () => {
  it("are these", () => assert.deepEqual(readdirSync(folder).sort(), Object.keys(strategies)));

  for (const [file, isIt] of Object.entries(strategies))
    it(`${file} is what it is called, can be routed, and differs from the first example in its analysis alone`, () => {
      const canary = read(join(folder, file));
      assert.ok(isIt(canary));
      assert.deepEqual(shortfalls(canary, "gatewayapi:v1"), []);
      assert.equal(
        gatewayApiV1Router.obstacle(canary, () => undefined),
        undefined,
      );
      const { analysis: _, ...rest } = canary.spec;
      const { analysis: __, ...first } = read(join(folder, "..", "canary.yaml")).spec;
      assert.deepEqual(rest, first);
    });
});
