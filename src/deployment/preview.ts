import type { Badges } from './badges.ts';

/** What the front door knows of a preview, looked up by the first label of the host. */
export type Preview =
  | {
      readonly state: 'serving';
      readonly name: string;
      /** Name of the instance that gets the traffic. */
      readonly instance: string;
      readonly endpoint: { readonly host: string; readonly port: number };
      /** What its Dagster is told of its changes; undefined while these are not known. */
      readonly badges?: () => Badges | undefined;
    }
  | {
      readonly state: 'starting' | 'failed' | 'stopped';
      readonly name: string;
      /** For people: "group/project !7". */
      readonly title: string;
      readonly mergeRequestUrl: string;
      /** Why it is in this state, in a sentence. */
      readonly message: string;
      /** Last lines of the revision's log, without colours. */
      readonly log: readonly string[];
    };
