import type { Router } from "./router.ts";

/** Blue/green by Services alone: the apex Service always selects the primary, so there is nothing to route. */
export const kubernetesRouter: Router = {
  provider: "kubernetes",
  obstacle: () => undefined,
  watches: () => [],
  read: () => undefined,
  fit: () => "fits",
  render: () => [],
  release: () => [],
};
