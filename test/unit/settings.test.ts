import assert from "node:assert/strict";
import { test } from "node:test";
import type { WeirError } from "../../api/index.ts";
import { parseSettings, type Settings } from "../../controller/settings.ts";

const parsed = (flags: readonly string[], env: Readonly<Record<string, string>> = {}): Settings =>
  parseSettings(flags, env) as Settings;

test("nobody is told globally unless a flag says who", () => {
  const { globalAlerts, eventWebhook, clusterName } = parsed([]);
  assert.deepEqual(
    { globalAlerts, eventWebhook, clusterName },
    { globalAlerts: undefined, eventWebhook: "", clusterName: "" },
  );
});

test("global alerts go to Slack, to Teams where both are named; the environment wins over flags", () => {
  const flags = ["-slack-url=https://slack.example", "-slack-channel", "ops", "-slack-proxy-url=http://proxy.example"];
  const slack = { type: "slack", address: "https://slack.example", channel: "ops", username: "flagger" };
  assert.deepEqual(parsed(flags).globalAlerts, { ...slack, proxy: "http://proxy.example" });
  const env = {
    SLACK_URL: "https://other.example",
    SLACK_TOKEN: "xoxb-1",
    SLACK_PROXY_URL: "http://other-proxy.example",
  };
  assert.deepEqual(parsed(flags, env).globalAlerts, {
    ...slack,
    address: env.SLACK_URL,
    token: env.SLACK_TOKEN,
    proxy: env.SLACK_PROXY_URL,
  });
  const teams = parsed([...flags, "-msteams-url=https://teams.example", "-msteams-proxy-url=http://p.example"]);
  assert.deepEqual(
    [teams.globalAlerts?.type, teams.globalAlerts?.address, teams.globalAlerts?.proxy],
    ["msteams", "https://teams.example", "http://p.example"],
  );
  assert.equal(parsed([], { MSTEAMS_URL: "https://teams.example" }).globalAlerts?.type, "msteams");
  assert.equal(parsed(["--event-webhook=http://a/"], { EVENT_WEBHOOK_URL: "http://b/" }).eventWebhook, "http://b/");
});

test("Slack without a channel is refused at once: later it would lose every alert", () => {
  assert.throws(
    () => parsed(["-slack-url=https://slack.example"]),
    (error: WeirError) => {
      assert.equal(error.code, "config.invalid");
      assert.match(error.message, /--slack-channel/);
      return true;
    },
  );
});
