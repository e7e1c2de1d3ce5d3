package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// serveTicket answers a request that the gate has admitted with a ticket.
func serveTicket(gate *auth.Gate) http.Handler {
	return gate.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ticket, err := gate.Ticket(r.Context(), auth.TicketOptions{})
		switch {
		case errors.Is(err, auth.ErrTooManyTickets):
			w.Header().Set("Retry-After", "5")
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		case err != nil:
			log.Print(err)
			http.Error(w, "no ticket", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"ticket": ticket})
	}))
}

// A client fetches a ticket with its token, and opens a connection whose URL has the ticket.
func ExampleGate_Ticket() {
	key, verifier := issuer()
	gate, err := auth.NewGate(verifier, auth.Options{
		Sources: []auth.Source{auth.FromHeader(), auth.FromTicket("ticket")},
	})
	check(err)
	srv, err := socketio.NewServer(socketio.Options{})
	check(err)
	srv.Use(gate.Handshake)
	srv.Handle("whoami", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
		return auth.Token(ctx).Subject, nil
	}))
	sockets, err := srv.Handler()
	check(err)
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sockets)
	mux.Handle("POST /ticket", serveTicket(gate))
	web := httptest.NewServer(mux)
	defer web.Close()
	defer func() { _ = srv.Close() }()

	r, err := http.NewRequest(http.MethodPost, web.URL+"/ticket", nil)
	check(err)
	r.Header.Set("Authorization", "Bearer "+tokenFor("ada", key))
	response, err := http.DefaultClient.Do(r)
	check(err)
	defer func() { _ = response.Body.Close() }()
	fmt.Println(response.Status, response.Header.Get("Cache-Control"))
	var got struct{ Ticket string }
	body, err := io.ReadAll(response.Body)
	check(err)
	check(json.Unmarshal(body, &got))

	opts := sockettest.Options{Query: url.Values{"ticket": {got.Ticket}}}
	peer, err := sockettest.Dial(context.Background(), web.URL, opts)
	check(err)
	answer, err := peer.EmitWithAck(context.Background(), "whoami")
	check(err)
	var name string
	check(answer.Scan(&name))
	fmt.Println("it is", name)
	_, err = sockettest.Dial(context.Background(), web.URL, opts)
	fmt.Println(err)
	_ = peer.Close()
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// 200 OK no-store
	// it is ada
	// socketio client: refused: ticket not accepted
}
