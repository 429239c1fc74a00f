import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { features, featuresOf, providers } from "../../../api/index.ts";

const weir = (...args: readonly string[]): string =>
  execFileSync(process.execPath, [join(import.meta.dirname, "../../../weir.mjs"), "providers", ...args], {
    encoding: "utf8",
  });

describe("weir providers", () => {
  it("says with --json what every provider supports", () => {
    const said = JSON.parse(weir("--json")) as { provider: string; supports: string[] }[];
    assert.deepEqual(
      said.map(({ provider }) => provider),
      [...providers],
    );
    for (const { provider, supports } of said) {
      assert.deepEqual(new Set(supports), featuresOf(provider), provider);
      assert.ok(supports.every((feature) => feature in features));
    }
    assert.deepEqual(said.find(({ provider }) => provider === "kubernetes")?.supports, ["blueGreen", "serviceTarget"]);
  });

  it("says it in lines for people", () => {
    assert.match(weir(), /^traefik +weights blueGreen serviceTarget$/m);
  });

  it("takes no other flag", () => {
    assert.throws(() => weir("--yaml"), { status: 2 });
  });
});
