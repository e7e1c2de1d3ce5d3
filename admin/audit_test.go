package admin_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"socketiojwt/internal/logtable"
)

// Each action of an operator has a line in the log, with the fields that docs/lifetime.md lists.
func TestAudit(t *testing.T) {
	var log bytes.Buffer
	f := newFixtureWith(t, slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	compact := f.sign(map[string]any{"sub": "ada", "iss": "i"})
	peer := f.dialAs(compact)
	var p page
	f.call("GET", "/leases", "", http.StatusOK, &p)
	f.call("POST", "/leases/"+p.Leases[0].ID+"/refresh", "", http.StatusNoContent, nil)
	f.call("POST", "/leases/"+p.Leases[0].ID+"/disconnect", "", http.StatusNoContent, nil)
	_ = peer.Ended(t.Context())
	for _, path := range []string{"/revocations", "/blocks", "/blocks/remove"} {
		f.call("POST", path, `{"issuer":"i","subject":"ada","reason":"ticket 12"}`, http.StatusOK, nil)
	}
	f.publish("/emit", `{"event":"x","to":{"all":true}}`, http.StatusNoContent, nil)
	f.publish("/rooms/join", `{"to":{"all":true},"rooms":["x"]}`, http.StatusNoContent, nil)
	f.publish("/rooms/leave", `{"to":{"all":true},"rooms":["x"]}`, http.StatusNoContent, nil)
	f.callAs(f.operator(nil), "POST", "/emit", "", http.StatusForbidden, nil)
	logtable.Check(t, "../docs/lifetime.md", "admin: ", log.Bytes())
	hash := sha256.Sum256([]byte(compact[:strings.LastIndexByte(compact, '.')]))
	for _, part := range []string{`"msg":"admin: disconnected"`, `"operator":"grace"`, `"token":"` + hex.EncodeToString(hash[:]) + `"`, `"socket":"` + p.Leases[0].Socket + `"`} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log has no %s:\n%s", part, &log)
		}
	}
	if strings.Contains(log.String(), "eyJ") {
		t.Errorf("a token is in the log:\n%s", &log)
	}
}
