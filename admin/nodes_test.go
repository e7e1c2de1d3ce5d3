package admin_test

import (
	"errors"
	"net/http"
	"reflect"
	"testing"
	"time"

	"socketiojwt/admin"
	"socketiojwt/socketio"
)

func TestNodes(t *testing.T) {
	f := newFixture(t)
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.FixedZone("", 3600))
	for name, test := range map[string]struct {
		nodes admin.Nodes
		want  map[string]any
	}{
		"one node": {want: map[string]any{"self": map[string]any{"id": ""}, "others": []any{}}},
		"several, and Redis away": {
			nodes: admin.Nodes{
				Self:   admin.Node{ID: "a", Name: "web-1"},
				Others: []admin.Node{{ID: "b", Version: "v1.2.3", Since: now, Seen: now.Add(time.Second)}},
				Bus:    &socketio.BusHealth{Since: now, Err: errors.New("connection refused"), Queued: 7, Sent: 1, Received: 2, Ignored: 3, Dropped: 4, Overflows: 5, Gaps: 6},
			},
			want: map[string]any{
				"self":   map[string]any{"id": "a", "name": "web-1"},
				"others": []any{map[string]any{"id": "b", "version": "v1.2.3", "since": "2026-11-27T11:00:00Z", "seen": "2026-11-27T11:00:01Z"}},
				"bus": map[string]any{
					"connected": false, "since": "2026-11-27T11:00:00Z", "error": "connection refused",
					"queued": 7.0, "sent": 1.0, "received": 2.0, "ignored": 3.0, "dropped": 4.0, "overflows": 5.0, "gaps": 6.0,
				},
			},
		},
	} {
		f.nodes = test.nodes
		var got map[string]any
		f.call("GET", "/nodes", "", http.StatusOK, &got)
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}
