import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ErrorCode, WeirError } from "../../../api/errors.ts";
import type { RawObject } from "../../../api/object.ts";
import { readJsonLines } from "../../../controller/kube/jsonLines.ts";
import { type Input, readEvent, startListing, step, type WatchState } from "../../../controller/kube/watchState.ts";

const COMPARE_AFTER_MS = 600_000;
const anObject = (version: string): RawObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a", namespace: "demo", resourceVersion: version },
});
const failed = (code: ErrorCode): Input => ({ kind: "failed", error: new WeirError(code, "retry", "x"), livedMs: 0 });
const watching = { kind: "watching", version: "100", listedAtMs: 0 } as const;

interface Case {
  readonly name: string;
  readonly state?: WatchState;
  readonly input: Input;
  readonly nowMs?: number;
  /** The state afterwards, in short. */
  readonly now: string;
  readonly commands: readonly string[];
}

const cases: readonly Case[] = [
  {
    name: "a change moves the version on",
    input: { kind: "changed", object: anObject("101") },
    now: "watching from 101",
    commands: ["put", "advance"],
  },
  {
    name: "a change that is older than what we saw is stored, and the version stays",
    input: { kind: "changed", object: anObject("99") },
    now: "watching from 100",
    commands: ["put"],
  },
  {
    name: "a deletion moves the version on",
    input: { kind: "deleted", object: anObject("102") },
    now: "watching from 102",
    commands: ["remove", "advance"],
  },
  {
    name: "a bookmark moves the version on",
    input: { kind: "bookmark", version: "1000" },
    now: "watching from 1000",
    commands: ["advance"],
  },
  {
    name: "an ordinary end goes on at once",
    input: { kind: "ended", livedMs: 300_000, heard: false },
    now: "watching from 100",
    commands: [],
  },
  {
    name: "an end at once, without a word, is a failure in disguise",
    input: { kind: "ended", livedMs: 10, heard: false },
    now: "watching from 100",
    commands: ["backOff"],
  },
  {
    name: "an end at once after some news is none",
    input: { kind: "ended", livedMs: 10, heard: true },
    now: "watching from 100",
    commands: [],
  },
  {
    name: "an end long after the last list is the time to compare",
    input: { kind: "ended", livedMs: 300_000, heard: true },
    nowMs: COMPARE_AFTER_MS,
    now: "listing, comparing to 100",
    commands: [],
  },
  {
    name: "a version that is gone lists at once",
    input: failed("api.gone"),
    nowMs: 60_000,
    now: "listing",
    commands: [],
  },
  {
    name: "a version the server doesn't understand lists",
    input: failed("api.invalid"),
    now: "listing",
    commands: ["backOff"],
  },
  { name: "a kind that was taken away lists", input: failed("api.notFound"), now: "listing", commands: ["backOff"] },
  {
    name: "a broken connection resumes",
    input: failed("api.unreachable"),
    now: "watching from 100",
    commands: ["backOff"],
  },
  {
    name: "a list that fails is tried again where it was",
    state: { ...startListing(), kind: "listing", next: "token" } as WatchState,
    input: failed("api.unavailable"),
    now: "listing from token",
    commands: ["backOff"],
  },
];

function inShort(state: WatchState): string {
  if (state.kind === "watching") return `watching from ${state.version}`;
  const comparing = state.compareTo === undefined ? "" : `, comparing to ${state.compareTo}`;
  return `listing${state.next === undefined ? "" : ` from ${state.next}`}${comparing}`;
}

describe("the protocol of list and watch", () => {
  for (const { name, state = watching, input, nowMs = 0, now, commands } of cases) {
    it(name, () => {
      const result = step(state, input, nowMs, COMPARE_AFTER_MS);
      assert.equal(inShort(result.state), now);
      assert.deepEqual(
        result.commands.map((command) => command.kind),
        commands,
      );
    });
  }

  const strange: [string, unknown][] = [
    ["nothing", null],
    ["a number", 7],
    ["no object", { type: "ADDED" }],
    ["an object without a name", { type: "ADDED", object: { metadata: {} } }],
    ["a bookmark without a version", { type: "BOOKMARK", object: { metadata: {} } }],
    ["an unknown type", { type: "PAINTED", object: anObject("1") }],
  ];
  for (const [name, line] of strange) {
    it(`an event that is ${name} is a failure`, () => {
      const input = readEvent(
        line,
        () => anObject("1"),
        () => new WeirError("api.gone", "conflict", "x"),
      );
      assert.equal(input.kind === "failed" && input.error.code, "api.protocol");
    });
  }
});

describe("lines of JSON", () => {
  const read = async (chunks: readonly string[], longest?: number): Promise<unknown[]> => {
    async function* stream(): AsyncGenerator<Buffer> {
      for (const chunk of chunks) yield Buffer.from(chunk);
    }
    const lines: unknown[] = [];
    for await (const line of readJsonLines(stream(), longest)) lines.push(line);
    return lines;
  };

  it("come out whole, however they were cut, without blank ones and without a last half", async () => {
    assert.deepEqual(await read(['{"a":', "1}\n{", '"b":2}\n\n\r\n{"c":3', '}\n{"d']), [{ a: 1 }, { b: 2 }, { c: 3 }]);
  });

  it("are refused when one has no end", async () => {
    await assert.rejects(read(["x".repeat(60), "x".repeat(60)], 100), { code: "api.protocol" });
    assert.equal((await read(['"short"\n', '"short"\n'.repeat(50)], 100)).length, 51);
  });
});
