import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

/**
 * The known acceptance scenarios that concern plain Services, the Gateway API, Traefik and Knative, autoscalers included, and the known unit-level
 * cases of what they rest on. Each is a test that has its id in its name.
 */
const groups: Record<string, readonly number[]> = {
  IST: [5, 7, 8, 9],
  NGX: [5, 6, 7, 8],
  GW: [1, 2, 3, 4, 5, 6],
  LNK: [4],
  TRF: [1, 2],
  KUB: [1, 2, 3, 4, 5, 6, 7],
  KED: [1, 2, 3, 4],
  KNA: [1, 2, 3],
  U: [8, 9, 10, 11, 12],
};

test("every known scenario has a test that is named after it", () => {
  const root = join(import.meta.dirname, "..");
  const names = globSync("**/*.test.ts", { cwd: root }).flatMap((file) =>
    [
      ...readFileSync(join(root, file), "utf8").matchAll(
        /\b(?:it|test|describe)\(\s*["'`]((?:[A-Z]+-\d+(?:, |(?=:)))+):/g,
      ),
    ].flatMap(([, ids = ""]) => ids.split(", ")),
  );
  const wanted = Object.entries(groups).flatMap(([group, numbers]) => numbers.map((number) => `${group}-${number}`));
  assert.deepEqual(
    wanted.filter((id) => !names.includes(id)),
    [],
  );
});
