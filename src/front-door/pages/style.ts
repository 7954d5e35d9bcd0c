/** Style of the pages: light and dark by the reader's setting, readable on a phone, nothing loaded from anywhere. */
export const STYLE = `
:root { color-scheme: light dark; --ground: #fafafa; --card: #fff; --line: #e4e4e7; --text: #18181b; --quiet: #5f5f68; --link: #1f5fbf; --go: #1f75cb; --bad: #c5402f; --rest: #8b8b95 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #131316; --card: #1c1c20; --line: #313138; --text: #ececef; --quiet: #a4a4ae; --link: #7fb2f5; --go: #5fa2ee; --bad: #ef7d6d; --rest: #83838d }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 1.25rem; background: var(--ground); color: var(--text); font: 1rem/1.55 system-ui, sans-serif }
main { width: 100%; max-width: 44rem; padding: clamp(1.25rem, 5vw, 2.25rem); background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
.which { margin: 0 0 .35rem; color: var(--quiet); font-size: .9375rem; overflow-wrap: anywhere }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; font-weight: 600; display: flex; align-items: baseline; gap: .7rem }
h1::before { content: ''; flex: none; width: .7rem; height: .7rem; border-radius: 50%; background: var(--rest); transform: translateY(-.1rem) }
[data-state=starting] h1::before, [data-state=unreachable] h1::before { background: var(--go); animation: breathe 1.6s ease-in-out infinite }
[data-state=failed] h1::before { background: var(--bad) }
@keyframes breathe { 50% { opacity: .25 } }
@media (prefers-reduced-motion: reduce) { h1::before { animation: none !important } }
p { margin: 0 0 .75rem; overflow-wrap: anywhere }
p:last-child { margin-bottom: 0 }
.hint { color: var(--quiet); font-size: .9375rem }
a { color: var(--link); text-underline-offset: .15em }
h2 { margin: 1.25rem 0 .5rem; font-size: .875rem; font-weight: 600; color: var(--quiet) }
pre { margin: 0 0 1.25rem; padding: .75rem .9rem; max-height: 45vh; overflow: auto; background: var(--ground); border: 1px solid var(--line); border-radius: .5rem; font: .8125rem/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
`;
