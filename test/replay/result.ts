/** How one step of one scenario came out. */
export interface StepResult {
  /** `http/table`, `webhooks/deny`. */
  readonly scenario: string;
  readonly step: number;
  readonly about: string;
  /** Empty: as recorded. */
  readonly differences: readonly string[];
}
