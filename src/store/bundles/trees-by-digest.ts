/** Unpacked trees (absolute paths) by the digest of their bundle, oldest first: the same files may have arrived more than once. */
export class TreesByDigest {
  private readonly trees = new Map<string, readonly string[]>();

  of(digest: string): readonly string[] {
    return this.trees.get(digest) ?? [];
  }

  includes(tree: string): boolean {
    return [...this.trees.values()].some((trees) => trees.includes(tree));
  }

  add(digest: string, tree: string): void {
    this.trees.set(digest, [...this.of(digest), tree]);
  }

  remove(digest: string, tree: string): void {
    const left = this.of(digest).filter((one) => one !== tree);
    if (left.length > 0) this.trees.set(digest, left);
    else this.trees.delete(digest);
  }

  /** The oldest one; it is the caller's from then on. */
  takeOldest(digest: string): string | undefined {
    const [oldest] = this.of(digest);
    if (oldest !== undefined) this.remove(digest, oldest);
    return oldest;
  }

  takeAll(digest: string): readonly string[] {
    const all = this.of(digest);
    this.trees.delete(digest);
    return all;
  }

  clear(): void {
    this.trees.clear();
  }
}
