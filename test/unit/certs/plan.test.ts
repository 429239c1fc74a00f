import assert from "node:assert/strict";
import { test } from "node:test";
import { type Authorities, type Authority, bundleOf, leafLifeMs, planStep, type Seen } from "../../../certs/plan.ts";

const day = 86_400_000;
const born = new Date("2026-01-01T00:00:00Z");
const after = (ms: number) => new Date(born.getTime() + ms);

function anAuthority(name: string, days = 300): Authority {
  return { cert: `${name}\n`, key: `key of ${name}`, notBefore: born, notAfter: after(days * day) };
}
const [old, current, next] = [anAuthority("old"), anAuthority("current"), anAuthority("next", 900)];

function seen(authorities: Authorities | undefined, parts: Partial<Seen> = {}): Seen {
  return {
    authorities,
    published: authorities === undefined ? [] : [bundleOf(authorities), bundleOf(authorities)],
    leaf: { authority: current.cert, renewAt: after(60 * day) },
    now: after(day),
    ...parts,
  };
}

const late = after(201 * day);
const fresh = { authority: current.cert, renewAt: after(1000 * day) };
const noted = { current, next: { authority: next, publishedAt: late } };
const promoted = { current, previous: { cert: old.cert, until: after(100 * day) } };

const cases: Readonly<Record<string, readonly [Seen, object]>> = {
  "nothing is stored": [seen(undefined), { kind: "create" }],
  "the authority has ended": [seen({ current }, { now: after(300 * day) }), { kind: "create" }],
  "the authority has ended and the next was prepared": [
    seen({ current, next: { authority: next } }, { now: after(300 * day) }),
    { kind: "promote", write: { current: next } },
  ],
  "nothing is served": [seen({ current }, { leaf: undefined }), { kind: "reissue", authority: current }],
  "what is served is of the previous authority": [
    seen({ current }, { leaf: { ...fresh, authority: old.cert } }),
    { kind: "reissue", authority: current },
  ],
  "two thirds of the leaf's life are over": [
    seen({ current }, { now: after(60 * day) }),
    { kind: "reissue", authority: current },
  ],
  "serving, and not yet to be published": [seen({ current }, { published: undefined }), { kind: "wait" }],
  "one configuration trusts nobody": [
    seen({ current }, { published: ["current\n", ""] }),
    { kind: "publish", bundle: "current\n" },
  ],
  "all is well": [seen({ current }), { kind: "wait" }],
  "two thirds of the authority's life are over": [
    seen({ current }, { now: late, leaf: fresh }),
    { kind: "prepare", keep: { current } },
  ],
  "the next authority is not published": [
    seen({ current, next: { authority: next } }, { published: ["current\n"], now: late, leaf: fresh }),
    { kind: "publish", bundle: "current\nnext\n" },
  ],
  "the next authority is in every configuration": [
    seen({ current, next: { authority: next } }, { now: late, leaf: fresh }),
    { kind: "note", write: noted },
  ],
  "API servers may not know it yet": [
    seen(noted, { now: new Date(late.getTime() + 119_000), leaf: fresh }),
    { kind: "wait" },
  ],
  "an older bundle was written meanwhile": [
    seen(noted, { published: ["current\nnext\n", "current\n"], now: late, leaf: fresh }),
    { kind: "forget", write: { current, next: { authority: next } } },
  ],
  "API servers know it": [
    seen(noted, { now: new Date(late.getTime() + 120_000), leaf: fresh }),
    {
      kind: "promote",
      write: {
        current: next,
        previous: { cert: current.cert, until: new Date(late.getTime() + 240_000 + leafLifeMs) },
      },
    },
  ],
  "leaves of the previous authority may be served": [seen(promoted), { kind: "wait" }],
  "the last leaf of the previous authority has ended": [
    seen(promoted, { now: after(100 * day), leaf: fresh }),
    { kind: "drop", write: { current } },
  ],
};

for (const [name, [given, want]] of Object.entries(cases)) {
  test(name, () => assert.deepEqual(planStep(given), want));
}
