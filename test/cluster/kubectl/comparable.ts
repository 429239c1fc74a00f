/** What differs from run to run, taken out of what a program prints. */
const rules: readonly (readonly [RegExp, string])[] = [
  [/\{\{(\w+)(:\d+)?\}\}/g, "<$1>"],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<uid>"],
  [/"?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|<time>)"?/g, "<time>"],
  [/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000/g, "<date>"],
  [/(resourceVersion: )"?(\d+|<rv>)"?/gi, "$1<rv>"],
  [/("resourceVersion": )"(\d+|<rv>)"/g, "$1<rv>"],
  [/(Resource Version: +)\d+/g, "$1<rv>"],
  [/\b\d+\.\d+\.\d+\.\d+\b|<clusterIP>/g, "<ip>"],
  // Ages: of a column, or in brackets behind what happened several times.
  [/(?<=^|\s|\()(\d+m)?\d+(\.\d+)?m?s(?=\s|\)|$)/gm, "<age>"],
  // Which hash a template has depends on the version of the controllers; then there are five letters of a pod's own.
  [/\b(podinfo|scratch)-[bcdfghjklmnpqrstvwxz24-9]{6,10}(-[bcdfghjklmnpqrstvwxz24-9]{5})?\b/g, "$1-<generated>"],
  [/(pod-template-hash=)\S+/g, "$1<hash>"],
  [/\bkube-api-access-[a-z0-9]{5}\b/g, "kube-api-access-<suffix>"],
  [/^([-+ ] {2}generation: )\d+$/gm, "$1<generation>"],
  [/^([-+ ] {4}deployment.kubernetes.io\/revision: )"\d+"$/gm, "$1<revision>"],
  [/^diff -u.*\n/gm, ""],
  [/^(---|\+\+\+) \S*?(LIVE|MERGED)-(\d+|<random>)\/(\S+)\t.*$/gm, "$1 $2 $4"],
  [/"\S*\/kubectl[\w.-]*-edit-\S+\.yaml"/g, '"<tmp>/kubectl-edit.yaml"'],
  // Newer versions name ports, and say where they deleted.
  [/(\d+\/TCP) \([a-z]+\)$/gm, "$1"],
  [/ deleted from \S+ namespace$/gm, " deleted"],
  // Columns are as wide as their longest cell, which may be one of the above.
  [/(?<=[^\s+-]) {2,}/g, "  "],
  [/ +$/gm, ""],
];

/** The text as it is alike in every run. `namespace` is called `demo`, as in the recordings. */
export function comparable(text: string, namespace: string): string {
  const renamed = text.replaceAll(namespace, "demo");
  return rules.reduce((changed, [pattern, replacement]) => changed.replace(pattern, replacement), renamed);
}
