/** A user of the system, by number. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The account that children are switched to, or null where they stay what the service is.
 * Throws where the service may not switch.
 */
export function chooseAccount(user: Account | null): Account | null {
  const own = process.getuid?.();
  if (!user || own === undefined || user.uid === own) return null;
  if (own !== 0)
    throw new Error(`instances cannot run as user ${user.uid}: only root may switch, and the service is user ${own}`);
  return user;
}

/** Spawn options of a child that runs as the account; libuv drops the supplementary groups with it. */
export function spawnAs(account: Account | null): { uid?: number; gid?: number } {
  return account ? { uid: account.uid, gid: account.gid } : {};
}
