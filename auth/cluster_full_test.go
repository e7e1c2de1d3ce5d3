package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// A node whose denylist is too small for the entries of another node ends the sockets that any
// of these entries concerns.
func TestFetchWithAFullList(t *testing.T) {
	inCluster(t, 1, auth.Options{}, func(hub *bustest.Hub, _ []socketio.NodeID, nodes []*fixture) {
		nodes[0].dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))})
		time.Sleep(10 * time.Second)
		for i := range 1500 {
			_, _ = nodes[0].gate.Block(nodes[0].ctx, "https://issuer", fmt.Sprintf("aa %04d", i), auth.RevokeOptions{})
		}
		nodes[0].revoke(ada, auth.RevokeOptions{}, 0)
		var server socketio.Options
		hub.Join(&server)
		n, stop := startNode(nodes[0].t, server, auth.Options{Denylist: auth.NewDenylist(auth.DenylistOptions{MaxEntries: 10})})
		defer stop()
		p := n.dial(sockettest.Options{Auth: bearing(sign(named("7")))})
		time.Sleep(5 * time.Second)
		if told, _ := n.unauthorized(p); told.Reason != "token_revoked" {
			t.Errorf("told %+v", told)
		}
		if log := n.log.String(); !strings.Contains(log, "could not be stored") || strings.Contains(log, "were fetched from") {
			t.Errorf("log:\n%s", log)
		}
	})
}
