// The socketio-jwt command serves a Socket.IO server that admits only sockets with
// a valid token, together with a page to try it on; mints, inspects and verifies tokens;
// connects to servers to see whether they accept a token; and reports what is unsafe or
// broken in a configuration.
//
//	socketio-jwt serve
//	socketio-jwt token mint --sub ada --secret-file FILE
//	socketio-jwt token verify - --secret-file FILE
//	socketio-jwt probe http://localhost:9000 --token -
//	socketio-jwt doctor --issuer https://issuer.example --audience chat --token -
//
// Every command has --help, and results for programs with --json. The exit code is 0 for
// success, 1 if a token was refused or doctor found problems, and 2 for everything else.
//
// Flags can be set by variables that begin with SOCKETIO_JWT_. One that no flag reads is
// an error, because it is probably misspelt.
//
// # Concurrency
//
// A command runs once; what serve registers may be called concurrently.
//
// # Limits
//
// The development issuer of serve asks for no password. It is there to try things
// on one machine, and answers only to that machine.
package main
