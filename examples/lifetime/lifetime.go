// Package lifetime has the samples of docs/lifetime.md: what happens to the token of a socket
// after its admission.
package lifetime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/admin"
	"socketiojwt/auth"
	"socketiojwt/auth/denyfile"
	"socketiojwt/auth/denyredis"
	"socketiojwt/auth/logout"
	"socketiojwt/socketio"
	"socketiojwt/token"
	"socketiojwt/token/introspect"
)

// NewGate returns a gate whose sockets may refresh their token, and never stay longer than a
// day.
func NewGate(verifier auth.Verifier, revoked auth.Denylist) (*auth.Gate, error) {
	return auth.NewGate(verifier, auth.Options{
		WarnBefore:  time.Minute,
		ExpiryGrace: 10 * time.Second,
		MaxLifetime: 24 * time.Hour,
		Rooms:       []auth.RoomsFrom{auth.RoomOfSubject("user:"), auth.RoomsOf("teams", "team:")},
		Denylist:    revoked,
	})
}

// Restrict lets only tokens with a scope use the namespace, and only users who have logged in
// within the last five minutes delete something.
func Restrict(srv *socketio.Server, gate *auth.Gate, remove socketio.Handler) {
	srv.Wrap(gate.Require(auth.Scopes("chat")))
	recent := auth.Fresh(auth.Freshness{MaxAge: 5 * time.Minute})
	srv.Handle("delete", gate.Require(recent)(remove))
}

// LetPeersJoin lets peers join rooms of topics by name.
func LetPeersJoin(srv *socketio.Server, gate *auth.Gate) error {
	topics, err := gate.RoomRule(auth.RoomRuleOptions{Prefixes: []string{"topic:"}})
	if err != nil {
		return err
	}
	srv.Handle("join", socketio.AckFunc(func(ctx context.Context, s *socketio.Socket, room string) (struct{}, error) {
		return struct{}{}, topics.Join(ctx, s, room)
	}))
	return nil
}

// LogOut ends the sockets of a user on all devices. A token that is issued later is good.
func LogOut(ctx context.Context, gate *auth.Gate, issuer, subject string) error {
	_, err := gate.Revoke(ctx, auth.BySubject(issuer, subject), auth.RevokeOptions{Reason: "logged out everywhere"})
	return err
}

// Ban keeps a user out for a day, whatever token it shows.
func Ban(ctx context.Context, gate *auth.Gate, issuer, subject string) error {
	_, err := gate.Block(ctx, issuer, subject, auth.RevokeOptions{Until: time.Now().Add(24 * time.Hour), Reason: "abuse"})
	return err
}

// OpenDenylist opens a denylist that survives a restart. The caller closes it.
func OpenDenylist() (*denyfile.Denylist, error) {
	return denyfile.Open("/var/lib/chat/denylist.db", denyfile.Options{})
}

// OpenSharedDenylist opens the denylist of all nodes of a cluster. The caller closes it.
func OpenSharedDenylist(ctx context.Context, secret []byte) (*denyredis.Denylist, error) {
	redis := rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}}
	return denyredis.New(ctx, redis, denyredis.Options{Keys: [][]byte{secret}})
}

// LogOutEverywhere ends the sockets of a user on all nodes, and says where they have ended.
func LogOutEverywhere(ctx context.Context, gate *auth.Gate, issuer, subject string) (string, error) {
	done, err := gate.Revoke(ctx, auth.BySubject(issuer, subject), auth.RevokeOptions{Wait: 2 * time.Second})
	return fmt.Sprintf("%d sockets here, others on %v, no answer from %v", done.Sockets, done.Confirmed, done.Missing), err
}

// EndOnNode makes revocations reach the sockets of servers of Node, which have no gate.
func EndOnNode(srv *socketio.Server, gate *auth.Gate) {
	gate.RevokeRooms(srv.Namespace, func(m auth.Match) []string {
		if _, subject, ok := m.Subject(); ok {
			return []string{"node-user:" + subject} // which only the servers of Node join
		}
		return nil
	})
}

// HandleLogouts receives the logout tokens of an issuer. The verifier is for the rules of
// profile.LogoutToken.
func HandleLogouts(mux *http.ServeMux, verifier *token.Verifier, gate *auth.Gate) error {
	handler, err := logout.NewHandler(logout.Options{Verifier: verifier, Gates: []logout.Revoker{gate}})
	if err == nil {
		mux.Handle("POST /backchannel-logout", handler)
	}
	return err
}

// VerifyOpaque returns a verifier that asks the issuer about each token.
func VerifyOpaque(clientSecret string) (*introspect.Verifier, error) {
	return introspect.New("https://login.example.com/introspect", introspect.ClientSecretBasic("chat", clientSecret), introspect.Options{
		Rules: token.Options{Issuers: []string{"https://login.example.com"}, Audiences: []string{"chat"}},
	})
}

// HandOutTickets answers POST /ticket with a ticket for one connection. The gate has
// auth.FromTicket("ticket") among its Sources.
func HandOutTickets(mux *http.ServeMux, gate *auth.Gate) {
	mux.Handle("POST /ticket", gate.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ticket, err := gate.Ticket(r.Context(), auth.TicketOptions{})
		if err != nil {
			http.Error(w, "no ticket now", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(ticket))
	})))
}

// Recover lets clients that lose their connection for up to a minute receive what they missed,
// and keep the rooms of topics that they had joined.
func Recover() socketio.Options {
	return socketio.Options{Recovery: &socketio.Recovery{
		Window:      time.Minute,
		RestoreRoom: func(_ *socketio.Socket, room string) bool { return strings.HasPrefix(room, "topic:") },
	}}
}

// ServeOperators serves the API of operators beside the server.
func ServeOperators(gate *auth.Gate, operators *token.Verifier) error {
	api, err := admin.New(map[string]*auth.Gate{"chat": gate}, operators, admin.Options{})
	if err != nil {
		return err
	}
	server := &http.Server{Addr: "localhost:9001", Handler: api, ReadHeaderTimeout: 5 * time.Second}
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
