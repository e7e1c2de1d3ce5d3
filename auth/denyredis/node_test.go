package denyredis_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// A revocation reaches users on servers of Node by the requests that these understand: DISCONNECT
// for the rooms that the program names, and a server-side event.
func TestServersOfNodeAreTold(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 0, auth.Options{})
	spy := c.redis.Subscribe("socket.io-request#/#")
	bus, err := redisbus.New(t.Context(), rueidis.ClientOption{InitAddress: []string{c.redis.Addr()}}, redisbus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	srv, err := socketio.NewServer(socketio.Options{Bus: bus.Join, ClusterKey: secret})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(c.key.Key(), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := start(t, c.redis.Addr(), "node")
	gate, err := auth.NewGate(verifier, auth.Options{Denylist: list, LongestToken: time.Hour, Logger: options("").Logger})
	if err != nil {
		t.Fatal(err)
	}
	srv.Use(gate.Handshake)
	gate.RevokeRooms(srv.Namespace, func(m auth.Match) []string {
		_, subject, _ := m.Subject()
		return []string{"node-user:" + subject}
	})
	sockettest.Serve(t, srv)
	if _, err := gate.Revoke(context.Background(), auth.BySubject("i", "ada"), auth.RevokeOptions{Reason: "secret reason"}); err != nil {
		t.Fatal(err)
	}
	var disconnect, event bool
	redistest.Eventually(t, "both requests are sent", func() bool {
		select {
		case m := <-spy.Messages():
			var request struct {
				Type int
				Opts struct{ Rooms []string }
				Data []json.RawMessage
			}
			if err := json.Unmarshal([]byte(m.Payload), &request); err != nil {
				t.Fatalf("%v: %s", err, m.Payload)
			}
			if strings.Contains(m.Payload, "secret reason") {
				t.Errorf("the reason is on the wire: %s", m.Payload)
			}
			switch request.Type {
			case 4:
				disconnect = len(request.Opts.Rooms) == 1 && request.Opts.Rooms[0] == "node-user:ada"
			case 6:
				event = len(request.Data) == 2 && string(request.Data[0]) == `"socketiojwt:revoked"` && strings.Contains(string(request.Data[1]), `"subject":"ada"`)
			}
		default:
		}
		return disconnect && event
	})
}
