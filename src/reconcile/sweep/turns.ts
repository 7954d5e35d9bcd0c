/** What one look at a project asks GitLab for. */
export interface Look {
  readonly mergeRequests: boolean;
  readonly environments: boolean;
  /** Which of the project's merge requests have their note looked for, by their place in the order of ids. */
  note(place: number): boolean;
}

/** A deleted note changes its merge request in GitLab's lists; should that ever be missed, it is back after so many periods. */
const NOTE_TURNS = 12;
/** From so many merge requests on, both lists and a twelfth of the notes are fewer requests than merge requests. */
const MANY = 3;

/**
 * What a project's look asks for at this turn, so that a quiet period costs at most one request for each merge request, whatever their
 * number: a project with one or two takes turns.
 *
 * @param mergeRequests how many of the project's are compared
 */
export function planLook(turn: number, mergeRequests: number): Look {
  if (mergeRequests >= MANY)
    return { mergeRequests: true, environments: true, note: (place) => (place + turn) % NOTE_TURNS === 0 };
  const notes = turn % NOTE_TURNS === 0;
  // Where none is compared, only leftovers are looked for, and they have time.
  const environments = mergeRequests === 0 ? notes : turn % NOTE_TURNS === 4 || turn % NOTE_TURNS === 8;
  return { mergeRequests: mergeRequests > 0 && !notes && !environments, environments, note: () => notes };
}

const WHOLE_LOOK: Look = { mergeRequests: true, environments: true, note: () => true };

/** Whose turn it is in each project. */
export interface Turns {
  /** The project's look comes, and it is its next turn; or everything, as at the first look of this process. */
  next(projectId: number, options: { readonly whole: boolean; readonly spreadMs: number }): void;
  /** With the time over which what it finds to be read one by one is spread; ms. */
  look(projectId: number, mergeRequests: number): Look & { readonly spreadMs: number };
  /** The look has been made: it is not made again until the next turn comes. */
  done(projectId: number): void;
}

export function createTurns(): Turns {
  const turns = new Map<number, { turn: number; whole: boolean; spreadMs: number }>();
  return {
    next(projectId, { whole, spreadMs }) {
      const known = turns.get(projectId);
      const turn = (known?.turn ?? Math.floor(Math.random() * NOTE_TURNS)) + 1;
      turns.set(projectId, { turn, whole: whole || (known?.whole ?? true), spreadMs });
    },
    look(projectId, mergeRequests) {
      const { turn, whole, spreadMs } = turns.get(projectId) ?? { turn: 0, whole: true, spreadMs: 0 };
      return { ...(whole ? WHOLE_LOOK : planLook(turn, mergeRequests)), spreadMs };
    },
    done(projectId) {
      const known = turns.get(projectId);
      if (known) known.whole = false;
    },
  };
}
