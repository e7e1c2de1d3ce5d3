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

// Options describe the server of the page. The zero value is ready to use.
type Options struct {
	// Path is the path of the Socket.IO server. Zero means "/socket.io/".
	Path string
	// Handshake is the namespace in handshake mode. Zero means "/".
	Handshake string
	// Event is the namespace in event mode. Zero means "/admin".
	Event string
	// Login says that POST "login" returns tokens. If false, the page has a field for a token
	// of another issuer instead.
	Login bool
	// TokenLife is the lifetime of these tokens, rounded down to seconds. It must be at least
	// a second with Login. Zero means that there is no login.
	TokenLife time.Duration
	// OtherServers lets the page connect to any server that its user enters, and not only to
	// Path of its own origin. The Content-Security-Policy of the page then allows connections
	// to every origin, but still only the page's own scripts.
	OtherServers bool
	// Leeway is how long the server accepts a token after its expiration time. Zero means that
	// it does not.
	Leeway time.Duration
}

// settings is the content of console.json, which the page reads when it starts.
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

// contentSecurityPolicy returns the policy of the page: it runs only its own files, connects
// only to its own origin ('self' includes WebSocket) unless otherServers is set, and cannot
// be shown in a frame.
func contentSecurityPolicy(otherServers bool) string {
	connect := "'self'"
	if otherServers {
		connect = "'self' http: https: ws: wss:"
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " + connect +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// Handler returns the handler of the page. It serves the files by their names, index.html at
// "/", and the settings at "/console.json", and answers 404 for other paths. It fails if a path
// or namespace in opts does not begin with a slash, or if TokenLife does not fit Login.
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
	if err := addFiles(files, pageFiles, "page"); err != nil {
		return nil, err
	}
	files["/"] = files["/index.html"]
	delete(files, "/index.html") // one URL for one page
	policy := contentSecurityPolicy(opts.OtherServers)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(w, r, files, policy) }), nil
}

// addFiles adds the files of a folder by their names.
func addFiles(files map[string]file, from fs.FS, folder string) error {
	err := fs.WalkDir(from, folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(from, name)
		files[strings.TrimPrefix(name, folder)] = newFile(name, content)
		return err
	})
	if err != nil {
		return fmt.Errorf("console: %w", err)
	}
	return nil
}

// file is the response for one path.
type file struct {
	content   []byte
	mediaType string
	etag      string
}

// mediaTypes has the types of the files, because those of package mime depend on the machine.
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
		http.Error(w, "Not found. The page is at /.", http.StatusNotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "Method not allowed: use GET or HEAD.", http.StatusMethodNotAllowed)
	default:
		header.Set("Content-Type", f.mediaType)
		header.Set("ETag", f.etag)
		header.Set("Cache-Control", "no-cache") // a new version is used at once
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	}
}
