import { promisify } from 'node:util';
import { brotliCompress, brotliDecompress, constants, deflate, gunzip, gzip, inflate } from 'node:zlib';

/** A content coding (RFC 9110 §8.4.1), undone and done again. */
export interface Coding {
  /** @throws where the bytes are not of this coding, or more than `limit` come out */
  decode(bytes: Buffer, limit: number): Promise<Buffer>;
  encode(bytes: Buffer): Promise<Buffer>;
}

const AS_IT_IS: Coding = { decode: async (bytes) => bytes, encode: async (bytes) => bytes };

/** Made for one reader, so the quickest level. */
const CODINGS: Readonly<Record<string, Coding>> = {
  '': AS_IT_IS,
  identity: AS_IT_IS,
  gzip: {
    decode: (bytes, limit) => promisify(gunzip)(bytes, { maxOutputLength: limit }),
    encode: (bytes) => promisify(gzip)(bytes, { level: 1 }),
  },
  deflate: {
    decode: (bytes, limit) => promisify(inflate)(bytes, { maxOutputLength: limit }),
    encode: (bytes) => promisify(deflate)(bytes, { level: 1 }),
  },
  br: {
    decode: (bytes, limit) => promisify(brotliDecompress)(bytes, { maxOutputLength: limit }),
    encode: (bytes) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  },
};

/** The coding that a Content-Encoding field names; undefined where it is another one, or several. */
export function codingOf(field: string | undefined): Coding | undefined {
  const name = (field ?? '').trim().toLowerCase();
  return Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined;
}
