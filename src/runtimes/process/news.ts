import { messageOf } from '../../errors.ts';

/** Passes on that there is something new to observe of an instance. */
export class News {
  private listener: (name: string) => void = () => {};

  /** Names the one who is told; the one before is told no more. */
  listen(listener: (name: string) => void): void {
    this.listener = listener;
  }

  /** Never throws: it is told in the middle of ends that must go on. @param say takes what the listener has thrown */
  tell(name: string, say: (line: string) => void): void {
    try {
      this.listener(name);
    } catch (error) {
      say(`${name}: its news came to nothing: ${messageOf(error)}`);
    }
  }
}
