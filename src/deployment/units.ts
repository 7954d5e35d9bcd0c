const DURATION_UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3, Ti: 1024 ** 4 };

/** `30s`, `15m`, `2h`, `7d` in ms; undefined where the text is none of these or zero. */
export function durationMs(text: string): number | undefined {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  return match ? Number(match[1]) * (DURATION_UNITS[match[2] as string] as number) || undefined : undefined;
}

/** `512Mi`, `2Gi`, or plain bytes, in bytes; undefined where the text is none of these or zero. */
export function sizeBytes(text: string): number | undefined {
  const match = /^(\d{1,15})(|Ki|Mi|Gi|Ti)$/.exec(text);
  return match ? Number(match[1]) * (SIZE_UNITS[match[2] as string] as number) || undefined : undefined;
}

/** `1.2 s`, `3 m 4 s`: how long something took, for people. */
export function formatDuration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
}

/** `812 B`, `1.4 MiB`: a size, for people. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const unit = bytes < 1024 ** 2 ? 'KiB' : bytes < 1024 ** 3 ? 'MiB' : 'GiB';
  return `${(bytes / 1024 ** (unit === 'KiB' ? 1 : unit === 'MiB' ? 2 : 3)).toFixed(1)} ${unit}`;
}
