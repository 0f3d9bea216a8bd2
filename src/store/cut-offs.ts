/**
 * Where an instance that the bus does not reach says so to the others, who reach the same store: what it accepts they do not
 * hear, and nothing else would tell them.
 */
export interface CutOffs {
  /** Says so of an instance, for so many milliseconds. @throws {StoreUnavailable} */
  say(instance: string, milliseconds: number): Promise<void>;
  /** It is reached again. @throws {StoreUnavailable} */
  unsay(instance: string): Promise<void>;
  /** Whether it is said of any other instance. @throws {StoreUnavailable} */
  others(instance: string): Promise<boolean>;
}
