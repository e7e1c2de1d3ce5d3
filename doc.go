// Package socketiojwt has no code. It is the entry to a Socket.IO server for Go that
// admits only clients with a valid JWT. No handler, room or broadcast ever sees a socket
// that has not been admitted, and a socket stays no longer than its token is valid.
//
// The packages, in the order in which a program meets them:
//
//   - token verifies tokens: keys with their algorithms, rules, errors. Below it,
//     token/jwks fetches the keys of issuers, token/profile has the rules for tokens of
//     Auth0, Keycloak, Cognito, Firebase and the standards, and token/mint signs tokens.
//   - auth is the gate. Gate.Handshake admits in one round trip, Gate.Event in two, and
//     Gate.HTTP protects ordinary routes.
//   - socketio is the Socket.IO server: namespaces, rooms, events, acknowledgements. It
//     knows nothing of tokens. socketio/client is a client.
//   - engineio is the transport below it: WebSocket, long-polling, heartbeats, origins.
//   - console is a page for trying a server, which a program can mount.
//
// For tests: socketio/sockettest and auth/authtest start a server and sign tokens in a few
// lines, token/tokentest is an issuer that misbehaves, token/tokentest/hostile has tokens
// that must be refused, and socketio/bustest joins servers of one process.
//
// The command cmd/socketio-jwt serves the page, mints and verifies tokens, tries servers,
// and checks configurations. README.md has a program to copy, docs/walk.md follows one
// connection through the code, and docs/adr has the reasons for the design.
package socketiojwt
