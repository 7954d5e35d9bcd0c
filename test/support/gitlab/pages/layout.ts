export const escapeHtml = (text: string) =>
  text.replace(
    /[&<>"']/g,
    (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[character] ?? '',
  );

const CSS = `
:root { color-scheme: light dark; --line: light-dark(#dcdcde, #3a383f); --soft: light-dark(#f5f5f7, #232127); --dim: light-dark(#626168, #a4a3a8);
  --link: light-dark(#0b5cad, #7fb8f0); --good: light-dark(#217645, #52b87a); --bad: light-dark(#c02f12, #ec7d66); --wait: light-dark(#8f4700, #e9be74); }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.55 system-ui, sans-serif; background: light-dark(#fff, #18171d); color: light-dark(#28272d, #ececef); }
header { border-bottom: 1px solid var(--line); background: var(--soft); padding: .6rem 1.2rem; color: var(--dim); }
main { max-width: 62rem; margin: 1.5rem auto 4rem; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
a { color: var(--link); } a:not(:hover) { text-decoration: none; }
.dim { color: var(--dim); }
.badge { display: inline-block; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .6rem; font-size: .8rem; font-weight: 600; color: var(--wait); }
.success, .merged, .available, .opened { color: var(--good); } .failed, .closed { color: var(--bad); } .stopped, .skipped, .canceled, .manual { color: var(--dim); }
.card { border: 1px solid var(--line); border-radius: .5rem; margin: .8rem 0; overflow: hidden; }
.card > .head { background: var(--soft); padding: .4rem .9rem; border-bottom: 1px solid var(--line); } .card > .body { padding: .2rem .9rem .6rem; overflow-x: auto; }
.system { color: var(--dim); margin: .4rem 0; padding-left: .9rem; border-left: 3px solid var(--line); }
table { border-collapse: collapse; margin: .6rem 0; } th, td { border: 1px solid var(--line); padding: .3rem .7rem; text-align: left; vertical-align: top; } th { background: var(--soft); }
code, pre { font: .86em/1.5 ui-monospace, monospace; } code { background: var(--soft); border-radius: .25rem; padding: .1em .3em; }
pre { background: var(--soft); border-radius: .4rem; padding: .8rem; overflow-x: auto; } pre code { padding: 0; background: none; }
pre.trace { white-space: pre-wrap; word-break: break-word; }
.button { display: inline-block; background: #1f75cb; color: #fff; border-radius: .3rem; padding: .15rem .8rem; }
ul.plain { list-style: none; padding: 0; } ul.plain > li + li { margin-top: .3rem; }
`;

/** Reads the page again and shows what changed, with open folds left open. */
const LIVE = `
const main = document.querySelector('main');
let shown = main.innerHTML;
setInterval(async () => {
  const text = await fetch(location.href).then((response) => response.text()).catch(() => null);
  if (text === null) return;
  const fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('main').innerHTML;
  if (fresh === shown) return;
  shown = fresh;
  const open = [...main.querySelectorAll('details')].map((fold) => fold.open);
  main.innerHTML = fresh;
  main.querySelectorAll('details').forEach((fold, index) => { fold.open = open[index] ?? false; });
}, 2000);
`;

/** A whole page. `crumbs` are pairs of text and path; `body` is HTML. */
export function layout(options: {
  readonly title: string;
  readonly crumbs: ReadonlyArray<readonly [string, string]>;
  readonly body: string;
  /** Follows what happens. */
  readonly live?: boolean;
}): string {
  const crumbs = options.crumbs
    .map(([text, path]) => `<a href="${escapeHtml(path)}">${escapeHtml(text)}</a>`)
    .join(' / ');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(options.title)} · stand-in GitLab</title><style>${CSS}</style></head>
<body><header><a href="/">Stand-in GitLab</a>${crumbs === '' ? '' : ` / ${crumbs}`}</header><main>${options.body}</main>${options.live ? `<script>${LIVE}</script>` : ''}</body></html>
`;
}

export const badge = (status: string) => `<span class="badge ${escapeHtml(status)}">${escapeHtml(status)}</span>`;
