import { createHash } from 'node:crypto';
import { parentOf } from './entry-path.ts';
import { refuseEntry, refuseTooLarge } from './refusals.ts';

/** One thing of the tree. Modes are reduced to what git keeps, so that a new checkout of the same files is the same bundle. */
export type TreeNode =
  | { readonly kind: 'directory' }
  | { readonly kind: 'file'; readonly executable: boolean; readonly bytes: number; contentHash: string }
  | { readonly kind: 'symlink'; readonly target: string };

const DIRECTORY: TreeNode = { kind: 'directory' };
const MAX_LINKS = 40; // what Linux follows before ELOOP

/**
 * What the tree holds, known before anything is written. No path is written twice and none below a link, so writing never follows
 * a link, whatever the order of the entries.
 */
export class TreeIndex {
  private readonly nodes = new Map<string, TreeNode>();
  private readonly maxEntries: number;

  /** @param maxEntries also counts folders that no entry of the archive names */
  constructor(maxEntries: number) {
    this.maxEntries = maxEntries;
  }

  get size(): number {
    return this.nodes.size;
  }

  at(path: string): TreeNode | undefined {
    return path === '' ? DIRECTORY : this.nodes.get(path);
  }

  /** Adds folders down to this one; the new ones come back, outermost first. */
  addDirectory(path: string, entryName: string): string[] {
    const missing: string[] = [];
    for (let at = path; at !== ''; at = parentOf(at)) {
      const node = this.nodes.get(at);
      if (node === undefined) {
        missing.push(at);
        continue;
      }
      if (node.kind === 'directory') break;
      const what = node.kind === 'symlink' ? 'a symbolic link' : 'a file';
      throw refuseEntry(
        entryName,
        `lies below "${at}", which is ${what} in the same archive`,
        'Pack the folder with one run of tar.',
      );
    }
    for (const folder of missing.reverse()) this.set(folder, DIRECTORY);
    return missing;
  }

  add(path: string, node: TreeNode, entryName: string): void {
    if (path === '')
      throw refuseEntry(entryName, 'would replace the root of the tree', 'Pack a folder, not a single file or link.');
    if (this.nodes.has(path)) {
      throw refuseEntry(
        entryName,
        'is in the archive twice',
        'Pack each file once: with one run of tar, not with "tar -r".',
      );
    }
    this.set(path, node);
  }

  private set(path: string, node: TreeNode): void {
    this.nodes.set(path, node);
    if (this.nodes.size > this.maxEntries) {
      throw refuseTooLarge(`has more than ${this.maxEntries} files and folders`, `${this.maxEntries} of them`);
    }
  }

  /** Refuses a symbolic link that leaves the tree, also by way of other links. To be asked when all entries are known. */
  checkLinks(): void {
    for (const [path, node] of this.nodes) {
      if (node.kind === 'symlink' && !this.staysInside(path, node.target)) {
        throw refuseEntry(
          path,
          `is a symbolic link that leaves the tree (to "${node.target}")`,
          'Replace it by the file that it points to ("tar -h" does), or leave it out with the input "exclude".',
        );
      }
    }
  }

  /** Walks the target as the kernel would. What is not there yet counts as a folder: the app may make it. */
  private staysInside(path: string, target: string): boolean {
    const pending = target.split('/').reverse();
    let at = parentOf(path);
    let links = 0;
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        if (at === '') return false;
        at = parentOf(at);
        continue;
      }
      at = at === '' ? part : `${at}/${part}`;
      const node = this.nodes.get(at);
      if (node?.kind !== 'symlink') continue;
      // A loop cannot be opened, so it leads nowhere; the link that leaves the tree is named in its own turn.
      if (++links > MAX_LINKS || node.target.startsWith('/')) return true;
      pending.push(...node.target.split('/').reverse());
      at = parentOf(at);
    }
    return true;
  }

  /** SHA-256, hex, over sorted (path, mode, content). Times, owners and the order in the archive do not matter. */
  digest(): string {
    const hash = createHash('sha256');
    for (const path of [...this.nodes.keys()].sort()) {
      const node = this.nodes.get(path) as TreeNode;
      // No path or target holds a NUL, so records cannot run into each other.
      if (node.kind === 'directory') hash.update(`directory\0${path}\0\0`);
      else if (node.kind === 'symlink') hash.update(`symlink\0${path}\0${node.target}\0`);
      else hash.update(`${node.executable ? 'executable' : 'file'}\0${path}\0${node.contentHash}\0`);
    }
    return hash.digest('hex');
  }
}
