package socketio

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"socketiojwt/internal/accept"
)

// clientFile matches the names of the published files of the JavaScript client.
var clientFile = regexp.MustCompile(`^socket\.io(\.msgpack|\.esm)?(\.min)?\.js(\.map)?$`)

// serveClientFile answers a request for a file of the JavaScript client. It reports whether the
// request was for such a file.
func (srv *Server) serveClientFile(w http.ResponseWriter, r *http.Request) bool {
	name, below := strings.CutPrefix(r.URL.Path, srv.opts.Engine.Path)
	if !below || !clientFile.MatchString(name) {
		return false
	}
	srv.engine.SetCORSHeaders(w, r) // a page of an allowed origin may import it as a module
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
		http.Error(w, "Options.ClientFiles does not have "+name+".", http.StatusNotFound)
		return true
	}
	sum := sha256.Sum256(content)
	etag := base64.RawURLEncoding.EncodeToString(sum[:12])
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "public, max-age=0")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	if path.Ext(name) == ".map" {
		h.Set("Content-Type", "application/json")
	}
	// A Range header refers to the uncompressed file.
	if accept.Gzip(r) && r.Header.Get("Range") == "" {
		content = srv.compressed.file(name, etag, content)
		etag += "-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	return true
}

// compressedFiles keeps the gzipped files of the JavaScript client, one version of each. Their
// number is bounded by the names that clientFile matches. The zero value is ready to use.
type compressedFiles struct {
	mu     sync.Mutex
	byName map[string]*compressedFile
}

type compressedFile struct {
	etag string // of the file that was compressed
	once sync.Once
	data []byte
}

// file returns content gzipped. It compresses only when etag has changed.
func (c *compressedFiles) file(name, etag string, content []byte) []byte {
	c.mu.Lock()
	f := c.byName[name]
	if f == nil || f.etag != etag {
		f = &compressedFile{etag: etag}
		if c.byName == nil {
			c.byName = make(map[string]*compressedFile)
		}
		c.byName[name] = f
	}
	c.mu.Unlock()
	f.once.Do(func() {
		var out bytes.Buffer
		w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is valid
		_, _ = w.Write(content)                                 // a bytes.Buffer never fails
		_ = w.Close()
		f.data = out.Bytes()
	})
	return f.data
}
