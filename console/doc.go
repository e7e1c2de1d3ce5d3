// Package console is a web page on which a developer tries an authenticated socket. The page
// logs in, connects in either mode, shows the claims of the token and the time left, sends
// events, tries bad tokens, and shows each packet on the wire.
//
//	page, err := console.Handler(console.Options{Login: true, TokenLife: 15 * time.Minute})
//	if err != nil { ... }
//	mux.Handle("/", page)
//
// The files in page/ are embedded unchanged. There is no build step, and they contain no code
// of other projects. The page connects by its own small client (page/socket.js), which has
// WebSocket and HTTP long-polling: to the Socket.IO server of its origin, or with
// Options.OtherServers to any server.
//
// Operators is another page, for operators of package admin.
//
// # Concurrency
//
// The handlers may be called concurrently.
//
// # Limits
//
// It is a tool for developers: it shows the token to its user. It requests tokens by POST from
// "login", relative to the page, and this package does not handle that path.
package console
