/** Names that the query of a MetricTemplate may use; `variables.x` beside them. */
const names = ["name", "namespace", "target", "service", "ingress", "route", "interval"];

/** What is wrong with a query as a template, in words; empty when it renders. Source of the grammar: the known behaviour. */
export function queryMistakes(query: string): readonly string[] {
  const mistakes = new Set<string>();
  let from = 0;
  for (;;) {
    const open = query.indexOf("{{", from);
    if (open === -1) {
      return [...mistakes];
    }
    const close = query.indexOf("}}", open + 2);
    if (close === -1) {
      mistakes.add("a {{ is not closed: add }}");
      return [...mistakes];
    }
    const mistake = actionMistake(query.slice(open + 2, close));
    if (mistake !== undefined) {
      mistakes.add(mistake);
    }
    from = close + 2;
  }
}

function actionMistake(action: string): string | undefined {
  const inner = action.replace(/^- /, "").replace(/ -$/, "").trim();
  if (
    names.includes(inner) ||
    /^variables\.[A-Za-z_][A-Za-z0-9_]*$/.test(inner) ||
    (inner.startsWith("/*") && inner.endsWith("*/"))
  ) {
    return undefined;
  }
  const shown = inner.length > 40 ? `${inner.slice(0, 39)}…` : inner;
  return `{{ ${shown} }} is not known: use ${names.join(", ")} or variables.<name>`;
}
