/** What the domain's types look like once they have been JSON. */

/** Times are text. */
export type Wire<T> = {
  readonly [Name in keyof T]: T[Name] extends Date ? string : T[Name] extends Date | null ? string | null : T[Name];
};
