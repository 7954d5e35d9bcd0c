/** Where a Host header leads: the service itself, one preview, or a name under the preview domain that can be none. */
export type HostTarget =
  | { readonly kind: 'service' }
  | { readonly kind: 'preview'; readonly label: string; readonly hostname: string }
  | { readonly kind: 'nowhere' };

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Reads a Host header. Any port, upper case and a trailing dot are fine; a label with further labels before it is no preview
 * (`a.b.<domain>`), because wildcard DNS and certificates cover one level only.
 *
 * @param host as the client sent it
 * @param previewDomain lower case, without port
 */
export function parsePreviewHost(
  host: string | undefined,
  previewDomain: string,
  options: { readonly publicHostname: string },
): HostTarget {
  const hostname = (host ?? '').toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
  // The service may itself live under the preview domain (service.example.com beside *.example.com).
  if (!hostname.endsWith(`.${previewDomain}`) || hostname === options.publicHostname) return { kind: 'service' };
  const label = hostname.slice(0, -previewDomain.length - 1);
  return LABEL.test(label) ? { kind: 'preview', label, hostname } : { kind: 'nowhere' };
}
