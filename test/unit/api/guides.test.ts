import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadAll } from "js-yaml";
import type { RawObject } from "../../../api/index.ts";
import { mutateCanary } from "../../../mutators/canary.ts";
import { validateMetricTemplate } from "../../../mutators/metricTemplate.ts";
import { anIndex, aReview } from "../mutators/builders.ts";

const folder = join(import.meta.dirname, "../../fixtures/guides");

/** The default provider that the guide installs. */
const providers: Readonly<Record<string, string>> = { "gatewayapi.yaml": "gatewayapi:v1", "traefik.yaml": "traefik" };

for (const file of readdirSync(folder)) {
  for (const [place, object] of (loadAll(readFileSync(join(folder, file), "utf8")) as RawObject[]).entries()) {
    test(`${object.kind} ${object.metadata.name} (${place + 1}. of ${file}) is accepted as it is in the guide, without a warning`, () => {
      const mutator = object.kind === "Canary" ? mutateCanary : validateMetricTemplate;
      const outcome = mutator(aReview(object, null), anIndex([], { provider: providers[file] ?? "" }));
      assert.deepEqual(outcome.kind === "refused" ? outcome.issues : outcome.warnings, []);
    });
  }
}
