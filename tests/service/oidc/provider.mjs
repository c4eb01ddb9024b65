// A real identity provider for the server's tests. Whoever comes is let in as
// the account in the header `x-account`; POST /control says which groups
// accounts have, and what is wrong with the next identity tokens.
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const modules = process.env.OIDC_MODULES;
const load = (path) => import(pathToFileURL(join(modules, 'node_modules', path)));
const { default: Provider } = await load('oidc-provider/lib/index.js');
const jose = await load('jose/dist/node/esm/index.js');

const redirect = process.env.OIDC_REDIRECT;
const secret = process.env.OIDC_SECRET;
const control = { flaw: 'none', groups: {} };

const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true });
const key = { ...(await jose.exportJWK(privateKey)), kid: 'k1', use: 'sig', alg: 'RS256' };

const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'hetero2',
    client_secret: secret,
    redirect_uris: [redirect],
    post_logout_redirect_uris: [new URL('/', redirect).href],
    response_types: ['code'],
    grant_types: ['authorization_code'],
  }],
  jwks: { keys: [key] },
  cookies: { keys: ['test'] },
  pkce: { required: () => true, methods: ['S256'] },
  scopes: ['openid', 'profile', 'email', 'groups'],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
    groups: ['groups'],
  },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => {
      const login = id.replace('subject-of-', '');
      return {
        sub: id,
        name: `Name of ${login}`,
        preferred_username: login,
        email: `${login}@example.org`,
        email_verified: false,
        groups: control.groups[login] ?? [],
      };
    },
  }),
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid profile email groups');
    await grant.save();
    return grant;
  },
});

// What an attacker, or a provider that is broken, would answer.
async function flawed(token) {
  const claims = jose.decodeJwt(token);
  const signed = (changed, signer = privateKey, header = { alg: 'RS256', kid: 'k1' }) =>
    new jose.SignJWT({ ...claims, ...changed }).setProtectedHeader(header).sign(signer);
  const [head, body, signature] = token.split('.');
  const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  switch (control.flaw) {
    case 'audience': return signed({ aud: 'another' });
    case 'audiences': return signed({ aud: ['hetero2', 'another'] });
    case 'issuer': return signed({ iss: 'https://id.example.org' });
    case 'nonce': return signed({ nonce: 'another' });
    case 'no-nonce': return signed({ nonce: undefined });
    case 'expired': return signed({ exp: claims.iat - 60, iat: claims.iat - 120 });
    case 'payload': return [head, encoded({ ...claims, sub: 'subject-of-olga' }), signature].join('.');
    case 'signature': return [head, body, signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))].join('.');
    case 'unsigned': return [encoded({ alg: 'none' }), body, ''].join('.');
    case 'shared-secret': return signed({}, new TextEncoder().encode(secret), { alg: 'HS256' });
    case 'other-key': return signed({}, (await jose.generateKeyPair('RS256')).privateKey);
    case 'access-token': return signed({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' });
    default: return token;
  }
}

provider.use(async (ctx, next) => {
  await next();
  if (ctx.path === '/token' && ctx.body?.id_token) {
    ctx.body = { ...ctx.body, id_token: await flawed(ctx.body.id_token) };
  }
});

const answer = provider.callback();
server.on('request', async (request, response) => {
  try {
    if (request.url === '/control') {
      let text = '';
      for await (const piece of request) text += piece;
      Object.assign(control, JSON.parse(text));
      response.end();
    } else if (request.url.startsWith('/interaction/')) {
      const accountId = `subject-of-${request.headers['x-account'] ?? 'nobody'}`;
      await provider.interactionFinished(request, response, { login: { accountId } });
    } else {
      answer(request, response);
    }
  } catch (error) {
    console.error(error);
    response.statusCode = 500;
    response.end();
  }
});
console.log(`ISSUER ${issuer}`);
