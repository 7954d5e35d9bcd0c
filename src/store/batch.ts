/**
 * Puts what arrives within one turn of the event loop into one transaction: a commit costs more than all that a webhook writes.
 * Each caller is answered after the commit, so what was promised is durable.
 *
 * @param transaction runs an act in a transaction; nested ones are savepoints
 */
export function createBatch(transaction: <T>(act: () => T) => T): <T>(act: () => T) => Promise<T> {
  let waiting: Array<{ act: () => unknown; resolve: (value: never) => void; reject: (error: unknown) => void }> = [];

  function commit(): void {
    const batch = waiting;
    waiting = [];
    try {
      const results = transaction(() => batch.map(({ act }) => act()));
      batch.forEach(({ resolve }, index) => {
        resolve(results[index] as never);
      });
    } catch (error) {
      if (batch.length === 1) {
        batch[0]?.reject(error);
        return;
      }
      // One that fails must not take the others with it: each on its own.
      for (const { act, resolve, reject } of batch) {
        try {
          resolve(transaction(act) as never);
        } catch (error) {
          reject(error);
        }
      }
    }
  }

  return (act) =>
    new Promise((resolve, reject) => {
      waiting.push({ act, resolve, reject });
      if (waiting.length === 1) setImmediate(commit);
    });
}
