import type { Context } from 'hono';

declare module 'hono' {
  interface ContextVariableMap {
    about: Readonly<Record<string, number>>;
  }
}

/** Says what a request is about, as soon as that is known: where it is refused, the log's line carries these ids. */
export function isAbout(c: Context, ids: Readonly<Record<string, number>>): void {
  c.set('about', { ...c.get('about'), ...ids });
}
