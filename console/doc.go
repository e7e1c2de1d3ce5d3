// Package console is the page on which a person sees an authenticated socket at
// work: it logs in, connects in either mode, shows the token's claims and the time
// left, talks, knocks with bad tokens, and shows each packet on the wire.
//
//	page, err := console.Handler(console.Options{Login: true, TokenLife: 15 * time.Minute})
//	if err != nil { ... }
//	mux.Handle("/", page)
//
// The files in page/ are embedded as they are; there is no build step, and nothing
// in them is other people's. The page speaks to the Socket.IO server of its own
// origin, by a small client (page/socket.js) that knows only WebSocket.
//
// # Concurrency
//
// The handler may be called concurrently.
//
// # Limits
//
// It is a tool for developers: it shows a token to the person who holds it. It asks
// for a token at "login", beside itself, which is not of this package.
package console
