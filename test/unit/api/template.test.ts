import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WeirError } from "../../../api/index.ts";
import { type QueryModel, renderTemplate } from "../../../api/template.ts";

const model: QueryModel = {
  name: "shop",
  namespace: "demo",
  target: "shop-app",
  service: "shop-svc",
  ingress: "shop-ing",
  route: "shop-route",
  interval: "1m",
  variables: { direction: "inbound", "my-key": "dashed", empty: "" },
};

const renders: Record<string, { template: string; want: string }> = {
  "plain text": { template: "up == 1 } }", want: "up == 1 } }" },
  "every name, with and without blanks": {
    template: "{{name}} {{ namespace }} {{ target }} {{service }} {{ ingress}} {{ route }} {{ interval }}",
    want: "shop demo shop-app shop-svc shop-ing shop-route 1m",
  },
  "braces of PromQL beside ours": {
    template: 'rate(x{ns="{{ namespace }}",pod=~"{{ target }}-.+"}[{{ interval }}])',
    want: 'rate(x{ns="demo",pod=~"shop-app-.+"}[1m])',
  },
  "a variable": { template: "{{ variables.direction }}", want: "inbound" },
  "index, also of what is not there": {
    template: '{{ index variables "my-key" }}|{{ index variables "none" }}',
    want: "dashed|",
  },
  printf: {
    template: '{{ printf "%s-%s/%d/%5.1f/%q/%v%%" name target 7 2.25 "a\\"b" true }}',
    want: 'shop-shop-app/7/  2.3/"a\\"b"/true%',
  },
  "a pipeline": { template: '{{ name | printf "%s-%s" "a" }}', want: "a-shop" },
  parentheses: { template: '{{ printf "%s" (printf "%s!" name) }}', want: "shop!" },
  "a raw literal": { template: "{{ `a{{b}}\\n` }}", want: "a{{b}}\\n" },
  "trim marks": { template: "a \n {{- name -}} \n b", want: "ashopb" },
  "a comment, trimmed": { template: "a {{- /* why }} not */ -}} b", want: "ab" },
  "if and else": { template: '{{ if eq namespace "demo" }}yes{{ else }}no{{ end }}', want: "yes" },
  "else if": {
    template: '{{ if variables.empty }}1{{ else if and name (ne name "x") }}2{{ else }}3{{ end }}',
    want: "2",
  },
  "an if within an if that is not taken": {
    template: "{{ if not name }}{{ if name }}a{{ else }}b{{ end }}{{ else }}c{{ end }}",
    want: "c",
  },
  "a branch that is not taken may name what is not set": {
    template: "{{ if false }}{{ variables.none }}{{ end }}ok",
    want: "ok",
  },
  "comparisons and len": { template: "{{ if gt (len name) 3 }}{{ if le 1 1 }}y{{ end }}{{ end }}", want: "y" },
};

const refusals: Record<string, { template: string; want: RegExp }> = {
  "an unknown word": { template: "{{ nmae }}", want: /"nmae" is not known.*known: name, namespace/ },
  "a dotted name of other templates": {
    template: "{{ .Namespace }}",
    want: /"\.Namespace" is not known, names are written without a dot/,
  },
  "a variable that is not set": {
    template: "{{ variables.none }}",
    want: /"variables\.none" is not set: add none to templateVariables/,
  },
  "a word of JavaScript's objects": { template: "{{ variables.constructor }}", want: /is not set/ },
  "a function of JavaScript's objects": {
    template: "{{ toString name }}",
    want: /"toString" is not known|takes no arguments/,
  },
  "a loop": { template: "{{ range variables }}x{{ end }}", want: /"range" (is not known|takes no arguments)|"range"/ },
  "an open brace": { template: "x {{ name", want: /"\{\{" is not closed: name/ },
  "an if without an end": { template: "{{ if name }}x", want: /no \{\{end\}\}/ },
  "an end without an if": { template: "x{{ end }}", want: /unexpected \{\{end\}\}/ },
  nothing: { template: "{{ }}", want: /missing|empty/ },
  "arguments for a name": { template: "{{ name 7 }}", want: /"name" takes no arguments/ },
  "a verb without an argument": { template: '{{ printf "%s" }}', want: /no argument for %s/ },
  "arguments too many": { template: '{{ printf "x" name }}', want: /more arguments than verbs/ },
  "a number that is none": { template: '{{ printf "%d" interval }}', want: /%d needs a number, not "1m"/ },
  "a character of no language": { template: "{{ name ; }}", want: /unexpected ";"/ },
  "a missing parenthesis": { template: "{{ printf (name }}", want: /closing parenthesis/ },
};

describe("U-8: rendering a query", () => {
  for (const [name, { template, want }] of Object.entries(renders)) {
    it(name, () => assert.equal(renderTemplate(template, model), want));
  }
  for (const [name, { template, want }] of Object.entries(refusals)) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => renderTemplate(template, model),
        (error) => error instanceof WeirError && error.code === "metrics.template" && want.test(error.message),
      );
    });
  }
  it("does not drown in depth or width", () => {
    const deep = `{{ if name }}`.repeat(10_000);
    assert.throws(() => renderTemplate(deep, model), /too many nested blocks/);
    const parentheses = `{{ ${"(".repeat(5000)}name${")".repeat(5000)} }}`;
    assert.throws(() => renderTemplate(parentheses, model), /too many nested parentheses/);
    assert.ok(renderTemplate('{{ printf "%999999999s" name }}', model).length <= 256);
  });
});
