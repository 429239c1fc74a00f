/** What may be a name, a label or a port, in the words of the API server. */
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const qualifiedPart = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const configKey = /^[-._a-zA-Z0-9]+$/;

const regex = (pattern: string): string => `regex used for validation is '${pattern}')`;
const atMost = (length: number): string => `must be no more than ${length} characters`;
const labelPattern = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
  `with an alphanumeric character (e.g. 'example.com', ${regex(`${labelPattern}(\\.${labelPattern})*`)}`;
const labelText =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
  `alphanumeric character (e.g. 'my-name',  or '123-abc', ${regex(labelPattern)}`;
const wildcardText =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case " +
  `alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', ${regex(`\\*\\.${labelPattern}(\\.${labelPattern})*`)}`;
const qualifiedText =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  `(e.g. 'MyName',  or 'my.name',  or '123-abc', ${regex("([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")}`;
const labelValueText =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with " +
  `an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', ${regex("(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")}`;
const configKeyText =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or " +
  `'key-name', ${regex("[-._a-zA-Z0-9]+")}`;

/** Each rule returns what is wrong with a value; an empty list when nothing is. */
export type NameRule = (value: string) => string[];

function rule(pattern: RegExp, text: string, longest: number): NameRule {
  return (value) => [...(value.length > longest ? [atMost(longest)] : []), ...(pattern.test(value) ? [] : [text])];
}

export const isSubdomain: NameRule = rule(subdomain, subdomainText, 253);
export const isLabel: NameRule = rule(label, labelText, 63);
export const isLabelValue: NameRule = rule(labelValue, labelValueText, 63);
export const isConfigKey: NameRule = rule(configKey, configKeyText, 253);

export const isWildcardSubdomain: NameRule = (value) =>
  value.startsWith("*.") && subdomain.test(value.slice(2)) ? [] : [wildcardText];

/** Keys of labels and annotations: `name` or `domain/name`. */
export const isQualifiedName: NameRule = (value) => {
  const parts = value.split("/");
  if (parts.length > 2) {
    return [
      `a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', ${regex("([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const [name = "", prefix] = parts.reverse();
  const problems: string[] = [];
  if (prefix === "") problems.push("prefix part must be non-empty");
  else if (prefix !== undefined) problems.push(...isSubdomain(prefix).map((problem) => `prefix part ${problem}`));
  if (name === "") problems.push("name part must be non-empty");
  else if (name.length > 63) problems.push(`name part ${atMost(63)}`);
  if (!qualifiedPart.test(name)) problems.push(qualifiedText);
  return problems;
};

/** RBAC names: anything that is one segment of a path. */
export const isPathSegment: NameRule = (value) => {
  if (value === "." || value === "..") return [`may not be '${value}'`];
  return ["/", "%"].filter((bad) => value.includes(bad)).map((bad) => `may not contain '${bad}'`);
};

/** Names of ports: at most 15 characters, with a letter among them. */
export const isPortName: NameRule = (value) => {
  const problems: string[] = [];
  if (value.length > 15) problems.push(atMost(15));
  if (!/^[-a-z0-9]+$/.test(value))
    problems.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (!/[a-z]/.test(value)) problems.push("must contain at least one letter (a-z)");
  if (value.includes("--")) problems.push("must not contain consecutive hyphens");
  if (value.startsWith("-") || value.endsWith("-")) problems.push("must not begin or end with a hyphen");
  return problems;
};

export function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65535;
}

export const portRange = "must be between 1 and 65535, inclusive";
