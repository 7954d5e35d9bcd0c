import type { Answer, Call } from './route.ts';

/** One page of a list, with the headers of doc/api/rest/_index.md (offset pagination). */
export function paginate<Item>(
  call: Call,
  items: readonly Item[],
  options: { readonly path: string; readonly present: (item: Item) => unknown },
): Answer {
  const page = typeof call.input.page === 'number' ? call.input.page : 1;
  const perPage = Math.min(typeof call.input.per_page === 'number' ? call.input.per_page : 20, 100);
  const pages = Math.max(Math.ceil(items.length / perPage), 1);
  const link = (to: number, rel: string) => {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(call.input))
      if (value !== null && value !== undefined) query.set(key, String(value));
    query.set('page', String(to));
    query.set('per_page', String(perPage));
    return `<${call.gitlab.localUrl}/api/v4${options.path}?${query}>; rel="${rel}"`;
  };
  const links = [
    ...(page > 1 ? [link(page - 1, 'prev')] : []),
    ...(page < pages ? [link(page + 1, 'next')] : []),
    link(1, 'first'),
    link(pages, 'last'),
  ];
  return {
    status: 200,
    body: items.slice((page - 1) * perPage, page * perPage).map(options.present),
    headers: {
      'x-page': String(page),
      'x-per-page': String(perPage),
      'x-prev-page': page > 1 ? String(page - 1) : '',
      'x-next-page': page < pages ? String(page + 1) : '',
      'x-total': String(items.length),
      'x-total-pages': String(pages),
      link: links.join(', '),
    },
  };
}
