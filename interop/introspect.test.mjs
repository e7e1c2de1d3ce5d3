// Opaque tokens of an OpenID provider, npm oidc-provider, which the server verifies at its introspection endpoint.
import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import Provider from "oidc-provider";
import { ask, dial, heard, isOld, limit, oldVersions, program, shown, start, versions } from "./harness.mjs";

const client = "chat";
const clientSecret = `${randomBytes(32).toString("hex")} %+:`; // Basic credentials are form-encoded
const clients = { "4.8.4": versions["4.8.4"], "2.5.0": oldVersions["2.5.0"] };

let issuer, url, server, web;
before(async () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  web = createServer().listen(0, "127.0.0.1");
  await once(web, "listening");
  issuer = `http://127.0.0.1:${web.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: client, client_secret: clientSecret, grant_types: ["client_credentials"], redirect_uris: [], response_types: [] }],
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "k1" }] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    features: { clientCredentials: { enabled: true }, introspection: { enabled: true }, revocation: { enabled: true }, devInteractions: { enabled: false } },
  });
  web.on("request", provider.callback());
  server = await start(program("TICKETSERVER", "./ticketserver"), ["-introspect", `${issuer}/token/introspection`, "-issuer", issuer, "-client", client], { CLIENT_SECRET: clientSecret });
  url = `http://${JSON.parse(server.line).addr}`;
});
after(async () => {
  await server?.stop();
  web?.closeAllConnections();
  web?.close();
});

// call sends a form to the issuer as the client.
async function call(path, form) {
  const credentials = [client, clientSecret].map((text) => new URLSearchParams({ "": text }).toString().slice(1)).join(":");
  const response = await fetch(issuer + path, { method: "POST", body: new URLSearchParams(form), headers: { authorization: `Basic ${btoa(credentials)}` } });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text && JSON.parse(text);
}

const opaque = async () => (await call("/token", { grant_type: "client_credentials" })).access_token;

// refused resolves with the code and reason that a client is told.
async function refused(socket, io) {
  const [error] = await heard(socket, isOld(io) ? "error" : "connect_error");
  const { code, reason } = isOld(io) ? error : error.data;
  return [code, reason];
}

for (const [version, io] of Object.entries(clients)) {
  const connect = (t, token) => dial(t, io, url, "/", shown(io, { token }));

  test(`${version}: an opaque token that the issuer has made`, limit, async (t) => {
    const token = await opaque();
    assert.doesNotMatch(token, /\./, "it is not opaque");
    const socket = connect(t, token);
    await heard(socket, "connect");
    assert.deepEqual(await ask(socket, "whoami"), [""]); // tokens of this grant have no sub
  });

  test(`${version}: a token that was revoked, and one that was invented`, limit, async (t) => {
    const token = await opaque();
    await call("/token/revocation", { token });
    assert.deepEqual(await refused(connect(t, token), io), ["invalid_token", "token_revoked"]);
    assert.deepEqual(await refused(connect(t, "x".repeat(43)), io), ["invalid_token", "token_revoked"]);
    assert.deepEqual(await refused(connect(t, "not a token"), io), isOld(io) ? ["invalid_token", "token_malformed"] : ["credentials_bad_format", "token_malformed"]);
  });
}
