import assert from "node:assert/strict";
import { test } from "node:test";
import { type Analysis, alertProviderSpecSchema } from "../../../api/index.ts";
import { noticeOf } from "../../../controller/notifiers/notice.ts";
import type { Mailbox } from "../../../controller/notifiers/notifier.ts";
import { notifiers } from "../../../controller/notifiers/registry.ts";
import { aCanary } from "../aCanary.ts";

const release = { revision: "w1:b", user: "jane <jane@example.com>", manager: "helm" };
const canary = aCanary().analysis({ stepWeight: 5, maxWeight: 50, threshold: 4 }).status({ release }).build();
const good = {
  severity: "info",
  message: "New revision detected, progressing canary analysis.",
  detailed: true,
} as const;
const bad = { severity: "error", message: "Failed checks threshold reached 4", detailed: false } as const;

const fields = [
  { name: "Cluster", value: "east" },
  { name: "Target", value: "Deployment/shop.demo" },
  { name: "Failed checks threshold", value: "4" },
  { name: "Progress deadline", value: "600s" },
  { name: "Traffic routing", value: "Weight step: 5 max: 50" },
  { name: "Changed by", value: "jane <jane@example.com> with helm" },
];

const inSlacksWords = (color: string, message: string, shown: typeof fields) => ({
  channel: "general",
  username: "flagger",
  icon_url: "",
  icon_emoji: ":rocket:",
  attachments: [
    {
      color,
      author_name: "shop.demo",
      text: message,
      mrkdwn_in: ["text"],
      fields: shown.map(({ name, value }) => ({ title: name, value, short: false })),
    },
  ],
});

const inTeamsWords = (themeColor: string, message: string, facts: typeof fields) => ({
  "@type": "MessageCard",
  "@context": "http://schema.org/extensions",
  themeColor,
  summary: "shop.demo",
  sections: [{ activityTitle: message, activitySubtitle: "shop.demo", facts }],
});

const inCards = (message: string, shown: typeof fields) => ({
  cards: [
    {
      header: { title: "Flagger", subtitle: "shop.demo", imageUrl: "https://flagger.app/favicon.png" },
      sections: [
        message,
        ...shown.map(({ name, value }) => {
          const text = value.replace("<", "&lt;").replace(">", "&gt;");
          return `${name}<br><font color=#848484><strong>${text}</strong></font>`;
        }),
      ].map((text) => ({ widgets: [{ textParagraph: { text } }] })),
    },
  ],
});

/** Good news with everything, then bad news without details. */
const bodies: Readonly<Record<string, readonly [object, object]>> = {
  slack: twice((color, message, shown) => inSlacksWords(color, message, shown), "good", "danger"),
  discord: twice((color, message, shown) => inSlacksWords(color, message, shown), "good", "danger"),
  rocket: twice((color, message, shown) => inSlacksWords(color, message, shown), "#0076D7", "#FF0000"),
  msteams: twice((color, message, shown) => inTeamsWords(color, message, shown), "0076D7", "FF0000"),
  gchat: twice((_color, message, shown) => inCards(message, shown), "", ""),
};

function twice(
  body: (color: string, message: string, shown: typeof fields) => object,
  goodColour: string,
  badColour: string,
): readonly [object, object] {
  const [cluster, author] = [fields[0], fields.at(-1)];
  assert.ok(cluster !== undefined && author !== undefined);
  return [body(goodColour, good.message, fields), body(badColour, bad.message, [cluster, author])];
}

const mailbox = (type: string, address = "https://chat.example/hooks/1"): Mailbox => ({
  type,
  address,
  channel: "general",
  username: "flagger",
});

test("every type of AlertProvider has its notifier", () => {
  assert.deepEqual([...notifiers.keys()], [...alertProviderSpecSchema.properties.type.enum]);
});

for (const [type, expected] of Object.entries(bodies)) {
  test(`${type} gets good and bad news in its own form`, () => {
    const notifier = notifiers.get(type);
    assert.ok(notifier);
    const sent = [good, bad].map((alert) => notifier(noticeOf(canary, alert, "east"), mailbox(type)).body);
    assert.deepEqual(sent, expected);
  });
}

test("Slack's token is sent as such; nobody else gets one", () => {
  for (const [type, notifier] of notifiers) {
    const { headers } = notifier(noticeOf(canary, good, ""), { ...mailbox(type), token: "xoxb-1" });
    assert.deepEqual(headers, type === "slack" ? { authorization: "Bearer xoxb-1" } : {}, type);
  }
});

test("Discord is spoken to in Slack's words at /slack, which is not said twice", () => {
  const urls = ["https://d.example/api/1/t", "https://d.example/api/1/t/", "https://d.example/api/1/t/slack?wait=true"];
  const sent = urls.map((url) => notifiers.get("discord")?.(noticeOf(canary, good, ""), mailbox("discord", url)).url);
  assert.deepEqual(sent, [
    "https://d.example/api/1/t/slack",
    "https://d.example/api/1/t/slack",
    "https://d.example/api/1/t/slack?wait=true",
  ]);
});

test("how traffic is routed is told in the known words, and what is not known is no field", () => {
  const match = [{ headers: { "x-canary": { exact: "1" } } }];
  const cases: readonly (readonly [Partial<Analysis>, string | undefined])[] = [
    [{ iterations: 3 }, "Blue/Green"],
    [{ iterations: 3, match }, "A/B Testing"],
    [{ stepWeight: 10, maxWeight: 30 }, "Weight step: 10 max: 30"],
    [{ stepWeights: [1, 2, 10] }, "Weight steps: 1,2,10 max: 0"],
    [{}, undefined],
  ];
  for (const [analysis, routing] of cases) {
    const told = noticeOf(
      { ...canary, spec: { ...canary.spec, analysis: analysis as Analysis }, status: {} },
      good,
      "",
    );
    assert.equal(told.fields.find(({ name }) => name === "Traffic routing")?.value, routing);
    assert.equal(
      told.fields.some(({ name }) => name === "Changed by" || name === "Cluster"),
      false,
    );
  }
});
