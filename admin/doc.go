// Package admin is an HTTP API for operators of gates: it lists and counts the sockets that
// the gates know, shows one of them, disconnects it, and returns the figures of the gates.
//
//	operators, err := token.NewVerifier(token.Secret(os.Getenv("ADMIN_SECRET")), token.Options{})
//	if err != nil { ... }
//	api, err := admin.New(map[string]*auth.Gate{"chat": gate}, operators, admin.Options{})
//	if err != nil { ... }
//	go http.ListenAndServe("localhost:9001", api)
//
// Every request needs a token of its own verifier, with the scope "socketio:admin". A user of
// the sockets is therefore not an operator by mistake. To mount the API below a prefix, use
// http.StripPrefix.
//
// Requests that publish are for backends of the sockets: they emit events, wait for
// acknowledgements, and make sockets join and leave rooms, if Options.Server is set. Rooms that
// auth.Options.Rooms of one of the gates declares are refused, in every namespace. They need
// the scope "socketio:publish" instead, so that the token of a backend is not one of an operator.
//
// The OpenAPI document of the API is served at /openapi.json, without a token. Errors are
// problem details (RFC 9457) with the media type application/problem+json.
//
// # Concurrency
//
// The handler may be called concurrently.
//
// # Limits
//
// The API concerns the sockets of this node, or of all nodes: see Options.Server. Lists are read page by page, and are not
// snapshots: see auth.Gate.Leases. It does not show tokens, socket IDs, or claims other than
// iss, sub, jti and sid. The body of a request that publishes has at most 1 MiB, it names at most
// 1,000 rooms, sockets and users, and acknowledgements have at most 4 MiB.
package admin
