/** How the requests for one canary are split. Whole percents; `primary + canary` is 100. */
export interface Traffic {
  readonly primary: number;
  readonly canary: number;
  /** Requests to the primary are copied to the canary, whose answers are dropped. */
  readonly mirror: boolean;
}

/** A route that its data plane has not taken over. */
export interface NotAccepted {
  /** The known text. */
  readonly notAccepted: string;
  /** It has taken an earlier version, and just not looked at this one yet. */
  readonly pending?: boolean;
  /** The split that is written there. */
  readonly written?: Traffic;
}

/** Whether an object that we generate is as it should be. Weights of a route do not count here: see `Traffic`. */
export type Fit = "absent" | "differs" | "fits";

/** Whether a workload can serve. `why` completes the known event text `… not ready: {why}`. */
export type Readiness =
  | { readonly ready: true }
  | {
      readonly ready: false;
      readonly why: string;
      /** False: waiting longer will not help (deadline exceeded). */
      readonly retriable: boolean;
      /** What keeps it is known to be no matter of moments: it is told at once. */
      readonly stuck?: true;
      /** The status has not caught up with the spec: a matter of moments, and no news. */
      readonly settling?: true;
      /** When to look again even if nothing changes (a deadline runs out), in milliseconds since the epoch. */
      readonly recheckAt?: number;
    };
