// The socketio-jwt command serves a Socket.IO server that admits only sockets with
// a good token, together with a page that shows it at work; mints, inspects and
// verifies tokens; knocks at servers to see whether a token opens them; and says what
// is unsafe or broken in a configuration.
//
//	socketio-jwt serve
//	socketio-jwt token mint --sub ada --secret-file FILE
//	socketio-jwt token verify - --secret-file FILE
//	socketio-jwt probe http://localhost:9000 --token -
//	socketio-jwt doctor --issuer https://issuer.example --audience chat --token -
//
// Every command explains itself with --help. The exit code is 0 when all is well, 1
// when a token was refused or doctor found problems, and 2 for everything else.
//
// # Concurrency
//
// A command runs once; what serve registers may be called concurrently.
//
// # Limits
//
// The development issuer of serve asks for no password. It is there to try things
// on one machine, and answers to that machine alone.
package main
