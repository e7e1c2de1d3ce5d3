// Package webtransport serves Engine.IO over WebTransport, the third transport of the client
// socket.io-client since 4.7, by HTTP/3. Programs that do not import it contain no QUIC.
//
//	handler, err := srv.Handler() // of a socketio.Server
//	wt, err := webtransport.NewServer(handler, webtransport.Options{TLS: &tls.Config{Certificates: certificates}})
//	conn, err := net.ListenPacket("udp", ":443")
//	go wt.Serve(conn)
//	defer wt.Close()
//
// A page uses it with the option transports: ["webtransport"], or with ["webtransport",
// "websocket"] and tryAllTransports to fall back. It connects to the same host and port as
// the page's other requests, by UDP. Certificates that no authority has signed need the
// client's option transportOptions.webtransport.serverCertificateHashes.
//
// # Rules
//
// To the server below, each session is a WebSocket: Transport, figures and metrics call it so.
// All limits and rules of package engineio hold: origins, Allow, MaxPayload, heartbeat,
// MaxOutbound, MaxSessions and MaxNewPerAddress, and the gate of package auth. A browser
// sends neither cookies nor headers of its own nor the client's option query, so a token
// must be in the auth payload or in an event. A session cannot begin by polling and upgrade
// to WebTransport.
//
// # Limits
//
// Connections are bounded in all and per address (Options). A connection has one session at
// a time, and is closed after 15 s without one. One address may have 100 connections
// without a session. A peer must send its first packet within 10 s of the response to its
// request, and at most 1,000 peers at a time may be in that state. A session has one stream,
// and a connection buffers at most 512 KiB. It costs far more memory than a WebSocket: see
// docs/adr/0062-compression-and-webtransport.md.
package webtransport
