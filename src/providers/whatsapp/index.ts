/** Meta's WhatsApp Cloud API: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview */
import type { Provider } from '../../core/provider.ts';
import { handshake } from './handshake.ts';
import { native } from './native.ts';
import { parse } from './parse.ts';
import { ID_PREFIXES } from './rules.ts';
import { sample } from './sample.ts';
import { checkHeader, sign, verify } from './verify.ts';

export const whatsapp: Provider = {
  name: 'whatsapp',
  signatureHeader: 'x-hub-signature-256',
  checkHeader,
  verify,
  handshake,
  idPrefixes: ID_PREFIXES,
  parse,
  sign,
  native,
  sample,
};
