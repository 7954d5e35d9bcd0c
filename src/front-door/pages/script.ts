/**
 * Script of the pages that wait: asks for its own address, with a header that the front door answers itself, shows what changed
 * meanwhile, and gives way to the app once that is there. A 5xx without the state is somebody else's (a proxy while the service
 * restarts), and no reason to reload: that would end the waiting.
 */
export const SCRIPT = `
const main = () => document.querySelector('main');
const toEnd = () => { const log = document.querySelector('pre'); if (log) log.scrollTop = log.scrollHeight; };
const look = async () => {
  try {
    const answer = await fetch(location.href, {
      headers: { accept: 'text/html', 'x-branch-deployment-poll': '1' },
      cache: 'no-store', redirect: 'manual', signal: AbortSignal.timeout(15000),
    });
    const state = answer.headers.get('x-branch-deployment-state');
    if (state === 'serving' || (state === null && answer.status < 500)) return location.reload();
    if (state !== null) {
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const next = page.querySelector('main');
      if (next && next.outerHTML !== main().outerHTML) {
        main().replaceWith(document.adoptNode(next));
        document.title = page.title;
        toEnd();
      }
    }
  } catch {}
  wait();
};
const wait = () => {
  const seconds = Number(main().dataset.poll);
  if (seconds > 0) setTimeout(look, seconds * 1000);
};
toEnd();
wait();
`;
