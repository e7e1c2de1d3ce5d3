package auth_test

import (
	"context"
	"fmt"
	"slices"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// An operator lists the sockets of one user. Leases lists all of them.
func ExampleGate_LeasesOf() {
	key, verifier := issuer()
	gate, err := auth.NewGate(verifier, auth.Options{})
	check(err)
	srv, err := socketio.NewServer(socketio.Options{})
	check(err)
	srv.Use(gate.Handshake)
	url, stop := serve(srv)
	defer stop()
	for _, name := range []string{"ada", "ada", "eve"} {
		p, err := sockettest.Dial(context.Background(), url, sockettest.Options{Auth: map[string]any{"token": tokenFor(name, key)}})
		check(err)
		defer p.Close()
	}

	// These tokens have no iss.
	for lease := range gate.LeasesOf(auth.BySubject("", "ada")) {
		fmt.Println(lease.State, lease.Namespace, lease.Subject)
	}
	fmt.Println(len(slices.Collect(gate.Leases())))

	// Output:
	// running / ada
	// running / ada
	// 3
}
