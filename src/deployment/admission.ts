/**
 * The places of `BD_MAX_RUNNING`, and the queue for them. A deployment holds one place while any of its instances is there, however
 * many these are: a redeploy runs two beside each other within one place, so a full house can always be redeployed.
 */

/** A deployment as the house knows it. */
export interface Resident {
  readonly deploymentId: number;
  readonly projectId: number;
  /** Merge request, within its project. */
  readonly iid: number;
}

export interface House {
  /** How many places there are. Fewer than `holders` where the setting was lowered: then nobody gets one until enough are gone. */
  readonly limit: number;
  readonly holders: readonly Resident[];
  /** In the order in which they came. */
  readonly waiting: readonly Resident[];
}

/** Whether a deployment that holds a place, or waits, may start an instance now: the first in line have the free places, whoever asks first. */
export function admits(house: House, deploymentId: number): boolean {
  const isHis = ({ deploymentId: id }: Resident) => id === deploymentId;
  return house.holders.some(isHis) || nextInLine(house).some(isHis);
}

/** Those who have a free place waiting for them. */
export function nextInLine({ limit, holders, waiting }: House): readonly Resident[] {
  return waiting.slice(0, Math.max(0, limit - holders.length));
}

/** Place in the queue, from 1; undefined where the deployment does not wait. */
export function placeInQueue(house: House, deploymentId: number): number | undefined {
  const index = house.waiting.findIndex((one) => one.deploymentId === deploymentId);
  return index < 0 ? undefined : index + 1;
}

/** What somebody who waits can be told. */
export interface QueuePlace {
  /** From 1. */
  readonly place: number;
  readonly limit: number;
  /** Merge requests of the same project that hold places, ascending, with how many. */
  readonly holders: ReadonlyArray<{ readonly iid: number; readonly places: number }>;
  /** Places that other projects hold: their names are not for everybody. */
  readonly elsewhere: number;
}

/** The place of a deployment in the queue, and who holds the places; null where it does not wait. */
export function describePlace(house: House, deployment: { readonly id: number; readonly projectId: number }) {
  const place = placeInQueue(house, deployment.id);
  if (place === undefined) return null;
  const own = house.holders.filter(({ projectId }) => projectId === deployment.projectId);
  const places = new Map<number, number>();
  for (const { iid } of own) places.set(iid, (places.get(iid) ?? 0) + 1);
  const holders = [...places].map(([iid, count]) => ({ iid, places: count })).sort((a, b) => a.iid - b.iid);
  return { place, limit: house.limit, holders, elsewhere: house.holders.length - own.length } satisfies QueuePlace;
}

const MAX_NAMED = 30;

/**
 * Who holds the places, for instance "!12, !15 (2 places) and 3 of other projects"; "" where nobody does. The references are those of
 * the same project, and numbers alone: GitLab cannot take them for anything else.
 */
export function nameHolders({ holders, elsewhere }: QueuePlace): string {
  const named = holders
    .slice(0, MAX_NAMED)
    .map(({ iid, places }) => (places === 1 ? `!${iid}` : `!${iid} (${places} places)`));
  const more = holders.length - named.length;
  const rest = [
    ...(more > 0 ? [`${more} more merge requests`] : []),
    ...(elsewhere > 0 ? [`${elsewhere} of other projects`] : []),
  ];
  return [named.join(', '), ...rest].filter((part) => part !== '').join(' and ');
}

/** How the queue's news are spread: a moved place is told at once per this time at most, and the more who wait, the less often. */
export function newsAfterMs(waiting: number): number {
  return Math.max(10_000, waiting * 1_000);
}
