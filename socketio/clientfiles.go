package socketio

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

// clientFile matches the names under which the JavaScript client is published.
var clientFile = regexp.MustCompile(`^socket\.io(\.msgpack|\.esm)?(\.min)?\.js(\.map)?$`)

// serveClientFile answers a request for a file of the JavaScript client, and
// reports whether it was one.
func (srv *Server) serveClientFile(w http.ResponseWriter, r *http.Request) bool {
	name, below := strings.CutPrefix(r.URL.Path, srv.opts.Engine.Path)
	if !below || !clientFile.MatchString(name) {
		return false
	}
	if srv.opts.ClientFiles == nil {
		http.Error(w, "This server does not serve the JavaScript client: set Options.ClientFiles, or load the client from where the page comes from.", http.StatusNotFound)
		return true
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return true
	}
	content, err := fs.ReadFile(srv.opts.ClientFiles, name)
	if err != nil {
		http.Error(w, "Options.ClientFiles holds no "+name+".", http.StatusNotFound)
		return true
	}
	sum := sha256.Sum256(content)
	w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	w.Header().Set("Cache-Control", "public, max-age=0")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if path.Ext(name) == ".map" {
		w.Header().Set("Content-Type", "application/json")
	} else {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	return true
}
