/** The part of validation that holds with no webhook running: schema and CEL of the installed definitions. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type CanarySpec, canaryResource, WeirError } from "../../api/index.ts";
import { aCanary } from "../unit/mutators/builders.ts";
import { ruleCases } from "../unit/mutators/canaryCases.ts";
import { type ReleaseCluster, startReleaseCluster } from "./release/cluster.ts";

describe("the definitions alone", () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startReleaseCluster();
    await cluster.addNamespace("demo");
  });
  after(() => cluster.stop());

  /** Fields that the API server blames. */
  async function blamed(spec: object): Promise<readonly string[]> {
    const { status: _, ...canary } = aCanary({ spec: spec as Partial<CanarySpec> });
    try {
      await cluster.api.create(canaryResource, canary, { dryRun: true });
      return [];
    } catch (error) {
      if (!(error instanceof WeirError) || error.answer?.status !== 422) throw error;
      return error.answer.causes.map(({ field }) => field ?? "");
    }
  }

  for (const { mistake, wrong, right, refusal } of ruleCases) {
    it(`refuse a Canary when ${mistake}`, async () => {
      const fields = await blamed(wrong);
      assert.ok(fields.includes(refusal.slice(0, refusal.indexOf(": "))), fields.join(", "));
      assert.deepEqual(await blamed(right), []);
    });
  }
});
