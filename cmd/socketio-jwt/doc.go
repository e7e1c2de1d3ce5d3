// The socketio-jwt command serves a Socket.IO server that admits only sockets with a valid
// token, and a page to try it on. It also mints, inspects and verifies tokens, connects to
// servers to find out whether they accept a token, and reports what is unsafe or broken in a
// configuration.
//
//	socketio-jwt serve
//	socketio-jwt token mint --sub ada --secret-file FILE
//	socketio-jwt token verify - --secret-file FILE
//	socketio-jwt probe http://localhost:9000 --token -
//	socketio-jwt emit --redis redis://localhost:6379 --room lobby news '"hello"'
//	socketio-jwt doctor --issuer https://issuer.example --audience chat --token -
//
// Every command has --help, and results for programs with --json. The exit code is 0 for
// success, 1 if a token was refused or doctor found problems, and 2 for everything else.
//
// Flags can be set by environment variables that begin with SOCKETIO_JWT_. Such a variable
// that no flag reads is an error, because its name is probably misspelled.
//
// # Concurrency
//
// Each process runs one command. The handlers that serve registers may be called
// concurrently.
//
// # Limits
//
// The development issuer of serve asks for no password. It is for trials on one machine, and
// serves only that machine.
package main
