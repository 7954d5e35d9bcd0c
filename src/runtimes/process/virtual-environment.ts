import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instance } from './instance.ts';
import { runInstanceTool } from './run-inside.ts';

// Scripts in bin/ start with the absolute path of their interpreter, and editable installs name the tree in .pth and finder files.
// Only regular files are looked at. All in one `sed`: an environment has dozens of scripts, and each program that is started costs ms of a push.
// `-i.moved` is what GNU's, BSD's and busybox's understand alike. $1 the environment, $2 the old path, $3 an expression for sed.
const MOVE = `find "$1/bin" "$1"/lib/python*/site-packages "$1/pyvenv.cfg" -maxdepth 1 -type f -size -256k \\
  \\( -path "$1/bin/*" -o -name '*.pth' -o -name '__editable__*' -o -name pyvenv.cfg \\) \\
  -exec grep -lIF -- "$2" {} + 2>/dev/null | {
  change=$3; set --
  while IFS= read -r file; do set -- "$@" "$file"; done
  [ "$#" -gt 0 ] || exit 0
  sed -i.moved -e "$change" -- "$@" || exit 1
  for file; do set -- "$@" "$file.moved"; shift; done
  rm -f -- "$@"
}`;

/**
 * Rewrites a Python virtual environment that was copied from another tree, so that it loads this tree's code and not the old one's.
 * Nothing to do for any other folder, and where the tree has the same path. (PEP 405: `pyvenv.cfg` is what makes it an environment.) Rejects
 * where the Python that it was made with was taken off the machine since: nothing starts from it any more.
 */
export async function moveVirtualEnvironment(
  instance: Instance,
  path: string,
  { from }: { from: string },
): Promise<void> {
  const to = instance.folders.tree;
  if (!(await stat(join(path, 'pyvenv.cfg')).catch(() => undefined))) return;
  if (!(await stat(join(path, 'bin', 'python')).catch(() => undefined)))
    throw new Error('its Python is not there any more');
  if (from === to) return;
  const expression = `s|${from.replace(/[\\.*[\]^$|]/g, '\\$&')}|${to.replace(/[\\&|]/g, '\\$&')}|g`;
  await runInstanceTool(instance, MOVE, [path, from, expression], { account: instance.ground.account });
}
