/** The app file's `rename_locations`: names of the base's code locations, each with the name that the branch has for it. */
export type RenamedLocations = Readonly<Record<string, string>>;

/** The branch's name for a location of the base. A table that somebody wrote: `constructor` is a name like any other. */
export function nameInBranch(name: string, renamed: RenamedLocations = {}): string {
  return Object.hasOwn(renamed, name) ? (renamed[name] as string) : name;
}

/**
 * The locations of a base under the names that the branch has for them. Where two of them would have one name, that name: their assets
 * cannot be told apart.
 */
export function underNamesOfBranch<Location>(
  base: Iterable<readonly [name: string, location: Location]>,
  renamed: RenamedLocations | undefined,
): { readonly locations: ReadonlyMap<string, Location> } | { readonly twice: string } {
  const locations = new Map<string, Location>();
  for (const [name, location] of base) {
    const own = nameInBranch(name, renamed);
    if (locations.has(own)) return { twice: own };
    locations.set(own, location);
  }
  return { locations };
}
