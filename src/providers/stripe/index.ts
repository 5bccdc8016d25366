/** Stripe's webhooks: https://docs.stripe.com/webhooks */
import type { Provider } from '../../core/provider.ts';
import { native } from './native.ts';
import { parse } from './parse.ts';
import { sample } from './sample.ts';
import { checkHeader, sign, verify } from './verify.ts';

export const stripe: Provider = {
  name: 'stripe',
  signatureHeader: 'stripe-signature',
  checkHeader,
  verify,
  idPrefixes: [''],
  parse,
  sign,
  native,
  sample,
};
