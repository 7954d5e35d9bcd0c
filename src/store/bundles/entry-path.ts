import { refuseEntry } from './refusals.ts';

const MAX_NAME_BYTES = 255; // NAME_MAX of Linux file systems
const MAX_PATH_BYTES = 2_048; // PATH_MAX is 4096, and the tree lies some folders deep

/**
 * The path of an entry in the tree: parts joined by `/`, and empty for the root itself (`./a//b/` is `a/b`).
 * Throws where the path leaves the tree or is not one that every file system and log can bear.
 */
export function readEntryPath(name: string): string {
  if (name.startsWith('/')) {
    throw refuseEntry(
      name,
      'has an absolute path',
      'Pack paths relative to the folder that is uploaded: "tar -C <folder> -cz .".',
    );
  }
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) {
    throw refuseEntry(
      name,
      'leaves the tree with ".."',
      'Pack only what lies in the folder that is uploaded: "tar -C <folder> -cz .".',
    );
  }
  // U+FFFD is what the tar reader makes of bytes that are not UTF-8: two such names could become one.
  if (name.includes('\uFFFD')) {
    throw refuseEntry(name, 'has a name that is not UTF-8', 'Rename it, or leave it out with the input "exclude".');
  }
  if (/\p{Cc}/u.test(name)) {
    throw refuseEntry(
      name,
      'has a control character or line break in its name',
      'Rename it, or leave it out with the input "exclude".',
    );
  }
  const path = parts.join('/');
  if (Buffer.byteLength(path) > MAX_PATH_BYTES || parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) {
    throw refuseEntry(
      name,
      `has a longer name than the service can store (${MAX_NAME_BYTES} bytes for each part, ${MAX_PATH_BYTES} in all)`,
      'Shorten it, or leave it out with the input "exclude".',
    );
  }
  return path;
}

/**
 * Refuses a pax header whose path has a line break in it. The tar library reads these headers line by line and would drop that record,
 * so the entry would get the shortened name of its classic header.
 */
export function checkPaxHeader(text: string): void {
  for (const line of text.split('\n')) {
    const match = /^(\d+) (?:path|linkpath)=(.*)$/.exec(line);
    if (match && Number(match[1]) !== Buffer.byteLength(line) + 1) {
      throw refuseEntry(
        match[2] as string,
        'has a line break in its name',
        'Rename it, or leave it out with the input "exclude".',
      );
    }
  }
}

/** The folder that a path lies in; empty for the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}
