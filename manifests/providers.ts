import { type Feature, features, featuresOf, providers } from "../api/index.ts";

/** Every provider with what it supports, in the order of the lists in api/. */
export const supported: readonly { readonly provider: string; readonly supports: readonly Feature[] }[] = providers.map(
  (provider) => ({ provider, supports: all().filter((feature) => featuresOf(provider).has(feature)) }),
);

function all(): readonly Feature[] {
  return Object.keys(features) as Feature[];
}

/** docs/PROVIDERS.md. */
export function providersDocument(): string {
  const rows = all().map((feature) => {
    const marks = providers.map((provider) => (featuresOf(provider).has(feature) ? "●" : " "));
    return `| ${features[feature]} | ${marks.join(" | ")} |`;
  });
  return [
    "# What each provider can do",
    "",
    "Written by `npm run manifests` from api/features.ts; `npm run weir -- providers --json` says the same to programs. A Canary that asks its provider for",
    "a way of releasing that is not marked here is refused when it is written, with the names of those that can.",
    "",
    `| | ${providers.map((provider) => `\`${provider}\``).join(" | ")} |`,
    `|---|${providers.map(() => ":-:|").join("")}`,
    ...rows,
    "",
  ].join("\n");
}

const help = `weir providers: what each provider of traffic can do.

  --json    as an array of {"provider", "supports"}
`;

/** `weir providers`. */
export async function main(args: readonly string[]): Promise<number> {
  const [flag, ...more] = args;
  if (more.length > 0 || (flag !== undefined && flag !== "--json" && flag !== "--help")) {
    process.stderr.write(`weir providers: what is ${JSON.stringify(more[0] ?? flag)}?\n\n${help}`);
    return 2;
  }
  process.stdout.write(
    flag === "--help" ? help : flag === "--json" ? `${JSON.stringify(supported, null, 2)}\n` : table(),
  );
  return 0;
}

function table(): string {
  const width = Math.max(...providers.map((provider) => provider.length));
  return supported.map(({ provider, supports }) => `${provider.padEnd(width)}  ${supports.join(" ")}\n`).join("");
}
