import { Agent, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Badges } from '../deployment/badges.ts';
import type { Preview } from '../deployment/preview.ts';
import type { Traffic } from '../deployment/traffic.ts';
import { answerFault, answerNotice, answerServing } from './answer-notice.ts';
import { HeldAnswers } from './badges/hold-answer.ts';
import { canConnect } from './can-connect.ts';
import { forwardRequest } from './forward-request.ts';
import { forwardUpgrade, responseOnSocket } from './forward-upgrade.ts';
import { type Forwarded, requestHeaders } from './headers.ts';
import { describePreview, describeUnknown, describeUnreachable } from './pages/notice.ts';
import { parsePreviewHost } from './preview-host.ts';
import { readTarget } from './request-target.ts';
import { WebSockets } from './web-sockets.ts';

/** How long an unused connection to an instance is kept: shorter than any usual server keeps it, so it rarely meets a closing one. */
const IDLE_CONNECTION_MS = 1_000;
const IDLE_CONNECTIONS = 32;
/** How long `close` lets open requests go on. */
const CLOSING_MS = 5_000;

/** The proxy in front of all instances: told apart from the service by Host, on the same listener. */
export interface FrontDoor {
  /** Whether a Host header is the front door's to answer; any other is the service's. */
  isPreviewHost(host: string | undefined): boolean;
  /**
   * For `request` events. For `checkContinue` events `expectsContinue` leaves the instance to say whether it wants the body;
   * without such a listener Node has said so already.
   */
  handle(req: IncomingMessage, res: ServerResponse, options?: { readonly expectsContinue?: boolean }): void;
  /** For `upgrade` events. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends the WebSockets of an instance that is about to stop; their clients connect again, to the instance that serves then. */
  closeWebSockets(instance: string): void;
  /** Ends all WebSockets, waits a few seconds for open requests, then ends those. */
  close(): Promise<void>;
}

/**
 * @param options.previewDomain lower case, without port
 * @param options.publicUrl where people reach the service: its scheme and port are those of all previews
 * @param options.find asked anew for each request, so a switch to another instance holds from the next one on
 * @param options.traffic counts HTTP requests (and WebSocket handshakes), not open WebSockets: those would hold back a redeploy for ever
 * @param options.now ms since the epoch
 */
export function createFrontDoor(options: {
  readonly previewDomain: string;
  readonly publicUrl: URL;
  readonly find: (name: string) => Preview | undefined;
  readonly traffic: Traffic;
  readonly now: () => number;
  readonly log?: { warn(fields: Readonly<Record<string, unknown>>, message: string): void };
}): FrontDoor {
  const { previewDomain, publicUrl, traffic, now } = options;
  const publicPort = publicUrl.port === '' ? '' : `:${publicUrl.port}`;
  const agent = new Agent({
    keepAlive: true,
    maxFreeSockets: IDLE_CONNECTIONS,
    timeout: IDLE_CONNECTION_MS,
    scheduling: 'lifo',
  });
  const webSockets = new WebSockets();
  const heldAnswers = new HeldAnswers();
  const open = new Set<ServerResponse>();
  let closing = false;

  const locate = (host: string | undefined) =>
    parsePreviewHost(host, previewDomain, { publicHostname: publicUrl.hostname });

  return {
    isPreviewHost: (host) => locate(host).kind !== 'service',

    handle: (req, res, how = {}) => serve(req, res, how),

    upgrade(req, socket, head) {
      const res = responseOnSocket(req, socket);
      const isWebSocket = req.method === 'GET' && /^\s*websocket\s*$/i.test(req.headers.upgrade ?? '');
      const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
      if (hasBody)
        answerFault(res, 400, 'A request with a body cannot change the protocol: leave out the Upgrade header.');
      // Other protocols (h2c is asked for by some clients) may be declined by just answering: RFC 9110 §7.8.
      else if (!isWebSocket) serve(req, res, {});
      else serve(req, res, { upgradeHead: head });
    },

    closeWebSockets: (instance) => webSockets.end(instance),

    async close() {
      closing = true;
      webSockets.endAll();
      const until = Date.now() + CLOSING_MS;
      while (open.size > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
      for (const res of open) res.destroy();
      webSockets.endAll();
      agent.destroy();
    },
  };

  function serve(
    req: IncomingMessage,
    res: ServerResponse,
    how: { expectsContinue?: boolean; upgradeHead?: Buffer },
  ): void {
    open.add(res);
    res.once('close', () => open.delete(res));
    res.on('error', () => res.destroy());
    if (closing) res.shouldKeepAlive = false;
    try {
      route(req, res, how);
    } catch (error) {
      // A lookup that fails, or a header that Node's parser takes and its writer does not: this request's trouble alone.
      options.log?.warn({ error: String(error) }, 'a request to a preview could not be handled');
      answerFault(res, 500, 'The request could not be handled.');
    }
  }

  function route(
    req: IncomingMessage,
    res: ServerResponse,
    how: { expectsContinue?: boolean; upgradeHead?: Buffer },
  ): void {
    const { expectsContinue = false, upgradeHead } = how;
    const host = locate(req.headers.host);
    const target = readTarget(req);
    if ('fault' in target) {
      answerFault(res, 400, target.fault);
      return;
    }
    const preview = host.kind === 'preview' ? options.find(host.label) : undefined;
    if (host.kind !== 'preview' || preview === undefined) {
      answerNotice(req, res, describeUnknown());
      return;
    }
    if (preview.state !== 'serving') {
      answerNotice(req, res, describePreview(preview));
      return;
    }
    if (req.method === 'GET' && req.headers['x-branch-deployment-poll'] !== undefined) {
      answerPoll(req, res, preview).catch(() => res.destroy());
      return;
    }

    const ended = traffic.begin(preview.instance, now());
    res.once('close', ended);
    const forwarding = {
      endpoint: { host: preview.endpoint.host, port: preview.endpoint.port },
      path: target.path,
      headers: requestHeaders(req, forwardedFor(req, host.label), { expectsContinue }),
      hostname: host.hostname,
      fail(error: Error) {
        options.log?.warn(
          { preview: preview.name, instance: preview.instance, error: error.message },
          'an instance gave no response',
        );
        answerNotice(req, res, describeUnreachable(preview.name));
      },
    };
    if (upgradeHead === undefined) {
      forwardRequest(req, res, { ...forwarding, agent, heldAnswers, badges: () => badgesOf(preview) });
    } else {
      const handshakeEnded = () => {
        open.delete(res);
        ended();
      };
      forwardUpgrade(req, req.socket, upgradeHead, {
        ...forwarding,
        instance: preview.instance,
        webSockets,
        res,
        handshakeEnded,
      });
    }
  }

  /** Without badges a preview is as good as with them. */
  function badgesOf(preview: Extract<Preview, { state: 'serving' }>): Badges | undefined {
    try {
      return preview.badges?.();
    } catch (error) {
      options.log?.warn({ preview: preview.name, error: String(error) }, 'the badges of a preview could not be read');
      return undefined;
    }
  }

  function forwardedFor(req: IncomingMessage, label: string): Forwarded {
    return {
      // A listener on `::` sees IPv4 peers as `::ffff:192.0.2.1`.
      for: (req.socket.remoteAddress ?? 'unknown').replace(/^::ffff:(?=[\d.]+$)/, ''),
      host: `${label}.${previewDomain}${publicPort}`,
      proto: publicUrl.protocol === 'https:' ? 'https' : 'http',
    };
  }
}

/** The waiting page asks for itself: answered without a request to the app, and not before the app accepts connections. */
async function answerPoll(
  req: IncomingMessage,
  res: ServerResponse,
  preview: Extract<Preview, { state: 'serving' }>,
): Promise<void> {
  if (await canConnect(preview.endpoint)) answerServing(res);
  else answerNotice(req, res, describeUnreachable(preview.name));
}
