import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..", "..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

function provedRows(file: string): readonly string[] {
  const rows = read(file)
    .split("\n")
    .filter((line) => line.includes("| `test/"));
  assert.ok(rows.length > 10);
  return rows;
}

test("every way of writing that the guide of admission lists names a test that exists", () => {
  for (const row of provedRows("docs/ADMISSION.md")) {
    const [, file = "", name = ""] = /\| `(test\/[^`]+)` › (.+) \|$/.exec(row) ?? [];
    assert.ok(existsSync(join(root, file)), `${file} does not exist: ${row}`);
    assert.ok(read(file).includes(`"${name}"`), `no test "${name}" in ${file}`);
    // A way, and what happens at rest, during a release, before the primary serves.
    assert.equal(row.replaceAll("\\|", "").split("|").length, 7, row);
  }
});

test("every difference names a test that exists", () => {
  for (const row of provedRows("docs/DIFFERENCES.md")) {
    const [, file = "", name] = /\| `(test\/[^`]+)`(?: › (.+?))? \|$/.exec(row) ?? [];
    assert.ok(existsSync(join(root, file)), `${file} does not exist: ${row}`);
    // Names that a loop makes are written with placeholders; a word of the row is then enough.
    if (name !== undefined && !name.startsWith("deletion "))
      assert.ok(read(file).includes(`"${name}"`), `no test "${name}" in ${file}`);
  }
});

test("links between the documents lead somewhere", () => {
  for (const file of [
    "README.md",
    "CONTRIBUTING.md",
    "docs/ADMISSION.md",
    "docs/ARCHITECTURE.md",
    "docs/DIFFERENCES.md",
    "sandbox/README.md",
  ]) {
    for (const [, target = ""] of read(file).matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      assert.ok(existsSync(join(root, file, "..", target)), `${file} links to ${target}`);
    }
  }
});

test("make help lists every target, and every target of the README exists", () => {
  const makefile = read("Makefile");
  for (const [, target = ""] of read("README.md").matchAll(/\bmake ([a-z]+)/g))
    assert.match(makefile, new RegExp(`^${target}:.*## `, "m"));
});
