package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"socketiojwt/internal/wirejson"
)

//go:embed page
var pageFiles embed.FS

// Options tell the page what server it is the page of.
type Options struct {
	// Path is that of the Socket.IO server. Zero means "/socket.io/".
	Path string
	// Handshake is the namespace in handshake mode. Zero means "/".
	Handshake string
	// Event is the namespace in event mode. Zero means "/admin".
	Event string
	// Login says that POST "login" gives tokens. Zero means that it does not: the
	// page then has a field for a token from elsewhere.
	Login bool
	// TokenLife is how long such a token is good, whole seconds of it. It must be
	// positive with Login and zero without.
	TokenLife time.Duration
	// OtherServers lets the page connect to any server that its user names, rather
	// than to Path of its own origin only. The page's Content-Security-Policy then
	// allows connections to every origin; it still runs no scripts but its own.
	OtherServers bool
	// Leeway is how long after its expiration time a token is still accepted. Zero
	// means that it is not.
	Leeway time.Duration
}

// settings is what the page reads at its start.
type settings struct {
	Path      string `json:"path"`
	Handshake string `json:"handshake"`
	Event     string `json:"event"`
	Login     bool   `json:"login"`
	TokenLife int64  `json:"tokenLife"` // seconds
	Leeway    int64  `json:"leeway"`    // seconds

	OtherServers bool `json:"otherServers"`
}

func (o Options) settings() (settings, error) {
	if o.Login != (o.TokenLife >= time.Second) {
		return settings{}, fmt.Errorf("console: Options.TokenLife is %v with Login %t", o.TokenLife, o.Login)
	}
	s := settings{
		Path: o.Path, Handshake: o.Handshake, Event: o.Event,
		Login: o.Login, TokenLife: int64(o.TokenLife / time.Second), Leeway: int64(o.Leeway / time.Second),
		OtherServers: o.OtherServers,
	}
	for _, name := range []struct {
		value *string
		zero  string
	}{{&s.Path, "/socket.io/"}, {&s.Handshake, "/"}, {&s.Event, "/admin"}} {
		if *name.value == "" {
			*name.value = name.zero
		}
		if !strings.HasPrefix(*name.value, "/") {
			return settings{}, fmt.Errorf("console: %q in Options does not begin with a slash", *name.value)
		}
	}
	return s, nil
}

// contentSecurityPolicy returns the policy of the page: it runs its own files only,
// connects to its own origin only ('self' covers the WebSocket) unless it may use
// other servers, and cannot be framed.
func contentSecurityPolicy(otherServers bool) string {
	connect := "'self'"
	if otherServers {
		connect = "'self' http: https: ws: wss:"
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " + connect +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// Handler returns the handler of the page: its files by their names, index.html at
// "/", its settings at console.json, and 404 for all else.
func Handler(opts Options) (http.Handler, error) {
	s, err := opts.settings()
	if err != nil {
		return nil, err
	}
	start, err := wirejson.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	files := map[string]file{"/console.json": newFile("console.json", start)}
	err = fs.WalkDir(pageFiles, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(pageFiles, name)
		files[strings.TrimPrefix(name, "page")] = newFile(name, content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	files["/"] = files["/index.html"]
	delete(files, "/index.html") // one address for one page
	policy := contentSecurityPolicy(opts.OtherServers)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(w, r, files, policy) }), nil
}

// file is what one address answers.
type file struct {
	content   []byte
	mediaType string
	etag      string
}

// The types of our files, since those of the mime package depend on the machine.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml",
}

func newFile(name string, content []byte) file {
	hash := sha256.Sum256(content)
	return file{content, mediaTypes[path.Ext(name)], `"` + hex.EncodeToString(hash[:12]) + `"`}
}

func serve(w http.ResponseWriter, r *http.Request, files map[string]file, policy string) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")

	f, ok := files[r.URL.Path]
	switch {
	case !ok:
		http.Error(w, "There is nothing here; the page is at /.", http.StatusNotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "This is only for reading.", http.StatusMethodNotAllowed)
	default:
		header.Set("Content-Type", f.mediaType)
		header.Set("ETag", f.etag)
		header.Set("Cache-Control", "no-cache") // so that a new version is seen at once
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	}
}
